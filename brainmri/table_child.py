"""A stranger's table at arm's length: checked and converted in a process with limits on memory and time.

A table of a few kB can unpack to any size, and says in its own words how large it is.
`python -m brainmri.table_child`, started by `convert`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from brainmri import confine
from brainmri.errors import InputError, OutputError
from brainmri.foreign_tables import Checked
from brainmri.processes import bare_environment

MEMORY_BYTES = 3 << 30
"""Of address space, of which Python and its libraries take about a third."""
SECONDS = 300
_SLOW = (
    f"The table took longer than {SECONDS // 60} minutes to be read; split it into several runs."
)
_LARGE = (
    "The table needs more memory to be read than it may use; keep only the columns that are needed, and "
    "write smaller row groups."
)
_FAILED = "The table could not be checked; export it again, as CSV or Parquet."
_ENDED: dict[int, str] = {signal.SIGXCPU: _SLOW, signal.SIGKILL: _LARGE, signal.SIGABRT: _LARGE}
"""Why a signal ended the process; libraries in C++ that get no memory abort."""


def convert(source: Path, to: Path, *, models: Path, memory_bytes: int = MEMORY_BYTES) -> Checked:
    """As `foreign_tables.convert`, by the image index of `models` where there is one.

    Raises:
        InputError: as there, or it takes too much memory or time.
        OutputError: the result could not be written.
    """
    try:
        ran = subprocess.run(
            [sys.executable, "-s", "-m", "brainmri.table_child", str(source.absolute()),
             str(to.absolute()), str(models.absolute()), str(memory_bytes)],
            env=bare_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=SECONDS,
        )  # fmt: skip
        told = json.loads(ran.stdout)
    except subprocess.TimeoutExpired:
        raise InputError(_SLOW) from None
    except ValueError:
        raise InputError(_ENDED.get(-ran.returncode, _FAILED)) from None
    except OSError as error:
        raise InputError(f"The table cannot be read ({error.strerror or error}).") from None
    if "fault" in told:
        raise (OutputError if told["of_output"] else InputError)(told["fault"])
    return Checked(**told)


def main(source: Path, to: Path, models: Path, memory_bytes: int) -> None:
    """Convert, and print what was found or what is wrong as JSON."""
    confine.limit(memory_bytes=memory_bytes, cpu_seconds=SECONDS, writes=True)
    os.nice(5)  # The pages come first.
    from brainmri import foreign_tables, results

    try:
        known = results.known_images(models)
    except InputError:
        known = None  # The pages say what is wrong with it.
    try:
        told = asdict(foreign_tables.convert(source, to, known=known))
    except InputError as error:
        told = {"fault": str(error), "of_output": isinstance(error, OutputError)}
    except MemoryError:
        told = {"fault": _LARGE, "of_output": False}
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
