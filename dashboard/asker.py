"""Who asks: `sign_in` finds out before every request, and the pages read it here."""

from __future__ import annotations

from flask import g, has_request_context

from brainmri import accounts
from brainmri.accounts import Account


def signed_in() -> Account | None:
    """The account of the request; None where nobody has to sign in."""
    return g.get("user") if has_request_context() else None


def may(role: str) -> bool:
    """Whether who asks may do what is for a role; everybody may where nobody has to sign in."""
    user = signed_in()
    return user is None or accounts.may(user.role, role)


def name(typed: str | None) -> str:
    """The name that stands under what is said: of the account, else the one that was typed."""
    user = signed_in()
    # A forged request may hold anything.
    return (typed.strip() if isinstance(typed, str) else "") if user is None else user.name
