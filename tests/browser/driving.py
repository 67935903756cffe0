"""A real Chromium that is watched: whatever its console says or asks of other hosts is a fault."""

from __future__ import annotations

import base64
import re
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Request,
    WebError,
    expect,
)

DESKTOP, PHONE = (1440, 900), (390, 844)
SCREENS = {"desktop": DESKTOP, "phone": PHONE}
PATIENCE_MS = 30_000
"""Long, since the machine may be busy; nothing waits for it when all is well."""

FILE_TRANSFER = """(entries) => {
    const transfer = new DataTransfer();
    for (const [name, content] of entries) {
        const bytes = Uint8Array.from(atob(content), c => c.charCodeAt(0));
        transfer.items.add(new File([bytes], name, {type: "image/png"}));
    }
    return transfer;
}"""
"""Files, as (name, content in base 64), as a browser hands over those that are dropped."""

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def find_chromium() -> str | None:
    """Path of the Chromium of this machine, or None."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


def launch(playwright: Playwright, executable: str) -> Browser:
    """A Chromium without a window that calls nobody by itself."""
    expect.set_options(timeout=PATIENCE_MS)
    return playwright.chromium.launch(executable_path=executable, args=list(_OPTIONS))


@dataclass
class Watch:
    """What went wrong in a browser context; `expected` is a pattern of what may."""

    expected: str | None = None
    faults: list[str] = field(default_factory=list)

    def attach(self, context: BrowserContext) -> None:
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("warning", "error"):
            self._note(f"console {message.type}: {message.text}")

    def _error(self, error: WebError) -> None:
        self._note(f"page error: {error.error}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob", "about") and parts.hostname != "127.0.0.1":
            self._note(f"request to another host: {request.url}")

    def _note(self, fault: str) -> None:
        if self.expected is None or not re.search(self.expected, fault):
            self.faults.append(fault)


def new_context(
    browser: Browser, *, screen: tuple[int, int] = DESKTOP, dark: bool = False
) -> BrowserContext:
    """A fresh browser profile with a screen of the given width and height."""
    context = browser.new_context(
        viewport={"width": screen[0], "height": screen[1]},
        color_scheme="dark" if dark else "light",
    )
    context.set_default_timeout(PATIENCE_MS)
    return context


def go(page: Page, address: str) -> None:
    """Open an address and wait until the page stands."""
    page.goto(address)
    page.locator("#content h1").wait_for()


def settle(page: Page) -> None:
    """Wait until the page asks the server for nothing more, and all that it asked for stands.

    (The load state alone is reached once for an address, and says nothing of what is asked for later.)
    """
    page.wait_for_load_state("networkidle")
    until(
        page,
        "() => !window.dash_stores?.at(-1).getState().isLoading"
        " && !document.querySelector('[data-waits], [data-dash-is-loading=true]')",
    )


def until(page: Page, holds: str, arg: object = None) -> None:
    """Wait until something is true. (`Page.wait_for_function` evaluates text, which the page forbids.)"""
    end = time.monotonic() + PATIENCE_MS / 1000
    while not page.evaluate(holds, arg):
        assert time.monotonic() < end, f"it never became true: {holds}"
        page.wait_for_timeout(20)


def choose_file(page: Page, path: Path) -> None:
    """Choose a file in the dialogue behind the drop zone, as a user does."""
    with page.expect_file_chooser() as chooser:
        page.locator(".drop:visible").first.click()
    chooser.value.set_files(path)


def drop(page: Page, **contents: bytes) -> None:
    """Drop files on the drop zone of Predict."""
    entries = [[name, base64.b64encode(b).decode()] for name, b in contents.items()]
    transfer = page.evaluate_handle(FILE_TRANSFER, entries)
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event("#predict-one .drop", event, {"dataTransfer": transfer})


def unfold(page: Page, what: str) -> None:
    """Open what is folded under a line that says so."""
    page.locator("summary", has_text=what).click()
