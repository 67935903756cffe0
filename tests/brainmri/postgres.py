"""A PostgreSQL server of the tests' own, from Debian's packages; skipped where there is none."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_DEBIAN = Path("/usr/lib/postgresql")


@contextmanager
def cluster() -> Iterator[str]:
    """A server that listens on a socket of its own only, and the address of an empty database."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    programs = sorted(_DEBIAN.glob("*/bin/initdb"))
    found = str(programs[-1]) if programs else shutil.which("initdb")
    if found is None or not Path(found).with_name("pg_ctl").is_file():
        if os.environ.get("BRAINMRI_REQUIRE_POSTGRES") == "1":
            pytest.fail("there is no PostgreSQL here and BRAINMRI_REQUIRE_POSTGRES=1 asks for one")
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    # Root may not run the server.
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    short = Path("/tmp") / f"brainmri-pg-{os.getpid()}"  # A socket's path holds 107 characters.
    short.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(short, user)
    settings = f"-k {short} -c listen_addresses= -c fsync=on"
    data = short / "data"

    def call(*command: str) -> None:
        subprocess.run(
            command, check=True, capture_output=True, cwd="/",
            user=user if os.geteuid() == 0 else None,
        )  # fmt: skip

    try:
        call(found, "-D", str(data), "-A", "trust", "-U", "tests", "--no-sync")
        control = str(Path(found).with_name("pg_ctl"))
        log = str(short / "log")
        call(control, "-D", str(data), "-o", settings, "-l", log, "-w", "start")
        try:
            yield f"postgresql+psycopg://tests@/postgres?host={short}"
        finally:
            call(control, "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(short, ignore_errors=True)
