"""The sides of the benchmark `metrics`, each in a process of its own; prints what it took as JSON.

`python -m benchmarks.metrics_sides SIDE MODELS ROWS`: SIDE is generate, bare, pyarrow, ours or scikit-learn;
"bare" copies MODELS's table without paths to the folder "bare" beside it.
Imports and starting Python are not counted.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.commands import ROOT

RUN = "large"
CLASSES = ["glioma", "meningioma", "notumor", "pituitary"]
NEGATIVE = "notumor"
METRIC_COLUMNS = ["split", "label", *(f"prob_{c}" for c in CLASSES)]
COLUMNS = ["path", *METRIC_COLUMNS, "seen"]
"""What the page needs; of paths, those of the images behind each cell of the matrix."""

_ROWS_AT_ONCE = 500_000
_INTERACTIONS = 20


def generate(models: Path, rows: int) -> None:
    """Write a table of a fair model, one tenth of it validation images, in row groups."""
    path = _table(models)
    path.parent.mkdir(parents=True)
    rng = np.random.default_rng(0)
    writer = None
    for start in range(0, rows, _ROWS_AT_ONCE):
        n = min(_ROWS_AT_ONCE, rows - start)
        y_true = rng.integers(0, len(CLASSES), n)
        raw = 2 * rng.standard_normal((n, len(CLASSES)), dtype=np.float32)
        raw[np.arange(n), y_true] += 5
        np.exp(raw, out=raw)
        raw /= raw.sum(axis=1, keepdims=True)
        number = pa.array(np.arange(start, start + n)).cast(pa.string())
        columns = {
            "path": pc.binary_join_element_wise("Testing/image-", number, ".jpg", ""),
            "split": pa.array(["test", "val"]).take(pa.array((rng.random(n) < 0.1).astype(int))),
            "label": pa.array(CLASSES).take(pa.array(y_true)),
            **{f"prob_{c}": pa.array(raw[:, i]) for i, c in enumerate(CLASSES)},
            "seen": pa.array(rng.random(n) < 0.5),
        }
        table = pa.table(columns)
        if writer is None:
            writer = pq.ParquetWriter(
                path, table.schema, compression="zstd", write_page_checksum=True
            )
        writer.write_table(table)
    if writer is not None:
        writer.close()


def write_bare(models: Path) -> None:
    """The same table as another tool may leave it: no more than the metrics need."""
    path = _table(models.parent / "bare")
    path.parent.mkdir(parents=True)
    with pq.ParquetFile(_table(models)) as opened:
        schema = pa.schema([field for field in opened.schema_arrow if field.name in METRIC_COLUMNS])
        with pq.ParquetWriter(path, schema) as writer:
            for i in range(opened.num_row_groups):
                writer.write_table(opened.read_row_group(i, columns=METRIC_COLUMNS))


def read_with_pyarrow(models: Path) -> dict[str, Any]:
    """Read the same columns and nothing else."""
    path = _table(models)
    there = pq.read_schema(path).names
    return _timed(lambda: pq.read_table(path, columns=[c for c in COLUMNS if c in there]))


def all_of_ours(models: Path) -> dict[str, Any]:
    """All figures of the test split from opening the file; then clicks on the page, in ms."""
    os.environ["BRAINMRI_MODELS"] = str(models)
    import_module("pandas")  # As a worker does before anybody asks; imports are not counted.
    from dashboard import data
    from dashboard.app import server
    from tests.dashboard.visit import Visitor

    # The first of these names imports half a second of modules.
    list_runs, report, curves = data.list_runs, data.report, data.curves

    def figures() -> None:
        (view,), _ = list_runs()
        report(view, "test")
        curves(view, "test")

    took = _timed(figures)
    visitor = Visitor(server.test_client())
    shown = '{"page":"evaluate","state":"show"}.value'
    here = {"run": RUN, "split": "test", "slice": "", "above": ""}
    cell = f"glioma~{NEGATIVE}"
    clicks: dict[str, Callable[[str], object]] = {
        "matrix": lambda show: visitor.fire(
            "evaluate-truths", inputs={**here, "cell": "", "show": show}, changed=[shown]
        ),
        "page": lambda show: visitor.fire(
            "evaluate-truths", inputs={**here, "cell": cell, "show": show}
        ),
        "cell": lambda _: visitor.fire(
            "evaluate-chosen",
            inputs={**here, "cell": cell, "sort": "error", "like": ""},
            state={"evaluate-chosen": ""},
        ),
    }
    for name, click in clicks.items():
        times = [
            _timed(partial(click, show)) for show in ("counts", "share") * (_INTERACTIONS // 2)
        ]
        for kind in ("wall", "cpu"):
            took[f"{name}_{kind}"] = 1000 * statistics.median(time[kind] for time in times)
    took["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return took


def all_of_scikit_learn(models: Path) -> dict[str, Any]:
    """The same figures without intervals, from arrays that are in memory already."""
    from sklearn import metrics as sk

    table = pq.read_table(_table(models), columns=METRIC_COLUMNS)
    table = table.filter(pc.equal(table["split"], "test"))
    y_true = pc.index_in(table["label"], pa.array(CLASSES)).to_numpy()
    y_prob = np.stack([table[f"prob_{c}"].to_numpy() for c in CLASSES], axis=1)
    del table
    y_pred = y_prob.argmax(axis=1)
    negative = CLASSES.index(NEGATIVE)

    def figures() -> None:
        sk.confusion_matrix(y_true, y_pred)
        sk.accuracy_score(y_true, y_pred)
        sk.precision_recall_fscore_support(y_true, y_pred)
        sk.precision_recall_fscore_support(y_true, y_pred, average="weighted")
        tumour, called = y_true != negative, y_pred != negative
        for label in (True, False):
            sk.recall_score(tumour, called, pos_label=label)
        sk.precision_score(~tumour, ~called)
        for i in range(len(CLASSES)):
            positive, score = y_true == i, y_prob[:, i]
            sk.roc_curve(positive, score)
            sk.roc_auc_score(positive, score)
            sk.precision_recall_curve(positive, score)
            sk.average_precision_score(positive, score)

    return _timed(figures)


def _table(models: Path) -> Path:
    return models / RUN / "predictions.parquet"


def _timed(work: Callable[[], object]) -> dict[str, Any]:
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def main() -> None:
    """Run the side that the command line names."""
    side, models, rows = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    if side == "generate":
        generate(models, rows)
        return
    if side == "bare":
        write_bare(models)
        return
    sides = {
        "pyarrow": read_with_pyarrow,
        "ours": all_of_ours,
        "scikit-learn": all_of_scikit_learn,
    }
    print(json.dumps(sides[side](models)))


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
