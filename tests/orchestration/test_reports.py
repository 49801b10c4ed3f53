"""Reports as deliveries: from the daily tables to a page in the bucket, and what makes it another one."""

import csv
import io
import json
import re
from datetime import date, timedelta

import pytest
from support.reported import LAST, MONTHLY, NOVEMBER, OCTOBER, Reporting, live_through, note, put

from footfall.access.day_notes import remove_day_note
from footfall.brand import Brand
from footfall.clients import Site
from footfall.exports import Export
from footfall.verify import verify_bucket
from orchestration.delivery.log_writing import publish

WEEKLY = MONTHLY.model_copy(update={"name": "week", "cadence": "weekly"})
DAILY = MONTHLY.model_copy(update={"name": "day", "cadence": "daily"})
TOLD = MONTHLY.model_copy(update={"notify": ["channel:mail"]})


@pytest.fixture
def at(tmp_path):
    setting = Reporting(tmp_path)
    yield setting
    setting.connection.close()


def figures(page):
    """What the six cards say: name → value."""
    return dict(re.findall(r'<dt>([^<]+)</dt><dd class="is">([^<]+)</dd>', page))


def sentences(page):
    return re.findall(r"<li>(.*?)</li>", page.partition("<h2>Visitors by day")[0])


def test_a_report_is_delivered_signed_and_verified_like_every_file(at):
    outcome = at.report()
    publish(at.ledger, at.desk(), at.owner, at.places())
    seen = verify_bucket(at.destination)

    [file] = outcome.files
    document = json.loads(at.destination.objects["report/dt=2026-11-01/rev=0001/_manifest.json"])
    assert re.fullmatch(r"report/dt=2026-11-01/rev=0001/report-20261101-[0-9a-f]{8}\.html", file.key)
    assert (document["dataset"], document["format"], document["cadence"]) == ("report", "html", "monthly")
    assert document["period"] == {
        "start": "2026-10-31T23:00:00.000Z", "end": "2026-11-30T23:00:00.000Z", "timezone": "Europe/Berlin",
    }  # fmt: skip
    assert (file.rows, document["columns"], document["receipt"]["delivered"]) == (30, [], 30)
    assert (seen.problems, seen.gaps, seen.files) == ([], [], 1)


def test_its_figures_are_those_of_the_delivered_daily_files_added_up(at):
    page = at.page(at.report())
    metrics = Export(name="daily", dataset="daily_metrics", cadence="daily")
    rows = [
        row
        for day in NOVEMBER
        for file in at.report(metrics, day).files
        for row in csv.DictReader(io.StringIO(at.destination.objects[file.key].decode()))
    ]

    added = {name: sum(int(row[name]) for row in rows) for name in ("visitors", "sessions", "page_views")}

    shown = figures(page)
    assert added == {"visitors": 330, "sessions": 360, "page_views": 1080}
    assert [shown[n] for n in ("Visitors", "Sessions", "Page views")] == ["330", "360", "1,080"]
    assert (shown["Bounce rate"], shown["Time per session"]) == ("50.0\u00a0%", "1\u00a0min 0\u00a0s")


def test_what_changed_is_said_as_differences_with_the_period_before(at):
    live_through(at.connection, NOVEMBER[3], 40, source="newsletter", medium="email", page="/sale")

    said = sentences(at.page(at.report()))

    assert "Sessions rose by 90 (+29.0\u00a0%) to 400." in said
    assert (
        "Sessions by source, the largest differences: (direct) · (none) +50 and newsletter · email +40."
        in said
    )
    assert "Page views by page, the largest differences: / +150 and /sale +120." in said
    assert "Not there in the period before: newsletter · email (40 sessions)." in said
    assert not any("because" in each or "due to" in each for each in said)


def test_the_same_data_are_the_same_bytes_and_no_further_revision(at, tmp_path):
    first = at.report()
    again = at.report()
    other = Reporting(tmp_path / "other").report()

    assert (first.status, again.status) == ("delivered", "unchanged")
    assert [file.sha256 for file in other.files] == [file.sha256 for file in first.files]


