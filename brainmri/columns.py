"""Python lists to Arrow arrays without pandas, for a command that has no other use for it.

`pyarrow.array` imports pandas as soon as it is given a list or a numpy array, to ask whether that is one
of pandas': 0.4 s of processor time. Buffers it takes as they are (Apache Arrow, "Columnar Format").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa


def column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """`values` as an Arrow array of `kind`; None stands for a gap.

    Args:
        values: texts for a string, bytes for a binary, else numbers.
        kind: string, binary (of one length or of any), or a number of whole bytes.
    """
    text = pa.types.is_string(kind)
    one_length = pa.types.is_fixed_size_binary(kind)
    number = not (text or one_length or pa.types.is_binary(kind))
    buffers: list[pa.Buffer | None] = [None]
    if None in values:
        present = np.array([value is not None for value in values])
        buffers = [pa.py_buffer(np.packbits(present, bitorder="little"))]
        blank = 0 if number else "" if text else bytes(kind.byte_width if one_length else 0)
        values = [blank if value is None else value for value in values]
    if number:  # What Arrow calls the type that pandas takes is one of numpy.
        buffers.append(pa.py_buffer(np.array(values, dtype=kind.to_pandas_dtype())))
    elif one_length:
        buffers.append(pa.py_buffer(b"".join(values)))
    else:
        parts = [value.encode() for value in values] if text else values
        ends = np.cumsum([0, *map(len, parts)], dtype=np.int32)
        buffers += [pa.py_buffer(ends), pa.py_buffer(b"".join(parts))]
    return pa.Array.from_buffers(kind, len(values), buffers)
