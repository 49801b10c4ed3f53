"""Lines of erased persons: whatever brings them, ingest takes them out of lake and warehouse."""

from datetime import timedelta

import duckdb
import pytest
import zstandard
from support.orchestration_builders import HOUR, event, land, refused

from footfall import keys
from footfall.enrichments import land_enrichment
from footfall.errors import FootfallError
from footfall.privacy import first_party_visitor_id
from footfall.store import LocalStore
from footfall.tombstones import KEY, Tombstone, add, in_force, load_key
from orchestration.ingest.hour import ingest_hours
from orchestration.ingest.late_fields import replace_enrichments

ANNA, BERT = "a" * 32, "b" * 32
LATER = HOUR + timedelta(days=1)


@pytest.fixture
def lake(tmp_path):
    return LocalStore(tmp_path / "lake")


@pytest.fixture
def warehouse():
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def forget(home, lake, *ids, client="demo", until=LATER):
    key = load_key(home, make=True)
    add(
        home,
        lake,
        [
            Tombstone(client, kind, key.digest(client, kind, each), "e1", key.name, until)
            for kind, each in ids
        ],
    )
    return in_force(home, lake)


def every_byte(lake):
    """What lies in the lake, decompressed; Parquet as its rows."""
    found = b""
    for info in lake.list(""):
        data = lake.get(info.key)
        if info.key.endswith(".zst"):
            data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
        if info.key.endswith(".parquet"):
            rows = duckdb.execute("SELECT * FROM read_parquet(?)", [str(lake.root / info.key)]).fetchall()
            data = repr(rows).encode()
        found += data
    return found


def of_two(lake):
    return land(
        lake,
        HOUR,
        event("bert-event-1", visitor_id=BERT),
        event("anna-event-1", visitor_id=ANNA),
        refused(b'{"url": "https://shop.example/?who=' + ANNA.encode() + b'"'),
        event("bert-event-2", visitor_id=BERT),
    )


def test_erased_lines_go_from_raw_objects_events_and_quarantine_and_all_others_keep_their_place(
    tmp_path, lake, warehouse
):
    key = of_two(lake)
    ingest_hours(warehouse, lake, [HOUR])
    asked = (
        "SELECT event_id, line_number, split_part(object_key, '.', 1) FROM ingest.event_index "
        "WHERE visitor_id = ? ORDER BY 2"
    )
    before = warehouse.execute(asked, [BERT]).fetchall()
    assert ANNA.encode() in every_byte(lake)

    stones = forget(tmp_path, lake, ("visitor", ANNA))
    [counts] = ingest_hours(warehouse, lake, [HOUR], stones=stones)

    assert ANNA.encode() not in every_byte(lake)
    assert b"anna-event-1" not in every_byte(lake)
    assert (counts.lines, counts.kept, counts.quarantined, counts.erased) == (4, 2, 0, 2)
    assert counts.is_conserved
    assert warehouse.execute(asked, [BERT]).fetchall() == before
    assert warehouse.execute("SELECT client_id, sum(erased) FROM ingest.receipts GROUP BY 1").fetchall() == [
        ("demo", 2)
    ]
    [raw] = lake.list("raw/")
    assert keys.original_of(raw.key) == key


BROWSER = "3f2a9c1e-browser"
NAMES_HIM = {
    "the browser's own id": f'{{"v": "{BROWSER}"',
    "a short id by its name": '{"customer_id":"4711","url":"https://shop.example/"',
    "a short id, bare": "user_id=4711&x=1",
    "percent-encoded": "u=auth0%7C12345&x=1",
    "percent-encoded twice": "next=%2Fbuy%3Fu%3Dauth0%257C12345",
    "escaped": '{"who":"m\\u00fcller anna"',
    "json within json": '{"data":"{\\"user\\":\\"auth0|12345\\"}"',
    "with a blank": '{"who":"müller anna","n":1',
    "in an address": '{"url":"https://shop.example/u/auth0|12345/x?a=1"',
}
NAMES_NOBODY = ('{"price":"4711"', '{"customer_id":"47112"', '{"who":"auth0|123456"', "u=xauth0%7C12345")


def test_a_refused_body_goes_by_each_form_of_an_id_and_by_nothing_else(tmp_path, lake, warehouse):
    """Also by what a browser keeps, of which the tables have a hash alone."""
    bodies = [*NAMES_HIM.values(), *NAMES_NOBODY]
    land(lake, HOUR, *(refused(each.encode()) for each in bodies))
    visitor = first_party_visitor_id("shop", BROWSER)
    ids = (("visitor", visitor), ("user", "4711"), ("user", "auth0|12345"), ("user", "müller anna"))

    [counts] = ingest_hours(warehouse, lake, [HOUR], stones=forget(tmp_path, lake, *ids))

    left = [body for (body,) in warehouse.execute("SELECT body FROM ingest.quarantine").fetchall()]
    assert sorted(left) == sorted(NAMES_NOBODY)
    assert (counts.erased, counts.quarantined) == (len(NAMES_HIM), len(NAMES_NOBODY))
    said = every_byte(lake)
    assert [name for name, body in NAMES_HIM.items() if body.encode() in said] == []


