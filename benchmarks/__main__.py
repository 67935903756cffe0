"""`python -m benchmarks [NAME ...]`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from benchmarks import (
    api,
    burned_in,
    corrections,
    duplicates,
    explain,
    hostile_models,
    hostile_uploads,
    index,
    label_noise,
    memory,
    metrics,
    novelty,
    pages,
    predictor,
)

BENCHMARKS: dict[str, Callable[[argparse.Namespace], None]] = {
    "index": lambda options: index.run(options.repeats),
    "duplicates": lambda options: duplicates.run(options.repeats),
    "explain": lambda options: explain.run(options.repeats),
    "pages": lambda options: pages.run(options.repeats),
    "api": lambda options: api.run(options.repeats),
    "predictor": lambda options: predictor.run(options.repeats),
    "burned-in": lambda _: burned_in.run(),
    "hostile-uploads": lambda _: hostile_uploads.run(),
    "corrections": lambda _: corrections.run(),
    "label-noise": lambda _: label_noise.run(),
    "novelty": lambda _: novelty.run(),
    "memory": lambda _: memory.run(),
    "hostile-models": lambda _: hostile_models.run(),
    "metrics": lambda options: metrics.run(options.repeats, quick=options.quick),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="runs of each (5)")
    parser.add_argument(
        "--quick", action="store_true", help="metrics: let scikit-learn do a tenth of the work"
    )
    options = parser.parse_args()
    unknown = set(options.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there is {', '.join(BENCHMARKS)}")
    for name in options.names or BENCHMARKS:
        BENCHMARKS[name](options)


if __name__ == "__main__":
    main()
