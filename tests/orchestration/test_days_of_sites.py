"""Daily files hold local days of the sites, and say in whose zone where sites differ."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from support.orchestration_builders import DAILY_METRICS

from footfall.clients import Client, Destination, Export, Site

BERLIN, NEW_YORK, UTC_ = "Europe/Berlin", "America/New_York", "UTC"
DAILY = Export(name="events", dataset="events", cadence="daily")
SPLIT = DAILY.model_copy(update={"split": "site"})


def owner(own=BERLIN, **zones):
    """A client in zone `own` with a site of each name in its zone."""
    return Client(
        client_id="demo",
        name="Demo",
        timezone=own,
        sites=[
            Site(site_id=name, key=f"pk_{name}_0000", domains=[f"{name}.example"], timezone=zone)
            for name, zone in zones.items()
        ],
        destination=Destination(url="file:///demo"),
        exports=[DAILY],
    )


MIXED = owner(shop=BERLIN, store=NEW_YORK)


def add(at, event_id, moment, site):
    """One event received at `moment`."""
    at.connection.execute(
        "INSERT INTO main.events VALUES ('demo', ?, ?, 'Home', 1, date_trunc('hour', ?), ?, ?)",
        [site, event_id, moment, moment, moment],
    )


@pytest.fixture
def days(at):
    """Events of both sites around midnight in Berlin and in New York."""
    at.connection.execute("DELETE FROM main.events")
    for hour in range(-3, 36):
        moment = datetime(2026, 11, 19, 22, 30, tzinfo=UTC) + hour * timedelta(hours=1)
        for site in ("shop", "store"):
            add(at, f"{site}-{moment:%d-%H}", moment, site)
    return at


def delivered(at, client, export, day="2026-11-20"):
    """(manifest, ids of the events in its files) of one day."""
    outcome = at.deliver(client.local_midnight(day), export, owner=client)
    assert outcome.status == "delivered", outcome.error
    key = f"{export.name}/dt={day}/rev=0001/_manifest.json"
    ids = {
        line.split(",")[2]
        for file in outcome.files
        for line in at.destination.objects[file.key].decode().splitlines()[1:]
    }
    return json.loads(at.destination.objects[key]), ids


def expected(site, first):
    """The 24 events of a site from a moment on."""
    return {f"{site}-{first + n * timedelta(hours=1):%d-%H}" for n in range(24)}


IN_BERLIN = datetime(2026, 11, 19, 23, tzinfo=UTC)
IN_NEW_YORK = datetime(2026, 11, 20, 5, tzinfo=UTC)


def test_split_by_site_each_file_holds_the_local_day_of_its_site(days):
    manifest, ids = delivered(days, MIXED, SPLIT)

    assert ids == expected("shop", IN_BERLIN) | expected("store", IN_NEW_YORK)
    assert manifest["period"] == {
        "start": "2026-11-19T23:00:00.000Z",
        "end": "2026-11-20T23:00:00.000Z",
        "timezone": BERLIN,
        "sites": {"shop": BERLIN, "store": NEW_YORK},
    }
    assert [file["rows"] for file in manifest["files"]] == [24, 24]
    assert days.restated(SPLIT, owner=MIXED) == []


def test_a_late_event_of_one_site_is_a_new_revision_of_that_sites_day(days):
    delivered(days, MIXED, SPLIT)
    delivered(days, MIXED, SPLIT, "2026-11-21")
    # Half past three in Berlin on the 21st is still the 20th in New York.
    add(days, "late", datetime(2026, 11, 21, 2, 45, tzinfo=UTC), "store")

    assert days.restated(SPLIT, owner=MIXED) == [MIXED.local_midnight("2026-11-20")]


def test_mixed_over_sites_of_several_zones_the_client_s_day_counts_for_all(days):
    manifest, ids = delivered(days, MIXED, DAILY)

    assert ids == expected("shop", IN_BERLIN) | expected("store", IN_BERLIN)
    assert manifest["period"]["timezone"] == BERLIN
    assert "sites" not in manifest["period"]


def test_sites_that_share_a_zone_share_their_days_whatever_the_client_s_zone(days):
    shared = owner("UTC", shop=NEW_YORK, store=NEW_YORK)

    manifest, ids = delivered(days, shared, DAILY)

    assert ids == expected("shop", IN_NEW_YORK) | expected("store", IN_NEW_YORK)
    assert manifest["period"]["timezone"] == NEW_YORK


@pytest.mark.parametrize(
    ("client", "export", "sites", "last"),
    [
        (MIXED, SPLIT, {"shop": BERLIN, "store": NEW_YORK}, NEW_YORK),
        (MIXED, DAILY, {}, BERLIN),
        # A report's rows are local days of their sites, mixed or not.
        (MIXED, DAILY_METRICS, {"shop": BERLIN, "store": NEW_YORK}, NEW_YORK),
        (MIXED, SPLIT.model_copy(update={"cadence": "hourly"}), {}, UTC_),
        (owner("UTC", shop=BERLIN), SPLIT, {}, BERLIN),
        (owner(BERLIN, shop=None, store=None), SPLIT, {}, BERLIN),
        (owner(UTC_, a="Asia/Kolkata", b="Pacific/Auckland"), SPLIT, None, "Asia/Kolkata"),
    ],
)
def test_days_are_cut_by_site_and_delivered_when_the_last_is_over(client, export, sites, last):
    calendar = client.calendar(export)

    if sites is not None:
        assert calendar.sites == sites
    assert calendar.last_zone == last


@pytest.mark.parametrize("day", ["2026-03-08", "2026-03-29", "2026-10-25", "2026-11-01", "2026-11-20"])
def test_a_day_reaches_from_its_first_midnight_to_its_last(day):
    begin, end = MIXED.calendar(SPLIT).named(day).window

    zones = [owner(zone, shop=zone) for zone in (BERLIN, NEW_YORK)]
    following = f"{datetime.fromisoformat(day) + timedelta(days=1):%Y-%m-%d}"
    assert begin.timestamp() == min(one.local_midnight(day).timestamp() for one in zones)
    assert end.timestamp() == max(one.local_midnight(following).timestamp() for one in zones)


@pytest.mark.parametrize(
    ("zone", "around"),
    [
        ("America/Havana", "2026-03-08"),
        ("America/Havana", "2026-11-01"),
        ("Africa/Cairo", "2026-04-24"),
        ("Africa/Cairo", "2026-10-30"),
        (BERLIN, "2026-03-29"),
    ],
)
def test_each_hour_is_in_one_day_s_receipt_also_where_midnight_is_missing_or_doubled(at, zone, around):
    at.connection.execute("DELETE FROM main.events")
    client = owner(zone, shop=zone)
    middle = datetime.fromisoformat(around).date()
    days = [str(middle + n * timedelta(days=1)) for n in (-1, 0, 1, 2)]
    begin, end = (client.local_midnight(day).astimezone(UTC) for day in (days[0], days[-1]))
    hours = [begin + n * timedelta(hours=1) for n in range((end - begin) // timedelta(hours=1))]
    for hour in hours:
        add(at, f"e-{hour:%d-%H}", hour + timedelta(minutes=30), "shop")
    at.hours, at.now = hours, end

    receipts = [delivered(at, client, DAILY, day)[0]["receipt"] for day in days[:-1]]

    assert [(receipt["received"], receipt["rows"]) for receipt in receipts] == [
        (receipt["rows"], receipt["rows"]) for receipt in receipts
    ]
    assert sum(receipt["received"] for receipt in receipts) == len(hours)
