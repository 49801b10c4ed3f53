"""`python docs/screenshots.py [NAME …]`: pictures of a running `footfall demo` or `footfall up`.

Opens the Dagster UI of FOOTFALL_UI_PORT and the dashboard of FOOTFALL_DASHBOARD_PORT with the Chromium of
this machine and writes PNG files to docs/images: all, or those named. It clicks nothing that changes a thing.
"""

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from dashboard.links import address_of
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


@dataclass(frozen=True)
class Look:
    """A page of the dashboard. `there`: what is on it once it is complete."""

    path: str
    there: str
    width: int = 1400
    height: int = 1000
    scheme: Literal["light", "dark"] = "light"


_OVERVIEW = "/overview?client=demo&site=shop&period=7d&interval=hour&compare=none"
_DRAWN = "[data-testid=stVegaLiteChart] :is(canvas, svg)"
LOOKS = {
    "dashboard-overview": Look(_OVERVIEW, ".plot img", height=1360),
    "dashboard-phone": Look(f"{_OVERVIEW}&lang=de", ".plot img", 390, 1400, "dark"),
    "dashboard-deliveries": Look("/deliveries?client=demo", _DRAWN, height=760),
    "dashboard-journeys": Look("/journeys?client=demo&site=shop&period=7d", _DRAWN, height=760),
}
#: Colours of a picture of the dashboard: a third of the bytes.
COLOURS = 256
#: Milliseconds that a page may take to show its text, and then to draw its graph.
PATIENCE, DRAWING = 90_000, 4_000


def take(page: Page, ui: str, folder: Path, names: Sequence[str]) -> list[Path]:
    """Visit these pages and write a picture of each. Returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    hour = f"{floor(datetime.now(UTC)) - HOUR:{HOUR_FORMAT}}"
    made = []
    for name in names:
        path, text = PAGES[name]
        page.goto(f"{ui}{path.format(hour=hour)}", wait_until="domcontentloaded")
        page.get_by_text(text).first.wait_for(timeout=PATIENCE)
        page.wait_for_timeout(DRAWING)
        made.append(folder / f"{name}.png")
        page.screenshot(path=made[-1])
    return made


def take_looks(browser: Browser, dashboard: str, folder: Path, names: Sequence[str]) -> list[Path]:
    """The same for these pages of the dashboard."""
    made = []
    for name in names:
        look = LOOKS[name]
        page = browser.new_page(
            viewport={"width": look.width, "height": look.height}, color_scheme=look.scheme, locale="en-GB"
        )
        page.goto(f"{dashboard}{look.path}", wait_until="commit")
        page.locator(look.there).first.wait_for(timeout=PATIENCE)
        page.wait_for_timeout(DRAWING)
        made.append(folder / f"{name}.png")
        with Image.open(BytesIO(page.screenshot())) as picture:
            few = picture.convert("RGB").quantize(
                COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
            )
            few.save(made[-1], optimize=True)
        page.close()
    return made


def main() -> int:
    """Exit code 0, or 1 with the reason."""
    settings = Settings.from_environ(os.environ)
    path = next((found for name in ("chromium", "google-chrome") if (found := shutil.which(name))), None)
    if path is None:
        raise FootfallError("no Chromium found; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        asked = sys.argv[1:] or [*PAGES, *LOOKS]
        page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
        done = take(page, settings.ui_url, IMAGES, [name for name in asked if name in PAGES])
        done += take_looks(browser, address_of(settings), IMAGES, [name for name in asked if name in LOOKS])
        for made in done:
            sys.stdout.write(f"{made}\n")
        browser.close()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (FootfallError, PlaywrightError) as error:
        sys.stderr.write(f"screenshots: {str(error).splitlines()[0]}\n")
        sys.exit(1)
