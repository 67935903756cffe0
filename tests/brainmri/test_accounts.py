"""Who may sign in: lines of a users file, and the passwords behind their hashes."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from brainmri import accounts, cli
from brainmri.console import REFUSED
from brainmri.errors import InputError

PASSWORD = "correct horse battery"


def test_a_hash_fits_its_password_and_no_other_and_is_never_the_same_twice() -> None:
    first, second = accounts.hashed(PASSWORD), accounts.hashed(PASSWORD)
    assert first != second
    assert PASSWORD not in first
    assert accounts.fits(PASSWORD, first)
    assert accounts.fits(PASSWORD, second)
    assert not accounts.fits(PASSWORD + " ", first)
    assert not accounts.fits("", accounts.NO_PASSWORD)


def test_each_role_may_do_what_those_before_it_may() -> None:
    allowed = [[accounts.may(has, needs) for needs in accounts.ROLES] for has in accounts.ROLES]
    assert allowed == [[True, False, False], [True, True, False], [True, True, True]]


def test_the_command_makes_a_line_that_is_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
    assert cli.main(["user", "anna", "--role", "clinician"]) == 0
    (account,) = accounts.parse(capsys.readouterr().out, "users").values()
    assert (account.name, account.role) == ("anna", "clinician")
    assert accounts.fits(PASSWORD, account.password_hash)


@pytest.mark.parametrize(
    ("arguments", "password", "sentence"),
    [
        (["anna"], "short", "The password is too short"),
        (["anna", "--role", "king"], PASSWORD, 'there is no role "king"'),
        (["an na"], PASSWORD, '"an na" cannot be a name'),
    ],
)
def test_the_command_refuses_what_could_not_be_read(
    arguments: list[str],
    password: str,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
    assert cli.main(["user", *arguments]) == REFUSED
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "names no user"),
        ("anna:viewer", "line 1: it is not NAME:ROLE:HASH"),
        ("# us\nanna:king:-", 'line 2: there is no role "king"'),
        ("anna:viewer:secret", "the hash of anna is none"),
        ("anna:viewer:scrypt$99999999$8$1$c2FsdA$a2V5", "the hash of anna is none"),
        ("anna:viewer:-\nanna:maintainer:-", "anna is there twice"),
        ("../x:viewer:-", "cannot be a name"),
    ],
)
def test_a_users_file_with_a_fault_is_refused_by_line(text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence.replace("$", r"\$")):
        accounts.parse(text, "users.txt")


def test_users_come_from_a_file_or_from_the_variable_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = accounts.line("anna", "viewer", PASSWORD)
    monkeypatch.delenv(accounts.USERS, raising=False)
    assert accounts.from_environment() is None
    monkeypatch.setenv(accounts.USERS, line)
    assert list(accounts.from_environment() or {}) == ["anna"]
    (tmp_path / "users.txt").write_text(f"# those on the ward\n{line}\n")
    monkeypatch.setenv(accounts.USERS, str(tmp_path / "users.txt"))
    assert list(accounts.from_environment() or {}) == ["anna"]
    monkeypatch.setenv(accounts.USERS, str(tmp_path / "gone.txt"))
    with pytest.raises(InputError, match="cannot be read"):
        accounts.from_environment()
