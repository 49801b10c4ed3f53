"""What an operator does in the Dagster UI, done by a browser."""

import re
from collections.abc import Sequence

from playwright.sync_api import Page, expect

#: Milliseconds for a page to be there, and for a run that was started by a click to end.
PAGE, RUN = 240_000, 600_000
GROUPS = (
    *("ingest", "staging", "marts", "reports", "discovery"),
    *("deliveries", "deliveries_agency", "deliveries_demo"),
)


def sees_the_groups(page: Page, ui: str) -> None:
    """The lineage has every part of the path."""
    page.goto(f"{ui}/asset-groups", wait_until="domcontentloaded")
    for group in GROUPS:
        expect(page.get_by_text(group, exact=True).first).to_be_visible(timeout=PAGE)


def sees_what_an_asset_is(page: Page, ui: str) -> None:
    """An asset says whose it is, what to do when it is red, its columns, how many rows, and its last day."""
    page.goto(f"{ui}/assets/ingest/events?view=overview", wait_until="domcontentloaded")
    expect(page.get_by_text(re.compile("^When it is red: ")).first).to_be_visible(timeout=PAGE)
    for text in (
        "received_hour",
        "TIMESTAMPTZ",
        "Hour of receipt; decides which run models it.",
        "Row count",
        "DuckDB",
        "Parquet",
        "data",
        "volume_by_hour",
        "quarantined",
    ):
        expect(page.get_by_text(text, exact=True).first).to_be_visible(timeout=PAGE)


def sees_the_checks_pass(page: Page, ui: str) -> None:
    """Checks by name, with what they mean."""
    page.goto(f"{ui}/assets/ingest/events?view=checks", wait_until="domcontentloaded")
    for name in ("every_line_is_accounted_for", "every_hour_is_closed", "every_object_could_be_read"):
        expect(page.get_by_text(name).first).to_be_visible(timeout=PAGE)
    expect(page.get_by_text("Succeeded")).to_have_count(5, timeout=PAGE)


def sees_which_hours_a_run_by_hand_took(page: Page, ui: str, hours: str) -> None:
    """The list of runs says it, without a click."""
    page.goto(f"{ui}/runs", wait_until="domcontentloaded")
    expect(page.get_by_text(f"footfall/periods: {hours}").first).to_be_visible(timeout=PAGE)


def looks_into_a_bucket(page: Page, ui: str, asset: str) -> None:
    """Execute an export's check by clicking, and see that its buckets hold what was delivered."""
    page.goto(f"{ui}/assets/{asset}?view=checks", wait_until="domcontentloaded")
    # By its text: its name has that of its icon in it.
    page.get_by_role("button").filter(has_text=re.compile("^Execute$")).click(timeout=PAGE)
    expect(page.get_by_text("periods in main", exact=True).first).to_be_visible(timeout=RUN)
    expect(page.get_by_text("wrong_objects", exact=True).first).to_be_visible(timeout=PAGE)
    expect(page.get_by_text("Succeeded").first).to_be_visible(timeout=PAGE)


def delivers_all_periods_again(page: Page, ui: str, asset: str, partitions: Sequence[str]) -> None:
    """Open one client's export, look at files of these periods, backfill all by clicking, see these done.

    With all the running hour is asked for, which has to wait for its end and holds up no other.
    """
    before = {partition: _history(page, ui, asset, partition) for partition in partitions}
    page.get_by_role("button", name="Materialize…").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="All", exact=True).click(timeout=PAGE)
    dialog.get_by_role("button", name="Launch backfill").click(timeout=PAGE)
    waits = set(partitions)
    for _ in range(RUN // 3_000):
        page.wait_for_timeout(3_000)
        waits = {
            partition for partition in waits if _history(page, ui, asset, partition) <= before[partition]
        }
        if not waits:
            return
    raise AssertionError(f"{asset} was not materialised for {sorted(waits)}")


def approves_a_domain(page: Page, ui: str, partition: str) -> None:
    """Choose a domain that waits, write the decision into the launchpad, see what came of it."""
    page.goto(f"{ui}/assets/discovery/domain?view=partitions", wait_until="domcontentloaded")
    # The sensor registers a domain some seconds after it was seen; the page looks for new ones by itself.
    expect(page.get_by_text(partition).first).to_be_visible(timeout=PAGE)
    # It waits, and is seen to.
    expect(page.get_by_text(re.compile(r"^Missing \([1-9]"))).to_be_visible(timeout=PAGE)
    page.get_by_role("button", name="Materialize…").first.click(modifiers=["Shift"])
    dialog = page.get_by_role("dialog")
    dialog.get_by_placeholder("Partition").click(timeout=PAGE)
    # The configuration of a partition comes from the server, and takes the place of what was there.
    with page.expect_response(lambda answer: "op=ConfigPartition" in answer.url, timeout=PAGE):
        page.get_by_role("menuitem", name=partition).click(timeout=PAGE)
    page.wait_for_timeout(1_000)
    editor = dialog.locator(".CodeMirror").first
    editor.get_by_text("decision").click(timeout=PAGE)
    for key in ("End", "Backspace", "Backspace"):  # decision: ""
        page.keyboard.press(key)
    page.keyboard.type("approve by anna")
    expect(editor).to_contain_text("decision: approve by anna", timeout=PAGE)
    dialog.get_by_role("button", name="Materialize").click(timeout=PAGE)
    for _ in range(RUN // 5_000):
        page.goto(
            f"{ui}/assets/discovery/domain?view=partitions&partition={partition}",
            wait_until="domcontentloaded",
        )
        page.wait_for_timeout(5_000)
        if page.get_by_text("approved by anna").count():
            return
    raise AssertionError(f"{partition} was not approved")


def _history(page: Page, ui: str, asset: str, partition: str) -> int:
    """How often a period was materialised, once its files are shown."""
    page.goto(f"{ui}/assets/{asset}?view=partitions&partition={partition}", wait_until="domcontentloaded")
    for text in ("revision", "manifest", "sha256"):
        expect(page.get_by_text(text, exact=True).first).to_be_visible(timeout=PAGE)
    return _number(
        page.get_by_text(re.compile(r"View all historical events \(\d+\)")).inner_text(timeout=PAGE)
    )


def _number(text: str) -> int:
    return int(re.sub(r"\D", "", text))
