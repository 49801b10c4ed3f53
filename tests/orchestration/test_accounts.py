"""An hour's accounts, what is reviewed, what comes late, what is replayed, what is learnt later."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial

import duckdb
import msgspec
import pytest
from support.orchestration_builders import HOUR, client, event, land, land_bytes, refused
from support.stored_events import events_object, show

from footfall.catalogue.ingested import COLUMN_TYPES
from footfall.clients import Registry
from footfall.enrichments import land_enrichments
from footfall.errors import FootfallError
from footfall.event import Receipt, Refusal, Refused, refused_line
from footfall.identities import History, Identity
from footfall.keys import closed_marker, raw_prefix
from footfall.store import LocalStore
from orchestration.ingest.accounts import HourCounts
from orchestration.ingest.hour import ingest_hours, listing_digest
from orchestration.ingest.late_fields import replace_enrichments
from orchestration.ingest.listing import Cursor, find_late, hours_to_look_at, read_digests, record_digests
from orchestration.ingest.replay import replay_quarantine
from orchestration.ingest.review import ELSEWHERE, LOST, UNCLOSED, VOLUME, review
from orchestration.ingest.schema import make_schema

ONE = timedelta(hours=1)


def _rows(connection, table, columns):
    return connection.execute(f"SELECT {columns} FROM ingest.{table} ORDER BY ALL").fetchall()


def test_an_hours_receipt_names_every_client_and_reason(lake, connection):
    land(
        lake,
        HOUR,
        event("event-0001"),
        event("event-0001"),
        event("event-0002", client_id="agency"),
        refused(),
    )
    key = land(lake, HOUR, b"garbage", origin="b")

    [counts] = ingest_hours(connection, lake, [HOUR])

    assert _rows(connection, "receipts", "client_id, site_id, reason, kept, duplicates, quarantined") == [
        ("agency", "shop", None, 1, 0, 0),
        ("demo", "shop", "malformed_json", 0, 0, 1),
        ("demo", "shop", None, 1, 1, 0),
        (None, None, "damaged_line", 0, 0, 1),
    ]
    assert counts.reasons == (("damaged_line", 1), ("malformed_json", 1))
    assert _rows(connection, "objects", "lines, kept, duplicates, quarantined") == [
        (1, 0, 0, 1),
        (4, 2, 1, 1),
    ]
    assert (key,) in _rows(connection, "objects", "object_key")


def test_accounts_follow_when_another_hour_takes_an_event_away(lake, connection):
    land(lake, HOUR, event("event-0001"))
    land(lake, HOUR + ONE, event("event-0001", HOUR + ONE), event("event-0002", HOUR + ONE))
    ingest_hours(connection, lake, [HOUR + ONE])

    [counts] = ingest_hours(connection, lake, [HOUR])

    assert counts.restated == (HOUR + ONE,)
    for table in ("hours", "objects", "receipts"):
        assert _rows(connection, table, "received_hour, kept, duplicates") == [
            (HOUR, 1, 0),
            (HOUR + ONE, 1, 1),
        ]
    assert _rows(connection, "changes", "*") == [(HOUR, "demo", "event-0001")]


def test_an_object_that_cannot_be_read_degrades_its_hour_and_is_told_once(lake, connection):
    land(lake, HOUR, event("event-0001"))
    key = land_bytes(lake, HOUR, b"no object", origin="b")

    for _ in range(2):
        [counts] = ingest_hours(connection, lake, [HOUR])

    assert (counts.is_degraded, counts.kept, counts.quarantined) == (True, 1, 1)
    assert _rows(connection, "incidents", "received_hour, kind, key") == [(HOUR, "unreadable_object", key)]


def test_a_warehouse_of_an_earlier_version_gets_the_new_columns(connection):
    connection.execute("CREATE SCHEMA ingest")
    connection.execute("CREATE TABLE ingest.hours (received_hour TIMESTAMPTZ, objects BIGINT)")
    connection.execute("INSERT INTO ingest.hours VALUES (now(), 1)")

    make_schema(connection)

    described = connection.execute("DESCRIBE ingest.hours").fetchall()
    assert {row[0] for row in described} == set(COLUMN_TYPES["hours"])


def _marker(lake, hour, collector, *names):
    lake.put(closed_marker(hour, collector), json.dumps({"collector": collector, "keys": names}).encode())


def test_a_collector_that_lives_and_has_not_closed_the_hour_is_missed(lake, connection):
    key = land(lake, HOUR, event("event-0001"))
    for collector in ("c1", "c2"):
        _marker(lake, HOUR - 2 * ONE, collector)
    _marker(lake, HOUR - 9 * ONE, "gone")
    _marker(lake, HOUR, "c1", key)
    counts = ingest_hours(connection, lake, [HOUR])

    found = review(connection, lake, counts)

    assert [(each.kind, each.key) for each in found] == [(UNCLOSED, "c2")]
    assert _rows(connection, "incidents", "kind, key") == [(UNCLOSED, "c2")]
    _marker(lake, HOUR, "c2")
    assert review(connection, lake, counts) == []


def test_a_collector_that_said_it_was_gone_for_good_is_not_missed(lake, connection):
    key = land(lake, HOUR, event("event-0001"))
    last = {"collector": "task", "keys": [], "is_last": True}
    lake.put(closed_marker(HOUR - ONE, "task"), json.dumps(last).encode())
    lake.put(closed_marker(HOUR - 2 * ONE, "back"), json.dumps(last | {"collector": "back"}).encode())
    _marker(lake, HOUR - ONE, "back")
    _marker(lake, HOUR, "c1", key)

    found = review(connection, lake, ingest_hours(connection, lake, [HOUR]))

    assert [(each.kind, each.key) for each in found] == [(UNCLOSED, "back")], "it closed an hour since"


def test_an_object_that_a_marker_names_and_nobody_has_is_lost(lake, connection):
    land(lake, HOUR, event("event-0001"))
    _marker(lake, HOUR, "c1", raw_prefix(HOUR) + "gone.ndjson.zst")
    counts = ingest_hours(connection, lake, [HOUR])

    assert [each.kind for each in review(connection, lake, counts)] == [LOST]


def test_what_comes_for_a_client_after_it_was_handed_over_is_told_and_what_came_before_is_not(
    lake, connection
):
    half = HOUR + timedelta(minutes=30)
    times = {"before": HOUR, "after-one": half, "after-two": half + timedelta(minutes=9)}
    land(lake, HOUR, *(event(f"event-{name}", at) for name, at in times.items()))
    land(lake, HOUR, event("event-of-other", half, client_id="other"), origin="c2-1-1")
    history = History("demo", 1, (Identity("demo", HOUR),))
    counts = ingest_hours(connection, lake, [HOUR])

    assert review(connection, lake, counts, [history.ended(half)]) == []
    [found] = review(connection, lake, counts, [history.ended(half, is_handed_over=True)])

    assert (found.hour, found.kind, found.key) == (HOUR, ELSEWHERE, "demo")
    assert found.detail.startswith("2 events of demo") and "footfall clients handoff demo URL" in found.detail
    assert _rows(connection, "incidents", "kind, key") == [(ELSEWHERE, "demo")]


@pytest.mark.parametrize(("lines", "kinds"), [(5000, []), (500, [VOLUME]), (60_000, [VOLUME]), (50_000, [])])
def test_an_hour_unlike_that_hour_of_other_days_is_implausible(lake, connection, lines, kinds):
    make_schema(connection)
    for day in range(1, 5):
        connection.execute(
            "INSERT INTO ingest.hours (received_hour, lines) VALUES (?, 5001)", [HOUR - timedelta(days=day)]
        )
    counts = HourCounts(HOUR, 1, 1, lines, lines, 0, 0)

    assert [each.kind for each in review(connection, lake, [counts])] == kinds


def test_a_sum_that_does_not_add_up_is_lost(lake, connection):
    make_schema(connection)

    [finding] = review(connection, lake, [HourCounts(HOUR, 1, 1, 3, 1, 0, 1)])

    assert finding.kind == LOST


def _digest(lake):
    return lambda hour: listing_digest(list(lake.list(raw_prefix(hour))))


def test_an_hour_in_which_an_object_landed_late_is_stale_until_it_is_ingested_again(
    tmp_path, lake, connection
):
    path, now = tmp_path / "listings.sqlite", HOUR + 3 * ONE
    known = partial(read_digests, path)
    land(lake, HOUR, event("event-0001"))
    land(lake, HOUR + ONE, event("event-0002", HOUR + ONE))
    [counts] = ingest_hours(connection, lake, [HOUR])
    record_digests(path, {HOUR: counts.digest})
    assert find_late(_digest(lake), known, now, HOUR - ONE, Cursor()).stale == {}

    land(lake, HOUR, event("event-0003"), origin="late")

    late = find_late(_digest(lake), known, now, HOUR - ONE, Cursor())
    assert list(late.stale) == [HOUR]
    [counts] = ingest_hours(connection, lake, [HOUR])
    assert late.stale[HOUR] == counts.digest
    record_digests(path, {HOUR: counts.digest})
    assert find_late(_digest(lake), known, now, HOUR - ONE, late.cursor).stale == {}


def test_every_hour_of_the_week_before_is_looked_at_in_bounded_rounds():
    now, first = HOUR, HOUR - timedelta(days=30)
    seen, cursor = set(), None
    for _ in range(7):
        hours, cursor = hours_to_look_at(now, first, cursor)
        assert len(hours) <= 72
        seen |= set(hours)

    assert {HOUR - n * ONE for n in range(1, 8 * 24 + 1)} <= seen
    assert HOUR not in seen, "the running hour is nobody's yet"


def test_looks_that_run_out_of_time_go_on_where_they_ended_until_every_hour_was_seen():
    """Hours of 100,000 objects take seconds each; a look that takes too long would never come to its end."""
    now, first = HOUR, HOUR - timedelta(days=30)
    looked, cursor = [], Cursor()

    def digest_of(hour):
        looked.append(hour)
        return "other" if hour == HOUR - 3 * ONE else "same"

    stale = {}
    for _ in range(31):
        begun = len(looked)
        late = find_late(
            digest_of,
            lambda hours: dict.fromkeys(hours, "same"),
            now,
            first,
            Cursor.read(str(cursor)),
            lambda begun=begun: len(looked) - begun >= 5,
        )
        cursor = late.cursor
        stale |= late.stale

    assert len(looked) == 2 * 72 + 5, "a round of 72 is fourteen looks at five and one at two"
    assert {HOUR - n * ONE for n in range(1, 49)} <= set(looked)
    assert len({hour for hour in looked if hour < HOUR - 48 * ONE}) == 48 + 5, "older ones by turns"
    assert stale == {HOUR - 3 * ONE: "other"}


def _refused(body, refusal=Refusal.TOO_MANY_PROPERTIES, site="shop"):
    return refused_line(Refused(refusal), Receipt("demo", site, HOUR + ONE / 2, None, ""), body)


def test_what_is_an_event_under_the_rules_of_today_comes_out_of_quarantine_once(lake, connection):
    wire = {"id": "event-0001", "type": "page_view", "url": "https://demo.example/"}
    nameless = {"type": "page_view", "url": "https://demo.example/2"}
    batch = json.dumps({"site": "k", "events": [wire, nameless]}).encode()
    land(
        lake, HOUR, _refused(batch), _refused(b"{"), _refused(json.dumps(wire).encode(), site="unknown"), b"x"
    )
    ingest_hours(connection, lake, [HOUR])
    registry = Registry((client(),), ())

    for _ in range(2):
        [done] = replay_quarantine(lake, registry, [HOUR - ONE, HOUR])
        assert (done.rows, done.events, done.refused) == (3, 2, 2)
        [counts] = ingest_hours(connection, lake, [HOUR])
        assert (counts.objects, counts.kept, counts.duplicates, counts.quarantined) == (2, 2, 0, 4)

    [one, two] = _rows(show(connection, lake), "events", "event_id, url, received_at, visitor_id")
    assert one == ("event-0001", "https://demo.example/", HOUR + ONE / 2, None)
    assert two[0].startswith("replay-")
    assert replay_quarantine(lake, registry, [HOUR], "unknown_site") == []


def test_fields_learnt_later_are_rows_of_the_hour_they_were_taken_in(tmp_path, lake, connection):
    file = tmp_path / "fields.ndjson"
    file.write_text('{"event_id": "event-0001", "fields": {"country": "SE", "is_bot": true}}\n\n'
                    '{"event_id": "event-0002", "version": 2, "fields": {"page": "/a"}}\n')  # fmt: skip
    make_schema(connection)

    [key] = land_enrichments(file, "demo", lake, HOUR + ONE / 2)

    assert key.startswith("enrichments/dt=2026-11-20/hour=14/")
    for _ in range(2):
        assert replace_enrichments(connection, lake, HOUR) == 2
        assert replace_enrichments(connection, lake, HOUR + ONE) == 0
        assert _rows(connection, "changes", "*") == [
            (HOUR, "demo", "event-0001"),
            (HOUR, "demo", "event-0002"),
        ]
        rows = _rows(connection, "event_enrichments", "client_id, event_id, enriched_at, version, fields")
        assert [(*row[:4], msgspec.json.decode(row[4])) for row in rows] == [
            ("demo", "event-0001", HOUR + ONE / 2, 1, {"country": "SE", "is_bot": True}),
            ("demo", "event-0002", HOUR + ONE / 2, 2, {"page": "/a"}),
        ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2"),
        ('{"event_id": "x", "fields": {"page": "/"}}', "event_id"),
        ('{"event_id": "event-0001", "fields": {"received_at": "2026"}}', "'received_at' is no field"),
        ('{"event_id": "event-0001", "fields": {}}', "neither fields nor properties"),
        ('{"event_id": "e1", "properties": {"a": 1}}', "event_id: expected 8 to 64 of A-Z a-z 0-9 _ -"),
        ('{"event_id": "event-0001", "properties": {"a": [1]}}', "properties"),
        ('{"event_id": "event-0001", "properties": {"a\\u0000b": 1}}', "no controls"),
        ('{"event_id": "event-0001", "properties": {"a": "%s"}}' % ("x" * 2001), "more than 2000 characters"),
        ('{"event_id": "event-0001", "fields": {"score": true}}', "give anything else under `properties`"),
        ('{"event_id": "event-0001", "fields": {"page": [1]}}', "fields"),
    ],
)
def test_a_line_that_cannot_be_taken_is_named_and_nothing_is(tmp_path, line, said):
    file, lake = tmp_path / "fields.ndjson", LocalStore(tmp_path / "lake")
    file.write_text('{"event_id": "event-0001", "fields": {"country": "SE"}}\n' + line)

    with pytest.raises(FootfallError, match=said):
        land_enrichments(file, "demo", lake, datetime.now(UTC))

    assert list(lake.list("enrichments/")) == []


def test_the_same_rows_are_the_same_bytes_in_order_on_any_number_of_threads(lake):
    lines = [event(f"event-{n:06d}", visitor_id=f"v{n % 700}", title="x" * (n % 90)) for n in range(6000)]
    for n in range(6):
        land(lake, HOUR, *lines[n * 1000 : (n + 1) * 1000], origin=f"c{n}")
    made = set()
    for threads in (1, 2, 4):
        with duckdb.connect(config={"threads": threads}) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            ingest_hours(connection, lake, [HOUR])
            made.add(lake.get(events_object(lake, HOUR)))
            rows = connection.execute(
                "SELECT client_id, visitor_id, occurred_at FROM read_parquet(?)",
                [str(lake.root / events_object(lake, HOUR))],
            ).fetchall()

    assert len(made) == 1
    assert rows == sorted(rows)
