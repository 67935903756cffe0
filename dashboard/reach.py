"""Where a request comes from: without sign-in this machine alone is answered, unless that is asked for."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from brainmri import accounts

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

OPEN = "BRAINMRI_OPEN_TO_NETWORK"
"""Environment variable: 1 where other machines are answered although nobody has to sign in."""
PROXY_HEADER = "BRAINMRI_PROXY_HEADER"
"""Environment variable: the header in which a proxy that signs people in itself names them."""
PROXY_ADDRESSES = "BRAINMRI_PROXY_ADDRESSES"
REFUSED = (
    "Nobody has to sign in here, so only the machine that the dashboard runs on is answered; set "
    f"{accounts.USERS} (python -m brainmri user NAME makes a line of it), or {OPEN}=1 to let in everybody "
    "who can reach it.\n"
)
_FOR = re.compile(r"""for="?\[?([^\]",;\s]+)""", re.IGNORECASE)


def is_open() -> bool:
    """Whether everybody who can reach the dashboard is let in on purpose."""
    return os.environ.get(OPEN) == "1"


def is_here(host: str) -> bool:
    """Whether an address or a name is that of this machine alone."""
    address = _address(host)
    if address is None:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback


def is_from_here(request: Request) -> bool:
    """Whether a request was made on this machine, for this machine.

    A proxy on it speaks for others: by the addresses that it adds, by the name that was asked for, or by
    the page that asks. One that hides all three cannot be told from a person here.
    """
    if not is_here(request.remote_addr or "") or not is_here(_name(f"//{request.host}")):
        return False
    origin = request.headers.get("Origin", "null")
    if origin != "null" and not is_here(_name(origin)):
        return False
    return all(is_here(one) for one in _named(request))


def whose(request: Request) -> str:
    """The address that a request counts for, as the trusted proxies tell it; of IPv6 the network."""
    trusted = proxies()
    found = request.remote_addr or ""
    if found in trusted:
        told = request.headers.get("X-Forwarded-For", "").split(",")
        # The last one was added by the proxy itself; what stands before it anybody can send.
        found = next(
            (one.strip() for one in reversed(told) if one.strip() not in {*trusted, ""}), found
        )
    address = _address(found)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address or request.remote_addr)


def proxies() -> frozenset[str]:
    """Addresses whose word is taken for who asks."""
    given = os.environ.get(PROXY_ADDRESSES, "127.0.0.1,::1")
    return frozenset(one.strip() for one in given.split(","))


def _named(request: Request) -> Iterator[str]:
    """Every address that a proxy says it speaks for, and the name that it was asked by."""
    headers = request.headers
    for key in ("X-Forwarded-For", "X-Real-IP"):
        if key in headers:
            yield from (one.strip() for one in headers[key].split(","))
    if "Forwarded" in headers:
        yield from _FOR.findall(headers["Forwarded"]) or [""]
    if "X-Forwarded-Host" in headers:
        yield _name(f"//{headers['X-Forwarded-Host']}")


def _name(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
