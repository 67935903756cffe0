"""`python -m benchmarks [NAME ...]`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from benchmarks import duplicates, index, predictor

BENCHMARKS: dict[str, Callable[[int], None]] = {
    "index": index.run,
    "duplicates": duplicates.run,
    "predictor": predictor.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="runs of each (5)")
    options = parser.parse_args()
    unknown = set(options.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there is {', '.join(BENCHMARKS)}")
    for name in options.names or BENCHMARKS:
        BENCHMARKS[name](options.repeats)


if __name__ == "__main__":
    main()
