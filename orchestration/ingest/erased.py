"""Lines of persons who were erased: found as an hour is ingested, and taken out of its raw objects.

So whatever brings them again (a late segment, a collector that was away, an import, an old backup) ends like
the first time, and a rebuild reads nothing of them.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb

from footfall import keys
from footfall.catalogue.columns import EVENT, OfLine, sources
from footfall.raw_object import compress
from footfall.sealed import open_raw
from footfall.sql import Sql, joined, name, number, run, sql, text
from footfall.store import NotFound, ObjectStore, put_once
from footfall.tombstones import DIGITS, NAMED, Tombstones, ids_in
from orchestration.ingest.decode import DecodedObject, content_of
from orchestration.ingest.lines import LINE_COLUMNS, files_of, read_lines

_BASE = sql("split_part(client_id, '.', 1)")
#: What an id is hashed as; footfall.tombstones.TombstoneKey does the same.
_DIGEST = sql(
    "sha256($outer || unhex(sha256($inner || encode(concat(base, chr(0), kind, chr(0), id)))))[:{digits}]",
    digits=number(DIGITS),
)
#: Bodies of refused lines that are held at once, of 64 KiB at most.
_BODIES = 200
#: Column of a stored event that names somebody, by the field of its line.
_COLUMN = {field: column for column, field in sources(EVENT, OfLine).items()}


def objects_with_erased(
    connection: duckdb.DuckDBPyConnection, decoded: Sequence[DecodedObject], stones: Tombstones
) -> list[str]:
    """Keys of the objects that hold a line of an erased person. Raises duckdb.Error for bad lines."""
    paths = files_of(decoded)
    if not stones or not paths:
        return []
    columns = {
        each: LINE_COLUMNS[each]
        for each in ("kind", "client_id", "site_id", "received_at", "occurred_at", *NAMED, "body")
    }
    lines = sql(
        """
        SELECT object AS place, client_id, site_id,
            coalesce(CASE WHEN "kind" = 'event' THEN occurred_at END, received_at) AS happened,
            {fields}, CASE WHEN "kind" = 'refused' THEN body END AS body
        FROM {lines}
        """,
        fields=joined(
            ", ",
            (sql("CASE WHEN \"kind\" = 'event' THEN {f} END AS {f}", f=name(field)) for field in NAMED),
        ),
        lines=read_lines(columns),
    )
    return [decoded[n].key for n in erased_places(connection, lines, stones, {"files": paths})]


def drop_erased_events(connection: duckdb.DuckDBPyConnection, table: str, stones: Tombstones) -> int:
    """Drop the rows of erased persons from a temporary table of stored events. Returns how many."""
    return _drop(connection, table, _of_events(sql("rowid"), name(table)), stones)


def has_erased(connection: duckdb.DuckDBPyConnection, events: Sql, stones: Tombstones) -> bool:
    """Whether one of these stored events is an erased person's. `events`: a query for them."""
    return bool(erased_places(connection, _of_events(sql("0"), sql("({rows})", rows=events)), stones))


def _of_events(place: Sql, rows: Sql) -> Sql:
    return sql(
        "SELECT {place} AS place, client_id, site_id, coalesce(occurred_at, received_at) AS happened, "
        "{fields}, CAST(NULL AS VARCHAR) AS body FROM {rows}",
        place=place,
        fields=joined(", ", (sql("{c} AS {f}", c=name(_COLUMN[field]), f=name(field)) for field in NAMED)),
        rows=rows,
    )


def drop_erased_refused(connection: duckdb.DuckDBPyConnection, table: str, stones: Tombstones) -> int:
    """The same of stored rows of quarantine: by the words of what was sent."""
    lines = sql(
        "SELECT rowid AS place, client_id, site_id, received_at AS happened, {fields}, body FROM {table}",
        fields=_no_ids(NAMED),
        table=name(table),
    )
    return _drop(connection, table, lines, stones)


def drop_erased_visitors(connection: duckdb.DuckDBPyConnection, table: str, stones: Tombstones) -> int:
    """The same of rows of visitors who were first seen at a time."""
    lines = sql(
        "SELECT rowid AS place, client_id, site_id, first_seen_at AS happened, visitor_id, {fields}, "
        "CAST(NULL AS VARCHAR) AS body FROM {table}",
        fields=_no_ids(field for field in NAMED if field != "visitor_id"),
        table=name(table),
    )
    return _drop(connection, table, lines, stones)


def _no_ids(fields: Iterable[str]) -> Sql:
    return joined(", ", (sql("CAST(NULL AS VARCHAR) AS {f}", f=name(field)) for field in fields))


