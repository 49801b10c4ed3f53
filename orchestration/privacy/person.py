"""Who is meant: every id that an asked one is linked to, and where rows of them lie, by the warehouse.

visitor ─ identified as ─ user ─ renamed to ─ user
visitor ─ had the day before, or before the consent ─ visitor
"""

import json
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
from footfall.sql import Sql, has_table, joined, name, run, sql
from footfall.tombstones import WORD, Kind, Tombstone, TombstoneKey, base_of, ids_in
from orchestration.ingest.erased import few_at_a_time

#: Ids that one asked id may lead to, on average: more, and it stands for many people (a shared "guest").
MOST_LINKED = 50
#: Events of others that name somebody in an address or a property: more, and his id is a word of the site's.
MOST_NAMING = 1000
#: A shorter id is in an address by chance.
_SHORTEST_NAME = 8


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
    #: Events of others that name them, in an address or a property; they are among `events`.
    named_by_others: int = 0
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
    connection: duckdb.DuckDBPyConnection,
    client: Client,
    asked: Sequence[Asked],
    *,
    is_linked: bool = True,
    is_naming: bool = True,
) -> Person:
    """Find who is meant, and where. `is_linked`: with all ids that lead to the same person; `is_naming`: with
    events of others that name them.

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
    named_by_others = _find_naming(connection, whose) if is_naming else 0
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
        "OR json_extract_string(fields, '$.user_id') IN (SELECT id FROM named_ids WHERE kind = 'user') "
        "OR list_has_any(regexp_extract_all(fields, $word), (SELECT list(id) FROM named_ids)))",
        {"client": whose, "word": WORD.pattern},
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
        named_by_others,
        is_linked=is_linked,
    )


def _find_naming(connection: duckdb.DuckDBPyConnection, client_id: str) -> int:
    """Add events of others to `their_events` that name a visitor or user in an address, a property, a text.

    Returns how many. Of an id that stands in too many, none: then it is a word of the site's.
    """
    ids = run(
        connection,
        "SELECT DISTINCT id FROM named_ids WHERE kind IN ('visitor', 'user') AND length(id) >= $shortest",
        {"shortest": _SHORTEST_NAME},
    ).fetchall()
    texts = run(
        connection,
        "SELECT column_name FROM duckdb_columns() WHERE database_name = current_database() "
        "AND schema_name = 'main' AND table_name = 'events' AND data_type IN ('VARCHAR', 'JSON')",
    ).fetchall()
    words = [each for (each,) in ids if WORD.fullmatch(each)]
    others = {each: [*_encoded(each)] for (each,) in ids if not WORD.fullmatch(each)}
    run(
        connection,
        """
        CREATE OR REPLACE TEMP TABLE naming AS
        WITH said AS (
            SELECT event_id, concat_ws(' ', plain, once, {twice}) AS said
            FROM (
                SELECT event_id, plain, {once} AS once
                FROM (
                    SELECT event_id, concat_ws(' ', {texts}) AS plain FROM main.events
                    WHERE client_id = $client AND event_id NOT IN (SELECT event_id FROM their_events)
                )
            )
        )
        SELECT DISTINCT event_id, id
        FROM (SELECT event_id, unnest(regexp_extract_all(said, $word)) AS id FROM said)
        SEMI JOIN (SELECT unnest(CAST($words AS VARCHAR[])) AS id) USING (id)
        UNION
        SELECT event_id, o.id FROM said JOIN
            (SELECT unnest(CAST($ids AS VARCHAR[])) AS id, unnest(CAST($forms AS VARCHAR[])) AS form) AS o
            ON contains(said.said, o.form)
        """,
        {
            "client": client_id,
            "word": WORD.pattern,
            "words": words,
            "ids": [each for each, forms in others.items() for _ in forms],
            "forms": [form for forms in others.values() for form in forms],
        },
        texts=joined(", ", (sql("CAST({c} AS VARCHAR)", c=name(column)) for (column,) in texts)),
        once=_decoded("plain"),
        twice=_decoded("once"),
    )
    added: Any = run(
        connection,
        "INSERT INTO their_events SELECT DISTINCT event_id, NULL FROM naming WHERE id IN "
        "(SELECT id FROM naming GROUP BY id HAVING count(*) <= $most)",
        {"most": MOST_NAMING},
    ).fetchone()
    return int(added[0]) if added else 0


def _decoded(column: str) -> Sql:
    """Without its percent-encoding, null where it has none; what is no UTF-8 falls into its parts."""
    return sql(
        "CASE WHEN contains({c}, '%') THEN "
        "coalesce(TRY(url_decode({c})), regexp_replace({c}, '%[0-9A-Fa-f]{{2}}', ' ', 'g')) END",
        c=name(column),
    )


def _encoded(text: str) -> set[str]:
    """How an id stands in JSON, and in addresses without their percent-encoding."""
    return {text, text.replace(" ", "+"), json.dumps(text)[1:-1]}


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
    for hour, site_id, body in few_at_a_time(rows):
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
