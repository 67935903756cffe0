"""`brainmri.columns`: what Arrow makes of a list itself, without importing pandas."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pyarrow as pa
import pytest

from brainmri.columns import column


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["glioma", "", "Schädel/ß.jpg"], pa.string()),
        (["train", None, "test"], pa.string()),
        ([None] * 9, pa.string()),
        ([b"\x00\x01", b"", b"\xff"], pa.binary()),
        ([b"\x00\x01", b"\xff\xfe"], pa.binary(2)),
        ([b"\x00\x01", None], pa.binary(2)),
        ([3, None, -(2**62)], pa.int64()),
        ([3, 4], pa.int32()),
        ([0.1, None, float("inf")], pa.float64()),
        ([], pa.string()),
        ([], pa.float64()),
    ],
)
def test_it_is_the_array_that_arrow_makes_of_the_list(values: list[Any], kind: pa.DataType) -> None:
    made = column(values, kind)
    made.validate(full=True)
    assert made.equals(pa.array(values, kind))


def test_pandas_is_not_imported_for_it() -> None:
    code = (
        "import sys, pyarrow as pa; from brainmri.columns import column; "
        "column(['a', None], pa.string()); column([1], pa.int64()); print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