def _drop(connection: duckdb.DuckDBPyConnection, table: str, lines: Sql, stones: Tombstones) -> int:
    gone = erased_places(connection, lines, stones)
    if gone:
        run(
            connection,
            "DELETE FROM {table} WHERE rowid IN (SELECT unnest($gone))",
            {"gone": gone},
            table=name(table),
        )
    return len(gone)


def erased_places(
    connection: duckdb.DuckDBPyConnection,
    lines: Sql,
    stones: Tombstones,
    given: Mapping[str, object] | None = None,
) -> list[Any]:
    """The places of lines that are an erased person's, each once.

    `lines`: a query for place, client_id, site_id, happened, the fields of NAMED, and body: what was refused,
    else null; `given`: its parameters.
    """
    if not stones:
        return []
    _put_stones(connection, stones)
    ids = joined(
        ", ",
        (
            sql("{{'kind': {kind}, 'id': {field}}}", kind=text(kind), field=name(field))
            for field, kind in NAMED.items()
        ),
    )
    assert stones.key is not None, "there are hashes"
    inner, outer = stones.key.pads
    found = run(
        connection,
        """
        WITH lines AS (
            SELECT *, {base} AS base FROM ({lines}) WHERE {base} IN (SELECT client FROM stones)
        ),
        said AS (
            SELECT place, base, happened, unnest([{ids}], recursive := true) FROM lines
        ),
        hashed AS (
            SELECT base, kind, id, {digest} AS digest
            FROM (SELECT DISTINCT base, kind, id FROM said WHERE id IS NOT NULL)
        )
        SELECT DISTINCT place
        FROM said
        JOIN hashed USING (base, kind, id)
        JOIN stones ON stones.client = base AND stones.kind = said.kind AND stones.digest = hashed.digest
        WHERE stones.until IS NULL OR happened <= stones.until
        ORDER BY place
        """,
        {**(given or {}), "inner": inner, "outer": outer},
        base=_BASE,
        lines=lines,
        ids=ids,
        digest=_DIGEST,
    ).fetchall()
    return sorted({place for (place,) in found} | _refused_places(connection, lines, stones, given))


def _refused_places(
    connection: duckdb.DuckDBPyConnection,
    lines: Sql,
    stones: Tombstones,
    given: Mapping[str, object] | None,
) -> set[Any]:
    """The same of lines that were refused, by all that their bodies say."""
    bodies = run(
        connection,
        "SELECT place, client_id, site_id, happened, body FROM ({lines}) "
        "WHERE body IS NOT NULL AND {base} IN (SELECT client FROM stones)",
        dict(given or {}),
        lines=lines,
        base=_BASE,
    )
    return {
        place
        for place, client_id, site_id, happened, body in few_at_a_time(bodies)
        if any(stones.covers(client_id, kind, each, happened) for kind, each in ids_in(body, site_id))
    }


def few_at_a_time(bodies: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    """Rows with bodies of refused lines, of which few are held at once."""
    while rows := bodies.fetchmany(_BODIES):
        yield from rows


def _put_stones(connection: duckdb.DuckDBPyConnection, stones: Tombstones) -> None:
    run(
        connection,
        "CREATE OR REPLACE TEMP TABLE stones "
        "(client VARCHAR, kind VARCHAR, digest VARCHAR, until TIMESTAMPTZ)",
    )
    held = list(stones.stones.values())
    run(
        connection,
        "INSERT INTO stones SELECT unnest($clients), unnest($kinds), unnest($digests), "
        "unnest(CAST($until AS TIMESTAMPTZ[]))",
        {
            "clients": [each.client for each in held],
            "kinds": [each.kind for each in held],
            "digests": [each.digest for each in held],
            "until": [each.until for each in held],
        },
    )


def rewrite(
    lake: ObjectStore, named: Iterable[str], hour: datetime, stones: Tombstones
) -> Mapping[str, tuple[str, int]]:
    """Write raw objects anew without the lines of erased persons; the old ones go. Raises StoreError.

    Returns old key → new key and how many lines went. The new object lies there before the old one goes: a
    run that dies between leaves both, and the next one makes the same of the old one again.
    """
    done = {}
    for key in named:
        try:
            opened = open_raw(lake, key)
            content = content_of(opened.data)
        except NotFound:
            continue
        if content is None:
            continue
        kept, erased = stones.without(content, hour)
        if not erased:
            continue
        lines = kept.removesuffix(b"\n").split(b"\n") if kept else []
        data = opened.packed(enumerate(lines, 1)) if opened.is_sealed else compress(kept)
        new = keys.rewritten_object(key, hashlib.sha256(data).hexdigest())
        put_once(lake, new, data)
        lake.delete(key)
        done[key] = new, erased
    return done
