"""Ingest and log intake on a real S3 server that fails half-way: named, nothing half-written, mended by a
re-run.
"""

from datetime import timedelta

import pytest
from support.fault_proxy import Reset, Status, Truncated
from support.orchestration_builders import HOUR, client, event, land, refused
from support.stored_events import events_object, show

from footfall.clients import LogSource
from footfall.keys import quarantine_object, raw_prefix
from footfall.store import StoreError, open_store
from orchestration.ingest.hour import ingest_hours
from orchestration.ingest.schema import make_schema
from sources.event_names import EventNames
from sources.intake import take_in

NAMES = EventNames("k" * 32)
ONE = timedelta(hours=1)


@pytest.fixture
def lake(proxy, s3_url):
    return open_store(s3_url, s3_endpoint=proxy.endpoint)


def _rows(lake, connection):
    show(connection, lake)
    return [
        connection.execute(f"SELECT * FROM ingest.{table} ORDER BY ALL").fetchall()
        for table in ("events", "event_index", "quarantine", "hours", "objects", "receipts")
    ]


def _published(lake):
    return {
        info.key: lake.get(info.key) for prefix in ("events/", "quarantine/") for info in lake.list(prefix)
    }


@pytest.mark.parametrize(
    ("fault", "method", "path"),
    [
        (Status(500, "InternalError"), "GET", "raw/"),
        (Reset(applied=False), "GET", "raw/"),
        (Truncated("answer"), "GET", "raw/"),
        (Status(500, "InternalError"), "PUT", "events/"),
        (Reset(applied=True), "PUT", "events/"),
        (Truncated("request"), "PUT", "quarantine/"),
    ],
    ids=repr,
)
def test_a_store_that_fails_half_way_leaves_nothing_half_and_a_re_run_repairs(
    proxy, lake, connection, fault, method, path
):
    land(lake, HOUR, event("event-0001"), refused(), origin="a")
    land(lake, HOUR, event("event-0002"), origin="b")
    land(lake, HOUR + ONE, event("event-0001", HOUR + ONE), event("event-0003", HOUR + ONE))
    ingest_hours(connection, lake, [HOUR + ONE])
    before = _rows(lake, connection)

    proxy.fail(fault, method=method, path=path, times=None)
    with pytest.raises(StoreError) as failed:
        ingest_hours(connection, lake, [HOUR])

    assert path in str(failed.value)
    assert _rows(lake, connection) == before
    proxy.heal()
    [counts] = ingest_hours(connection, lake, [HOUR])
    assert (counts.kept, counts.quarantined, counts.is_conserved) == (2, 1, True)
    assert counts.restated == (HOUR + ONE,)
    repaired = _rows(lake, connection), _published(lake)
    ingest_hours(connection, lake, [HOUR, HOUR + ONE])
    assert (_rows(lake, connection), _published(lake)) == repaired
    assert set(repaired[1]) == {
        *(events_object(lake, hour) for hour in (HOUR, HOUR + ONE)),
        quarantine_object(HOUR),
    }


def test_an_object_deleted_between_listing_and_reading_is_named_and_comes_back_with_it(
    proxy, lake, connection
):
    key = land(lake, HOUR, event("event-0001"), origin="a")
    land(lake, HOUR, event("event-0002"), origin="b")
    proxy.fail(Status(404, "NoSuchKey"), method="GET", path=key.rpartition("/")[2], times=1)

    [without] = ingest_hours(connection, lake, [HOUR])
    [whole] = ingest_hours(connection, lake, [HOUR])

    assert (without.kept, without.quarantined, without.is_degraded) == (1, 1, True)
    assert without.unreadable == ((key, "deleted between listing and reading"),)
    assert (whole.kept, whole.quarantined, whole.is_degraded) == (2, 0, False)


def test_log_intake_from_a_bucket_that_fails_is_repeated_without_loss_or_repetition(proxy, lake, connection):
    owner = client()
    source = LogSource(name="cdn", site_id="shop", url="file:///logs", distribution="E2ABCDEF")
    bucket = open_store(f"s3://{proxy.bucket}/logs", s3_endpoint=proxy.endpoint)
    line = "2026-11-20\t14:05:0{}\tFRA2\t3\t198.51.100.7\tGET\td1\t/p\t200\t-\tcurl\t-"
    for n in range(3):
        bucket.put(f"E2ABCDEF.2026-11-20-14.0000000{n}.txt", line.format(n).encode() + b"\n")
    make_schema(connection)

    proxy.fail(Status(500, "InternalError"), method="GET", path="00000001.txt", times=None)
    with pytest.raises(StoreError, match="00000001"):
        take_in(bucket, lake, owner, owner.sites[0], source, NAMES, HOUR, HOUR + ONE)
    proxy.heal()
    proxy.fail(Reset(applied=False), method="PUT", path="/raw/", times=None)
    with pytest.raises(StoreError, match="raw/"):
        take_in(bucket, lake, owner, owner.sites[0], source, NAMES, HOUR, HOUR + ONE)
    proxy.heal()
    proxy.fail(Status(404, "NoSuchKey"), method="GET", path="00000002.txt", times=1)
    taken = [take_in(bucket, lake, owner, owner.sites[0], source, NAMES, HOUR, HOUR + ONE) for _ in range(3)]

    assert [each.requests for each in taken] == [2, 1, 0]
    assert len(list(lake.list(raw_prefix(HOUR)))) == 2
    [counts] = ingest_hours(connection, lake, [HOUR])
    assert (counts.lines, counts.kept, counts.duplicates) == (6, 6, 0)
