"""A page as PDF, by a Chromium where one is installed: the page has no script, and nothing to load."""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from footfall.errors import FootfallError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: Seconds that it may take; it takes about one.
TIMEOUT_SECONDS = 120


class NoChromium(FootfallError):
    """No page can be printed here."""


def to_pdf(page: Path) -> bytes:
    """The page as A4. Raises NoChromium where none is found or it cannot print."""
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        looked = ", ".join(NAMES)
        raise NoChromium(f"no Chromium found (looked for {looked}); on Debian: apt-get install chromium")
    with TemporaryDirectory() as folder:
        out = Path(folder) / "page.pdf"
        command = [
            program,
            *("--headless", "--disable-gpu", "--no-first-run", "--no-pdf-header-footer"),
            # Whoever is root, in most containers, has no sandbox.
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            f"--user-data-dir={folder}/profile",
            f"--print-to-pdf={out}",
            page.absolute().as_uri(),
        ]
        try:
            done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise NoChromium(f"{program} printed nothing in {TIMEOUT_SECONDS} s") from None
        if done.returncode or not out.exists():
            raise NoChromium(f"{program} could not print the page: exit code {done.returncode}")
        return out.read_bytes()