@pytest.mark.parametrize(
    ("table", "day", "row"),
    [
        ("late_events", NOVEMBER[29], {"received_hour": LAST, "events": 3, "after_the_day": 3}),
        ("revenue_daily", NOVEMBER[2], {"currency": "EUR", "orders": 1, "gross": 9, "refunds": 0}),
        ("geo_daily", OCTOBER[0], {"country": "AT", "region": "9", "city": "Wien", "sessions": 1}),
    ],
)
def test_a_day_that_is_told_otherwise_makes_the_report_of_its_month_a_revision(at, table, day, row):
    at.report()
    since = at.now - timedelta(days=9)
    assert at.restated(MONTHLY, owner=at.owner, since=since) == []

    put(at.connection, table, day, **row)

    [start] = at.restated(MONTHLY, owner=at.owner, since=since)
    outcome = at.report()
    assert start.date() == NOVEMBER[0]
    assert (outcome.status, outcome.revision, outcome.reason) == ("delivered", 2, "late")


def test_a_day_outside_of_both_periods_changes_nothing(at):
    at.report()

    live_through(at.connection, date(2026, 9, 30), 50)
    live_through(at.connection, date(2026, 12, 1), 50)

    assert at.restated(MONTHLY, owner=at.owner) == []


def test_another_colour_is_another_page_of_what_can_still_change_only(at):
    at.report()
    at.report(at=OCTOBER[0])

    at.owner = at.owner.model_copy(update={"brand": Brand(color="#aa0000")})

    assert [start.month for start in at.restated(MONTHLY, owner=at.owner)] == [11]
    assert at.report().reason == "schema"


def test_late_events_are_a_note_of_their_day(at):
    put(at.connection, "late_events", NOVEMBER[4], received_hour=LAST, events=20, after_the_day=12)

    assert "5 November 2026: 12 events came after the day had ended" in at.page(at.report())


def test_a_note_on_a_day_of_it_makes_a_report_another_revision_and_its_removal_too(at):
    at.report()

    made = note(at, NOVEMBER[4], "Sale of <all> socks")
    assert [start.date() for start in at.restated(MONTHLY, owner=at.owner)] == [NOVEMBER[0]]
    noted = at.report()
    page = at.page(noted)
    remove_day_note(at.folder, "demo", "shop", made.id)
    after = at.report()

    assert "<li>5 November 2026: Sale of &lt;all&gt; socks</li>" in page
    assert (noted.status, noted.revision, after.revision) == ("delivered", 2, 3)
    assert "socks" not in at.page(after)


def test_notes_on_other_days_and_of_other_clients_change_nothing(at):
    at.report()

    note(at, OCTOBER[30], "the month before")
    note(at, LAST.date(), "the month after")
    note(at, NOVEMBER[4], "another's", client_id="other")

    assert at.restated(MONTHLY, owner=at.owner) == []
    assert at.report().status == "unchanged"


def test_of_several_sites_a_note_says_whose_it_is_and_the_page_whose_days_they_are(at):
    blog = Site(site_id="blog", key="pk_blog_0000", domains=["b.example"], timezone="America/New_York")
    at.owner = at.owner.model_copy(update={"sites": [*at.owner.sites, blog]})
    live_through(at.connection, NOVEMBER[0], 5, site="blog")
    note(at, NOVEMBER[4], "Sale")
    note(at, NOVEMBER[5], "Post", site_id="blog")

    page = at.page(at.report())
    split = at.report(MONTHLY.model_copy(update={"name": "split", "split": "site"}))
    pages = {file.site: at.page(split, n) for n, file in enumerate(split.files)}

    assert "5 November 2026: shop: Sale" in page and "6 November 2026: blog: Post" in page
    assert "Days are those of each site: shop Europe/Berlin, blog America/New_York." in page
    assert "Days are those of America/New_York." in pages["blog"]
    assert "6 November 2026: Post" in pages["blog"] and "Sale" not in pages["blog"]
    assert "5 November 2026: Sale" in pages["shop"] and "Post" not in pages["shop"]


@pytest.mark.parametrize(
    ("export", "day", "folder", "title"),
    [
        (WEEKLY, NOVEMBER[19], "week/dt=2026-11-16/", "Week 47 of 2026"),
        (DAILY, NOVEMBER[19], "day/dt=2026-11-20/", "Friday, 20 November 2026"),
    ],
)
def test_a_report_of_a_week_or_a_day_lies_by_its_first_day(at, export, day, folder, title):
    outcome = at.report(export, day)
    publish(at.ledger, at.desk(), at.owner, at.places())

    assert outcome.files[0].key.startswith(folder)
    assert f"<h1>{title}</h1>" in at.page(outcome)
    assert verify_bucket(at.destination).problems == []


