"""Who may sign in to the dashboard, and as what. Passwords are kept as salted scrypt hashes only."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from brainmri.errors import InputError

USERS = "BRAINMRI_USERS"
VIEWER, CLINICIAN, MAINTAINER = "viewer", "clinician", "maintainer"
ROLES = (VIEWER, CLINICIAN, MAINTAINER)
"""Each may do what those before it may: look; predict and correct; review, promote and upload."""
SHORTEST_PASSWORD = 10
NO_PASSWORD = "-"
"""In place of a hash: this user comes through a reverse proxy only."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
# 16 MB and some 50 ms for each guess: RFC 7914, and the parameters that OWASP names for sign-ins.
_N, _R, _P, _SALT_BYTES = 2**14, 8, 5, 16


@dataclass(frozen=True)
class Account:
    """One user.

    Attributes:
        name: that is typed in, or that the proxy tells.
        role: of `ROLES`.
        password_hash: from `hashed`, or `NO_PASSWORD`.
    """

    name: str
    role: str
    password_hash: str


def line(name: str, role: str, password: str) -> str:
    """The line of a users file for a user.

    Raises:
        InputError: a name, role or password that cannot be used.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise InputError(f"The password is too short; use at least {SHORTEST_PASSWORD} characters.")
    _check(name, role, "The user")
    return f"{name}:{role}:{hashed(password)}"


def hashed(password: str) -> str:
    """A salted hash of a password, with all that is needed to check one against it."""
    salt = secrets.token_bytes(_SALT_BYTES)
    key = _scrypt(password, salt, _N, _R, _P)
    return "$".join(["scrypt", str(_N), str(_R), str(_P), _text(salt), _text(key)])


def fits(password: str, password_hash: str) -> bool:
    """Whether a password is the one that was hashed; takes as long for one that is not."""
    try:
        _, n, r, p, salt, key = password_hash.split("$")
        made = _scrypt(password, _bytes(salt), int(n), int(r), int(p))
        return hmac.compare_digest(made, _bytes(key))
    except ValueError:
        return False


def from_environment() -> dict[str, Account] | None:
    """The accounts that BRAINMRI_USERS names, a file or the lines themselves; None where it is not set.

    Raises:
        InputError: it is set and cannot be read, so that nobody may come in.
    """
    given = os.environ.get(USERS)
    if not given:
        return None
    if "\n" in given or (given.count(":") >= 2 and "$" in given):
        return parse(given, f"The variable {USERS}")
    try:
        text = Path(given).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{USERS} names {given}, which cannot be read ({getattr(error, 'strerror', error)}); give a "
            "file with one NAME:ROLE:HASH a line, as `python -m brainmri user NAME` prints."
        ) from None
    return parse(text, given)


def parse(text: str, source: str) -> dict[str, Account]:
    """Accounts by name from lines NAME:ROLE:HASH; empty lines and those that begin with # are none.

    Raises:
        InputError: a line that is none, or a name twice, or no account at all.
    """
    found: dict[str, Account] = {}
    for number, entry in enumerate(text.splitlines(), start=1):
        if not entry.strip() or entry.lstrip().startswith("#"):
            continue
        where = f"{source}, line {number}"
        parts = entry.strip().split(":")
        if len(parts) != 3:
            raise InputError(
                f"{where}: it is not NAME:ROLE:HASH; make it with `python -m brainmri user`."
            )
        name, role, password_hash = parts
        _check(name, role, where)
        if password_hash != NO_PASSWORD and not _is_hash(password_hash):
            raise InputError(
                f"{where}: the hash of {name} is none; make it with `python -m brainmri user`."
            )
        if name in found:
            raise InputError(f"{where}: {name} is there twice; keep one line.")
        found[name] = Account(name, role, password_hash)
    if not found:
        raise InputError(f"{source} names no user, so nobody could sign in.")
    return found


def may(role: str, needed: str) -> bool:
    """Whether a role may do what is for another."""
    return ROLES.index(role) >= ROLES.index(needed)


def _check(name: str, role: str, where: str) -> None:
    if not _NAME.fullmatch(name):
        raise InputError(
            f'{where}: "{name}" cannot be a name; use letters, digits, dot, dash, underscore and @.'
        )
    if role not in ROLES:
        raise InputError(f'{where}: there is no role "{role}"; use {", ".join(ROLES)}.')


def _is_hash(text: str) -> bool:
    parts = text.split("$")
    try:
        n, r, p = (int(part) for part in parts[1:4])
        # No more memory and time than one sign-in may cost.
        usual = 1 < n <= 2**17 and 0 < r <= 8 and 0 < p <= 16 and n & (n - 1) == 0
        return len(parts) == 6 and parts[0] == "scrypt" and usual and len(_bytes(parts[5])) >= 32
    except ValueError:
        return False


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=256 * n * r, dklen=32)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