def test_a_rebuild_of_the_hour_counts_them_again_and_makes_the_same_objects(tmp_path, lake, warehouse):
    of_two(lake)
    stones = forget(tmp_path, lake, ("visitor", ANNA))
    first = ingest_hours(warehouse, lake, [HOUR], stones=stones)
    objects = [info.key for info in lake.list("")]

    with duckdb.connect() as other:
        other.execute("SET TimeZone = 'UTC'")
        again = ingest_hours(other, lake, [HOUR], stones=stones)

    assert [info.key for info in lake.list("")] == objects
    assert again == first


def test_an_object_that_comes_back_from_an_old_copy_is_taken_out_again(tmp_path, lake, warehouse):
    key = of_two(lake)
    copy = lake.get(key)
    stones = forget(tmp_path, lake, ("visitor", ANNA))
    ingest_hours(warehouse, lake, [HOUR], stones=stones)

    lake.put(key, copy)
    [counts] = ingest_hours(warehouse, lake, [HOUR], stones=stones)

    assert ANNA.encode() not in every_byte(lake)
    assert len(list(lake.list("raw/"))) == 1
    assert (counts.lines, counts.kept, counts.duplicates, counts.erased) == (4, 2, 0, 2)


def test_what_the_person_does_after_the_erasure_is_kept_unless_he_opted_out(tmp_path, lake, warehouse):
    of_two(lake)
    stones = forget(tmp_path, lake, ("visitor", ANNA), until=HOUR - timedelta(hours=1))
    [counts] = ingest_hours(warehouse, lake, [HOUR], stones=stones)
    assert (counts.kept, counts.erased) == (3, 0)

    stones = forget(tmp_path, lake, ("visitor", ANNA), until=None)
    [counts] = ingest_hours(warehouse, lake, [HOUR], stones=stones)
    assert (counts.kept, counts.erased) == (2, 2)


def test_only_the_client_whose_person_was_erased_loses_lines(tmp_path, lake, warehouse):
    land(
        lake,
        HOUR,
        event("anna-event-1", visitor_id=ANNA),
        event("e-elsewhere", visitor_id=ANNA, client_id="other"),
    )
    stones = forget(tmp_path, lake, ("visitor", ANNA))

    ingest_hours(warehouse, lake, [HOUR], stones=stones)

    assert warehouse.execute("SELECT client_id, event_id FROM ingest.event_index").fetchall() == [
        ("other", "e-elsewhere")
    ]


def test_an_hour_with_a_damaged_line_loses_the_person_too(tmp_path, lake, warehouse):
    land(
        lake,
        HOUR,
        event("anna-event-1", visitor_id=ANNA),
        b'{"kind": 7',
        event("bert-event-1", visitor_id=BERT),
    )
    stones = forget(tmp_path, lake, ("visitor", ANNA))

    [counts] = ingest_hours(warehouse, lake, [HOUR], stones=stones)

    assert (counts.kept, counts.quarantined, counts.erased) == (1, 1, 1)
    assert counts.is_conserved
    assert b"anna-event-1" not in every_byte(lake)


def test_what_was_learnt_later_of_an_erased_event_goes(tmp_path, lake, warehouse):
    land(lake, HOUR, event("anna-event-1", visitor_id=ANNA), event("bert-event-1", visitor_id=BERT))
    for each in ("anna-event-1", "bert-event-1"):
        land_enrichment(b'{"event_id": "%s", "fields": {"city": "Gent"}}' % each.encode(), "demo", lake, HOUR)
    stones = forget(tmp_path, lake, ("visitor", ANNA), ("event", "anna-event-1"))
    ingest_hours(warehouse, lake, [HOUR], stones=stones)

    assert replace_enrichments(warehouse, lake, HOUR, stones) == 1

    assert b"anna" not in every_byte(lake)


def test_without_the_key_of_the_hashes_nothing_is_ingested(tmp_path, lake):
    forget(tmp_path, lake, ("visitor", ANNA))
    (tmp_path / KEY).unlink()

    with pytest.raises(FootfallError, match="put it back from your backup"):
        in_force(tmp_path, lake)


def test_the_engine_and_the_program_hash_alike(tmp_path, lake, warehouse):
    """Else a line would be dropped from one and kept in the other: each id alone in its hour."""
    ids = [
        ("visitor", "ä'\u00a0%"),
        ("user", "ann@mail.example.com"),
        ("session", "tok en"),
        ("event", "event-of-anna"),
    ]
    for n, (kind, value) in enumerate(ids):
        hour = HOUR + timedelta(hours=n)
        fields = {"user": value} if kind == "user" else {}
        line = event(
            value if kind == "event" else f"plain-event-{n}",
            hour,
            visitor_id=value if kind == "visitor" else "nobody",
            consent=2,
            **fields,
            **({"session": value} if kind == "session" else {}),
        )
        land(lake, hour, line)
    stones = forget(tmp_path, lake, *ids)
    found = ingest_hours(warehouse, lake, [HOUR + timedelta(hours=n) for n in range(4)], stones=stones)
    erased = [hour.erased for hour in found]
    # A user id that is an address is stored scrubbed, so its hash is of another text.
    assert erased == [1, 0, 1, 1]
