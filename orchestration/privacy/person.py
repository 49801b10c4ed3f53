"""Who is meant: every id that an asked one is linked to, and where rows of them lie, by the warehouse.

visitor ─ identified as ─ user ─ renamed to ─ user
visitor ─ had the day before, or before the consent ─ visitor
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import duckdb
import msgspec

from footfall.clients import Client
from footfall.errors import FootfallError
from footfall.hours import floor
from footfall.privacy import first_party_visitor_id
from footfall.scrub import hidden_user
from footfall.sql import has_table, run
from footfall.tombstones import Kind, Tombstone, TombstoneKey, base_of, ids_in

#: Ids that one asked id may lead to, on average: more, and it stands for many people (a shared "guest").
MOST_LINKED = 50
#: Bodies of refused lines that are held at once, of 64 KiB at most.
_BODIES = 200


class Asked(msgspec.Struct, frozen=True):
    """One id that somebody named."""

    kind: Kind
    value: str


class Person(msgspec.Struct):
    """All that is known of those who were named. Ids are plain: kept only as long as an erasure goes on.

    `ids`: kind → ids that name them. `events`: ids of their events; `sessions`: of the models' sessions.
    `hours`: hours of receipt with a line of theirs; `enriched`: hours in which something was learnt of them.
    `first`, `last`: from when to when they did something, as far as it is stored.
    """

    client: str
    asked: list[Asked]
    ids: dict[str, list[str]]
    events: list[str] = []
    sessions: list[str] = []
    hours: list[datetime] = []
    enriched: list[datetime] = []
    first: datetime | None = None
    last: datetime | None = None
    quarantined: int = 0
    #: With the ids that lead to the same person; and whether all of this was looked up.
    is_linked: bool = True
    is_resolved: bool = True

    @property
    def needles(self) -> list[str]:
        """Every text that would give them away."""
        said = {each.value for each in self.asked}
        return sorted({*said, *(i for ids in self.ids.values() for i in ids), *self.events, *self.sessions})

    @property
    def received(self) -> list[datetime]:
        """Hours in which something of them was received."""
        return [*self.hours, *self.enriched]

    def stones(self, key: TombstoneKey, erasure: str, until: datetime | None) -> list[Tombstone]:
        """What keeps them erased. Their events are never kept again, whatever happens later."""
        base = base_of(self.client)

        def stone(kind: Kind, value: str, end: datetime | None) -> Tombstone:
            return Tombstone(base, kind, key.digest(base, kind, value), erasure, key.name, end)

        kinds: tuple[Kind, ...] = ("visitor", "user", "session")
        named = [stone(kind, each, until) for kind in kinds for each in self.ids.get(kind, ())]
        events = {*self.events, *self.ids.get("event", ())}
        return [*named, *(stone("event", each, None) for each in sorted(events))]


def unresolved(client_id: str, asked: Iterable[tuple[str, str]], *, is_linked: bool) -> Person:
    """Somebody who was named, and whom nobody looked up yet."""
    named = [msgspec.convert({"kind": kind, "value": value}, Asked) for kind, value in asked]
    return Person(client_id, list(dict.fromkeys(named)), {}, is_linked=is_linked, is_resolved=False)


def resolve(
    connection: duckdb.DuckDBPyConnection, client: Client, asked: Sequence[Asked], *, is_linked: bool = True
) -> Person:
    """Find who is meant, and where. `is_linked`: with all ids that lead to the same person.

    Raises FootfallError where no hour was modelled yet, or where ids lead to too many.
    """
    if not has_table(connection, "intermediate", "int_events_sessionised"):
        raise FootfallError("nothing was modelled yet, so nobody's ids are linked: run the hours first")
    whose = client.client_id
    _name(connection, _as_stored(client, asked))
    if is_linked:
        _link(connection, whose, len(asked))
    ids: dict[str, list[str]] = {}
    for kind, value in run(connection, "SELECT kind, id FROM named_ids ORDER BY ALL").fetchall():
        ids.setdefault(kind, []).append(value)
    _find_events(connection, whose)
    events = run(connection, "SELECT DISTINCT event_id FROM their_events ORDER BY 1").fetchall()
    sessions = run(
        connection, "SELECT DISTINCT session_id FROM their_events WHERE session_id IS NOT NULL ORDER BY 1"
    ).fetchall()
    found = run(
        connection,
        "SELECT received_hour, min(occurred_at), max(occurred_at) FROM ingest.event_index "
        "WHERE client_id = $client AND event_id IN (SELECT event_id FROM their_events) "
        "GROUP BY received_hour ORDER BY 1",
        {"client": whose},
    ).fetchall()
    refused = _refused(connection, whose, ids)
    enriched = run(
        connection,
        "SELECT DISTINCT enriched_at FROM ingest.event_enrichments WHERE client_id = $client AND ("
        "event_id IN (SELECT event_id FROM their_events) "
        "OR json_extract_string(fields, '$.user_id') IN (SELECT id FROM named_ids WHERE kind = 'user'))",
        {"client": whose},
    ).fetchall()
    return Person(
        whose,
        list(asked),
        ids,
        [each for (each,) in events],
        [each for (each,) in sessions],
        sorted({row[0].astimezone(UTC) for row in found} | refused.keys()),
        sorted({floor(at.astimezone(UTC)) for (at,) in enriched}),
        min((min(row[0], row[1]) for row in found), default=None),
        max((max(row[0], row[2]) for row in found), default=None),
        sum(refused.values()),
        is_linked=is_linked,
    )


def _refused(
    connection: duckdb.DuckDBPyConnection, client_id: str, ids: dict[str, list[str]]
) -> dict[datetime, int]:
    """Hour → lines that were refused and name one of the ids. A browser's own that is found is added."""
    known = {each for some in ids.values() for each in some}
    rows = run(
        connection,
        "SELECT received_hour, site_id, body FROM ingest.quarantine "
        "WHERE client_id = $client AND body IS NOT NULL",
        {"client": client_id},
    )
    found: dict[datetime, int] = {}
    browsers = set[str]()
    while some := rows.fetchmany(_BODIES):
        for hour, site_id, body in some:
            said = {text for _, text in ids_in(body, None)}
            own = {each for each in said if site_id and first_party_visitor_id(site_id, each) in known}
            if own or said & known:
                at = hour.astimezone(UTC)
                found[at] = found.get(at, 0) + 1
            browsers |= own
    if browsers:
        ids["visitor"] = sorted({*ids.get("visitor", ()), *browsers})
    return found


