"""A real Chromium for tests, driven by playwright: the one that the system has; nothing is downloaded."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",  # without it Chromium does not start as root, which is what containers are
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    # Nothing but what a test asks for goes over the network.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> str | None:
    """The path of the installed Chromium or Chrome, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def chromium(*, back_forward_cache: bool = False) -> Iterator[Browser]:
    """`with chromium() as browser: browser.new_page()`. Not inside another one, nor inside an asyncio loop.

    Playwright switches the back/forward cache off, because it waits for a load that a page from there does
    not have: with `back_forward_cache`, go back by `page.go_back(wait_until="commit")`.

    Where there is none the test is skipped, except under CI, where it fails: there a browser that is
    missing would hide that nothing was tested.
    """
    path = find_chromium()
    if path is None:
        message = f"no Chromium found (looked for {', '.join(NAMES)}); on Debian: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=ARGUMENTS,
            ignore_default_args=["--disable-back-forward-cache"] if back_forward_cache else [],
        )
        try:
            yield browser
        finally:
            browser.close()
