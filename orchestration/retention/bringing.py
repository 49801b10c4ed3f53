"""Every store brought to what was decided: raw lines, enrichments, hours, and files in buckets."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from footfall.clients import Client
from footfall.errors import FootfallError
from footfall.hours import HOUR
from footfall.keys import ENRICHMENTS
from footfall.retention.records import State, reached
from footfall.retention.rules import Class
from footfall.sql import has_table, name, run
from footfall.store import StoreError
from orchestration.delivery.expiry import expire_delivered
from orchestration.delivery.places import BACKUP
from orchestration.ingest.enrichment_expiry import expire_enrichments
from orchestration.ingest.horizons import silence
from orchestration.ingest.hour import ingest_hours
from orchestration.ingest.late_fields import replace_enrichments
from orchestration.ingest.raw_expiry import Went, expire_raw
from orchestration.retention.house import House
from orchestration.retention.left import hours_of, older_in_turn

#: Hours that the models make anew at once.
_PIECE = timedelta(days=31)
#: Hours below a horizon that a run looks through again, others each day: what came since is found in turn.
OLDER_AT_ONCE = 48


def expire_lines(
    house: House,
    connection: duckdb.DuckDBPyConnection,
    states: dict[str, State],
    removed: dict[str, list[dict[str, Any]]],
    folder: Path,
) -> None:
    """Raw objects, enrichments, and what hours hold of what is not kept."""
    raw = {client: at for client, state in states.items() if (at := state.horizon("raw"))}
    for client, went in _expire_raw(house, connection, raw, folder).items():
        removed[client].append(entry("raw", raw[client], went.objects, went.lines, went.bytes))
    events = {client: at for client, state in states.items() if (at := state.horizon("events"))}
    for client, went in _expire_enrichments(house, events).items():
        removed[client].append(entry("enrichments", events[client], went.objects, went.lines, went.bytes))
    rows = _older_rows(connection, states)
    gone = {hour for hour, client, _, _ in rows if hour < events.get(client, hour)}
    for hour in sorted({hour for hour, _, _, _ in rows} - gone):
        silence(connection, house.lake, hour, folder)
    hours = sorted(gone | set(_lying_hours(house, events)))
    if hours:
        house.say(f"{len(hours)} hours are written anew")
        stones = house.stones()
        ingest_hours(connection, house.lake, hours, house.registry, files=house.files, stones=stones)
        for hour in hours:
            replace_enrichments(connection, house.lake, hour, stones)
    for client in states:
        for kind in ("events", "quarantine"):
            mine = [count for _, who, what, count in rows if (who, what) == (client, kind)]
            at = states[client].horizon(kind)
            if mine and at is not None:
                removed[client].append(entry(kind, at, len(mine), sum(mine), 0))


def entry(kind: str, until: datetime, objects: int, rows: int, size: int) -> dict[str, Any]:
    return {
        "class": kind,
        "until": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "objects": objects,
        "rows": rows,
        "bytes": size,
    }


def _expire_raw(
    house: House, connection: duckdb.DuckDBPyConnection, raw: dict[str, datetime], folder: Path
) -> dict[str, Went]:
    found: dict[str, Went] = {}
    if not raw:
        return found
    known = {client: reached(house.lake, client, house.trusted, "raw") for client in raw}
    for hour in older_in_turn(house.lake, raw, known, house.now, OLDER_AT_ONCE):
        clients = {client for client, at in raw.items() if hour < at}
        for client, went in expire_raw(connection, house.lake, hour, house.registry, clients, folder).items():
            found[client] = found.get(client, Went()) + went
    return found


def _expire_enrichments(house: House, events: dict[str, datetime]) -> dict[str, Went]:
    if not events:
        return {}
    known = {client: reached(house.lake, client, house.trusted, "events") for client in events}
    hours = older_in_turn(house.lake, events, known, house.now, OLDER_AT_ONCE, ENRICHMENTS)
    return expire_enrichments(house.lake, events, hours)


def _older_rows(
    connection: duckdb.DuckDBPyConnection, states: dict[str, State]
) -> list[tuple[datetime, str, str, int]]:
    """(hour, client, class, rows) of what the warehouse knows and is not kept."""
    found = run(
        connection,
        """
        SELECT received_hour, client_id, 'events', count(*)
        FROM ingest.event_index JOIN ingest.horizons USING (client_id)
        WHERE received_hour < events_from GROUP BY 1, 2
        UNION ALL
        SELECT received_hour, client_id, 'quarantine', count(*)
        FROM ingest.quarantine JOIN ingest.horizons USING (client_id)
        WHERE received_hour < events_from
            OR (received_hour < quarantine_from AND (body IS NOT NULL OR detail IS NOT NULL))
        GROUP BY 1, 2
        """,
    ).fetchall()
    return [
        (hour.astimezone(UTC), client, name, int(count))
        for hour, client, name, count in found
        if client in states
    ]


def _lying_hours(house: House, events: dict[str, datetime]) -> list[datetime]:
    """Hours with lake files before every client's horizon: nothing of them is anybody's."""
    known = {client.client_id for client in house.registry.clients} | {
        identity.name for history in house.registry.histories.values() for identity in history.identities
    }
    if not events or not known <= set(events):
        return []
    first = min(events.values())
    return [
        hour for folder in ("events/", "quarantine/") for hour in hours_of(house.lake, folder) if hour < first
    ]


def stale_windows(
    connection: duckdb.DuckDBPyConnection, states: dict[str, State]
) -> list[tuple[datetime, datetime]]:
    """Hours of which the models still have rows that are not kept, in pieces."""
    hours: set[datetime] = set()
    for table in ("int_events_sessionised", "int_received_hours"):
        if has_table(connection, "intermediate", table):
            found = run(
                connection,
                "SELECT DISTINCT received_hour FROM intermediate.{table} AS rows "
                "JOIN ingest.horizons USING (client_id) WHERE received_hour < events_from",
                table=name(table),
            ).fetchall()
            hours |= {hour.astimezone(UTC) for (hour,) in found}
    windows: list[tuple[datetime, datetime]] = []
    for hour in sorted(hours):
        if windows and hour + HOUR - windows[-1][0] <= _PIECE:
            windows[-1] = (windows[-1][0], hour + HOUR)
        else:
            windows.append((hour, hour + HOUR))
    return windows if states else []


def expire_files(house: House, client: Client, state: State) -> tuple[list[dict[str, Any]], list[str]]:
    """Delivered files and our copies of them; and why some could not be removed."""
    removed, troubles = [], []
    for place in house.places_of(client).values():
        kind = class_of(place.name)
        horizon = state.horizon(kind)
        if horizon is None:
            continue
        try:
            went = expire_delivered(client, place, house.ledger, house.desk, horizon, _rule(client, kind))
        except (StoreError, FootfallError) as error:
            troubles.append(f"{kind}, {place.name}: {error}")
            continue
        removed.append({**entry(kind, horizon, went.files, went.rows, went.bytes), "place": place.name})
    return removed, troubles


def _rule(client: Client, kind: Class) -> str:
    """What a removal goes by, for its record."""
    return f"the client file: {client.retention.of(kind)}" if client.exports else "a client that has ended"


def class_of(place: str) -> Class:
    return "backup" if place == BACKUP else "delivered"