def _as_stored(client: Client, asked: Iterable[Asked]) -> list[Asked]:
    """The same as they are stored: a browser's own id as its hash on each site, an address as its hash."""
    found: list[Asked] = []
    for each in asked:
        found.append(each)
        if each.kind == "visitor":
            sites = (site.site_id for site in client.sites)
            found += [Asked("visitor", first_party_visitor_id(site, each.value)) for site in sites]
        if each.kind == "user" and (hidden := hidden_user(each.value)) is not None:
            found.append(Asked("user", hidden))
    return found


def _name(connection: duckdb.DuckDBPyConnection, asked: Iterable[Asked]) -> None:
    some = list(dict.fromkeys(asked))
    run(connection, "CREATE OR REPLACE TEMP TABLE named_ids (kind VARCHAR, id VARCHAR)")
    run(
        connection,
        "INSERT INTO named_ids SELECT unnest($kinds), unnest($ids)",
        {"kinds": [each.kind for each in some], "ids": [each.value for each in some]},
    )


def _link(connection: duckdb.DuckDBPyConnection, client_id: str, asked: int) -> None:
    """Add every id that leads to one that is named, until there are no more."""
    run(
        connection,
        """
        CREATE OR REPLACE TEMP TABLE id_links AS
        WITH said AS (
            SELECT DISTINCT visitor_id, previous_visitor_id, user_id
            FROM intermediate.int_events_sessionised
            WHERE client_id = $client AND (user_id IS NOT NULL OR previous_visitor_id IS NOT NULL)
        ),
        one_way AS (
            SELECT 'visitor' AS kind, visitor_id AS id, 'user' AS other_kind, user_id AS other_id FROM said
            UNION
            SELECT 'visitor', visitor_id, 'visitor', previous_visitor_id FROM said
            UNION
            SELECT 'user', user_id, 'user', previous_user_id FROM intermediate.int_identifications
            WHERE client_id = $client
        ),
        whole AS (SELECT * FROM one_way WHERE id IS NOT NULL AND other_id IS NOT NULL)
        SELECT * FROM whole
        UNION
        SELECT other_kind, other_id, kind, id FROM whole
        """,
        {"client": client_id},
    )
    most = MOST_LINKED * (asked + 1)
    while True:
        added: Any = run(
            connection,
            "INSERT INTO named_ids SELECT DISTINCT other_kind, other_id FROM id_links "
            "SEMI JOIN named_ids USING (kind, id) EXCEPT SELECT kind, id FROM named_ids",
        ).fetchone()
        if not added or not added[0]:
            return
        known: Any = run(connection, "SELECT count(*) FROM named_ids").fetchone()
        if known[0] > most:
            raise FootfallError(
                f"these ids lead to {known[0]} others, so one of them stands for many people; name the ones "
                "of the person, and say --only"
            )


def _find_events(connection: duckdb.DuckDBPyConnection, client_id: str) -> None:
    """Make `their_events`: events with an id of theirs, and all others of their sessions."""
    run(
        connection,
        """
        CREATE OR REPLACE TEMP TABLE their_events AS
        WITH visits AS (
            SELECT session_id FROM main.sessions
            WHERE client_id = $client
                AND visitor_id IN (SELECT id FROM named_ids WHERE kind = 'visitor')
            UNION
            SELECT id FROM named_ids WHERE kind = 'session'
        )
        SELECT event_id, session_id FROM main.events
        WHERE client_id = $client AND (
            visitor_id IN (SELECT id FROM named_ids WHERE kind = 'visitor')
            OR user_id IN (SELECT id FROM named_ids WHERE kind = 'user')
            OR session_id IN (SELECT session_id FROM visits)
            OR first_party_session_id IN (SELECT id FROM named_ids WHERE kind = 'session')
            OR event_id IN (SELECT id FROM named_ids WHERE kind = 'event')
        )
        UNION
        SELECT event_id, NULL FROM ingest.event_index
        WHERE client_id = $client AND (
            visitor_id IN (SELECT id FROM named_ids WHERE kind = 'visitor')
            OR event_id IN (SELECT id FROM named_ids WHERE kind = 'event')
        )
        """,
        {"client": client_id},
    )
