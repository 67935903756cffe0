"""How often a password may be guessed: counted by name, never by address alone.

Who guesses many names from one address, or from behind the same proxy, must not keep out those who know
their password. `MOST_ANYWHERE` for one name, from wherever they come, do close it to all, also to whom it
is: many addresses must not buy many guesses. A name that there is not is counted like one that there is,
so that nobody learns which.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

WITHIN_SECONDS = 15 * 60
MOST_HERE, MOST_ANYWHERE = 5, 50
"""Wrong passwords for one name: from one address, and from all together."""
_MOST_ROWS = 100_000


def begin(folder: Path, name: str, address: str) -> bool:
    """Note that a password is about to be checked; False, and nothing noted, where there were too many.

    It is noted before the check, so that many at once are counted too; `succeeded` takes it back.

    Raises:
        OSError, sqlite3.Error: it cannot be noted.
    """
    since = time.time() - WITHIN_SECONDS
    with _file(folder) as file, file:
        file.execute("DELETE FROM attempts WHERE at <= ?", (since,))
        file.execute(
            "DELETE FROM attempts WHERE rowid <= (SELECT max(rowid) FROM attempts) - ?",
            (_MOST_ROWS,),
        )
        for who, most in _limits(name, address).items():
            query = "SELECT count(*) FROM attempts WHERE who = ? AND at > ?"
            if file.execute(query, (who, since)).fetchone()[0] >= most:
                return False
        file.executemany(
            "INSERT INTO attempts VALUES (?, ?)",
            [(who, time.time()) for who in _limits(name, address)],
        )
    return True


def succeeded(folder: Path, name: str, address: str) -> None:
    """The password was right: that attempt does not count.

    Raises:
        OSError, sqlite3.Error: it cannot be noted.
    """
    with _file(folder) as file, file:
        file.executemany(
            "DELETE FROM attempts WHERE rowid = (SELECT max(rowid) FROM attempts WHERE who = ?)",
            [(who,) for who in _limits(name, address)],
        )


def _limits(name: str, address: str) -> dict[str, int]:
    """How many are too many, by what they are counted under: no name is written down as it was typed."""
    return {_key(name, address): MOST_HERE, _key(name): MOST_ANYWHERE}


def _key(*parts: str) -> str:
    text = "\n".join(parts).encode(errors="surrogatepass")
    return hashlib.blake2b(text, digest_size=16).hexdigest()


@contextmanager
def _file(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(folder / "sign-in.sqlite", timeout=30)) as file:
        file.execute("CREATE TABLE IF NOT EXISTS attempts (who TEXT NOT NULL, at REAL NOT NULL)")
        file.execute("CREATE INDEX IF NOT EXISTS by_whom ON attempts (who)")
        yield file
