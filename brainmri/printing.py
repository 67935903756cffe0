"""HTML pages as PDF files, printed by the Chromium of this machine where there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from brainmri.errors import InputError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""What can print to PDF, by name."""
_SECONDS = 120


def browser() -> str | None:
    """What prints here; None where nothing can."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def pdf(page: str) -> bytes:
    """A page of HTML, printed.

    Raises:
        InputError: there is no browser here, or it does not print.
    """
    printer = browser()
    if printer is None:
        raise InputError(
            "There is no Chromium on this machine to print a PDF with; write the report to a file that "
            "ends in .html, open it in any browser and print it from there."
        )
    with tempfile.TemporaryDirectory() as folder:
        source, printed = Path(folder, "report.html"), Path(folder, "report.pdf")
        source.write_text(page, encoding="utf-8")
        command = [printer, "--headless", "--disable-gpu", f"--user-data-dir={folder}/profile",
                   "--no-pdf-header-footer", f"--print-to-pdf={printed}"]  # fmt: skip
        if os.geteuid() == 0:
            command.append("--no-sandbox")  # Chromium refuses its sandbox to root.
        try:
            subprocess.run(
                [*command, source.as_uri()], capture_output=True, timeout=_SECONDS, check=True
            )
            return printed.read_bytes()
        except (subprocess.SubprocessError, OSError) as error:
            raise InputError(
                f"{printer} did not print the report ({type(error).__name__}); write it to a file that "
                "ends in .html and print it from a browser."
            ) from error
