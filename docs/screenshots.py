"""`python docs/screenshots.py`: the pictures of the README, of a running `footfall demo` or `footfall up`.

Opens the Dagster UI of FOOTFALL_UI_PORT with the Chromium of this machine and writes PNG files to
docs/images. It clicks nothing that changes anything.
"""

import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from footfall.catalogue.periods import HOUR_FORMAT
from footfall.errors import FootfallError
from footfall.hours import HOUR, floor
from footfall.settings import Settings

IMAGES = Path(__file__).with_name("images")
#: Name of the picture → path in the UI, and a text that is there once the page is complete.
PAGES = {
    "dagster-lineage": (
        "/assets/deliveries/agency/events?view=lineage&lineageScope=upstream&lineageDepth=10",
        "stg_web__events",
    ),
    "dagster-events": ("/assets/ingest/events?view=overview", "volume_by_hour"),
    "dagster-checks": (
        "/assets/ingest/events?view=checks&checkDetail=every_line_is_accounted_for",
        "hours_that_do_not_add_up",
    ),
    "dagster-deliveries": ("/assets/deliveries/agency/events?view=partitions&partition={hour}", "sha256"),
}
SIZE = {"width": 1680, "height": 1050}
#: Milliseconds that a page may take to show its text, and then to draw its graph.
PATIENCE, DRAWING = 90_000, 4_000


def take(page: Page, ui: str, folder: Path) -> list[Path]:
    """Visit every page and write its picture. Returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    hour = f"{floor(datetime.now(UTC)) - HOUR:{HOUR_FORMAT}}"
    made = []
    for name, (path, text) in PAGES.items():
        page.goto(f"{ui}{path.format(hour=hour)}", wait_until="domcontentloaded")
        page.get_by_text(text).first.wait_for(timeout=PATIENCE)
        page.wait_for_timeout(DRAWING)
        made.append(folder / f"{name}.png")
        page.screenshot(path=made[-1])
    return made


def main() -> int:
    """Exit code 0, or 1 with the reason."""
    settings = Settings.from_environ(os.environ)
    path = next((found for name in ("chromium", "google-chrome") if (found := shutil.which(name))), None)
    if path is None:
        raise FootfallError("no Chromium found; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
        for made in take(page, settings.ui_url, IMAGES):
            sys.stdout.write(f"{made}\n")
        browser.close()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FootfallError as error:
        sys.stderr.write(f"screenshots: {error}\n")
        sys.exit(1)
