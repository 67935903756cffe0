"""The only part of the dashboard that reads files; what it returns is cached until a file changes.

Pages say `data.NAME` for all that `names` lists. It is imported when the first of them is asked for, since
pandas and pyarrow take as long to import as everything that the first request needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dashboard.data.names import *
else:

    def __getattr__(name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        found = getattr(import_module("dashboard.data.names"), name)
        globals()[name] = found
        return found