def test_a_week_that_is_missing_between_two_is_a_gap(at):
    at.report(WEEKLY, NOVEMBER[2])
    at.report(WEEKLY, NOVEMBER[16])
    publish(at.ledger, at.desk(), at.owner, at.places())

    seen = verify_bucket(at.destination)

    assert len(seen.gaps) == 1
    assert "nothing from 2026-11-09" in seen.gaps[0]


def test_the_hours_of_a_day_are_those_of_its_sites_clocks(at):
    view = "INSERT INTO page_views BY NAME SELECT 'demo' AS client_id, 'shop' AS site_id, ? AS date, "
    view += "CAST(? AS TIMESTAMPTZ) AS occurred_at, ? AS is_bot"
    at.connection.execute(view, [NOVEMBER[19], "2026-11-20T13:30:00Z", False])
    at.connection.execute(view, [NOVEMBER[19], "2026-11-20T13:40:00Z", True])

    page = at.page(at.report(DAILY))

    assert "<title>14:00: 1</title>" in page
    assert page.count("<title>") == 1 + 24


def test_a_period_that_is_wanted_before_its_end_says_how_far_it_goes_and_is_completed(at):
    whole = at.hours
    at.hours = [hour for hour in whole if hour.day < 20 or hour.month < 11]

    early = at.report()
    at.hours = whole
    late = at.report()

    assert "everything is in up to 20 November 2026, 01:00" in at.page(early)
    assert (late.revision, late.reason) == (2, "completed")
    assert "Complete through 1 December 2026, 00:00 (Europe/Berlin)." in at.page(late)


def test_split_by_site_each_site_has_a_page_of_its_own_that_says_nothing_of_others(at):
    live_through(at.connection, NOVEMBER[0], 5, site="former", source="secret.example")
    outcome = at.report(MONTHLY.model_copy(update={"split": "site"}))

    pages = {file.site: at.page(outcome, n) for n, file in enumerate(outcome.files)}

    assert set(pages) == {"shop", "former"}
    assert figures(pages["former"])["Sessions"] == "5"
    assert "secret.example" in pages["former"]
    assert "secret.example" not in pages["shop"]


def test_a_client_without_a_row_gets_a_page_that_says_so(tmp_path):
    at = Reporting(tmp_path)
    at.connection.execute("DELETE FROM daily_metrics WHERE true")
    for table in ("sources_daily", "pages_daily", "geo_daily", "devices_daily"):
        at.connection.execute(f"DELETE FROM {table}")

    outcome = at.report()

    assert (outcome.status, outcome.rows) == ("delivered", 0)
    assert "Nothing was recorded in this period." in at.page(outcome)
    at.connection.close()


def test_a_thousand_pages_and_sources_are_shown_by_the_first_ten_in_less_than_100_kb(at):
    for n in range(1000):
        live_through(
            at.connection, NOVEMBER[0], 2 + n % 7,
            page=f"/{n}/" + "ä" * 5000, source=f"s{n}." + "x" * 5000, campaign=f"{n}" + "&" * 5000,
        )  # fmt: skip

    page = at.page(at.report())

    assert len(page.encode()) < 100_000
    assert "and 991 more" in page


def test_a_report_goes_by_its_channel_once_it_has_arrived(at):
    outcome = at.report(TOLD)

    [(route, client_id, letter)] = at.letters
    [row] = at.ledger.all()
    assert (route, client_id, row.state) == ("mail", "demo", "notified")
    assert letter.page.decode() == at.page(outcome)
    assert letter.subject == "Demo: Monthly report, November 2026"


def test_a_channel_that_does_not_answer_is_tried_again_with_the_bytes_in_the_bucket(at):
    at.hook_is_down = True
    outcome = at.report(TOLD)
    [row] = at.ledger.all()
    assert (outcome.status, row.state, row.hold) == ("delivered", "committed", "waiting")

    at.hook_is_down = False
    at.report(TOLD)

    assert [letter.page.decode() for _, _, letter in at.letters] == [at.page(outcome)]
