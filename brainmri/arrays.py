"""Arrays that were fitted for a run, in a file beside its model: plain .npz, no pickle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from brainmri.errors import InputError
from brainmri.files import write_atomically

Arrays = Mapping[str, NDArray[Any]]
_Fitted = TypeVar("_Fitted")
_FINGERPRINT = "fingerprint"


def write(path: Path, fingerprint: str, arrays: Arrays) -> None:
    """Write arrays and what they were fitted on: the same bytes for the same content.

    Raises:
        OutputError: they could not be written.
    """
    content: dict[str, Any] = {_FINGERPRINT: np.array(fingerprint), **arrays}

    def save(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez_compressed(file, **content)

    write_atomically(path, save)


def read(path: Path, fingerprint: str, build: Callable[[Arrays], _Fitted]) -> _Fitted | None:
    """What `build` makes of the arrays; None without a file, or for one with another fingerprint.

    Raises:
        InputError: the file is damaged, or `build` cannot use it.
    """
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            if str(stored[_FINGERPRINT]) != fingerprint:
                return None
            arrays = {name: stored[name] for name in stored.files if name != _FINGERPRINT}
        for name, array in arrays.items():
            if not np.isfinite(array).all():
                raise ValueError(f"{name} holds values that are not numbers")
        return build(arrays)
    except Exception as error:  # zipfile and numpy raise many types on a damaged file.
        fault = str(error) or type(error).__name__
    raise InputError(f"{path} is damaged ({fault}); delete it, and `predict` will fit it again.")
