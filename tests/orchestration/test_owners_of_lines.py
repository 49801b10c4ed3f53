"""What collectors wrote under one client id belongs to the owner of its site, whoever asks and whenever."""

from datetime import timedelta

import pytest
from support.orchestration_builders import HOUR, event, land, refused

from footfall.clients import Registry
from footfall.identities import History, Identity
from footfall.keys import client_of_raw_object, raw_object
from orchestration.ingest.hour import ingest_hours

ENDED = HOUR + timedelta(minutes=30)
BEFORE, AFTER = HOUR + timedelta(minutes=10), HOUR + timedelta(minutes=50)
#: `shop` was the first owner's, `studio` is the second's.
TWO = History(
    "demo",
    3,
    (
        Identity("demo", HOUR, sites=frozenset({"shop", "both"}), ended_at=ENDED),
        Identity("demo.2", ENDED, sites=frozenset({"studio", "both"})),
    ),
)


def owners(connection, lake, *lines, histories=(TWO,)):
    """Event id → whose it is."""
    land(lake, HOUR, *lines)
    registry = Registry((), (), histories={each.client_id: each for each in histories})
    ingest_hours(connection, lake, [HOUR], registry)
    return dict(connection.execute("SELECT event_id, client_id FROM ingest.event_index").fetchall())


@pytest.mark.parametrize(
    ("site", "at", "owner"),
    [
        ("shop", BEFORE, "demo"),
        ("shop", AFTER, "demo"),  # a collector that had not read the new file
        ("studio", AFTER, "demo.2"),
        ("studio", BEFORE, "demo.2"),  # while nobody had decided
        ("both", BEFORE, "demo"),
        ("both", AFTER, "demo.2"),
        ("elsewhere", BEFORE, "demo"),
        ("elsewhere", AFTER, "demo.2"),
    ],
)
def test_a_line_is_its_sites_owners_and_by_time_where_both_had_the_site(connection, lake, site, at, owner):
    assert owners(connection, lake, event("event-0001", at, site_id=site)) == {"event-0001": owner}


def test_what_names_an_identity_and_other_clients_stay_as_they_are(connection, lake):
    found = owners(
        connection,
        lake,
        event("event-0001", client_id="demo.2", site_id="shop"),
        event("event-0002", client_id="agency", site_id="studio"),
    )

    assert found == {"event-0001": "demo.2", "event-0002": "agency"}


def test_one_owner_who_ended_keeps_all_of_its_lines(connection, lake):
    alone = History("demo", 2, TWO.identities[:1])

    assert owners(connection, lake, event("event-0001", AFTER), histories=(alone,)) == {"event-0001": "demo"}


def test_the_same_event_id_of_two_owners_is_two_events_and_each_receipt_counts_its_own(connection, lake):
    owners(
        connection,
        lake,
        event("event-0001", BEFORE),
        event("event-0001", AFTER, site_id="studio"),
        refused(received_at=BEFORE),
    )

    found = connection.execute(
        "SELECT client_id, sum(kept), sum(duplicates), sum(quarantined) FROM ingest.receipts "
        "GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    assert found == [("demo", 1, 0, 1), ("demo.2", 1, 0, 0)]


def test_an_import_of_a_second_owner_names_it_in_its_key():
    key = raw_object(HOUR, "import-0123", "a" * 64, "demo.2")

    assert client_of_raw_object(key) == "demo.2"
    assert client_of_raw_object(raw_object(HOUR, "import-0123", "a" * 64, "demo")) == "demo"
