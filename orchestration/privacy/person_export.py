"""All that is held of a person, for him: rows of every table as JSON and CSV, what each field means, where it
comes from, and to whom it was delivered.

    description.json       what this is, who is meant, each table and field, sources, recipients
    tables/<table>.json    its rows
    tables/<table>.csv     the same for a spreadsheet
"""

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from footfall.catalogue.tables import TABLES, Table
from footfall.clients import Client
from footfall.described import Described, source_columns, table_columns
from footfall.event import timestamp
from footfall.formulas import guarded
from footfall.sql import has_table, joined, name, run, sql, text
from orchestration.delivery.horizons import Horizons
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.places import Places
from orchestration.privacy.erasure_delivered import find_files, hashed_forms, rows_to_search
from orchestration.privacy.erasure_search import Needles
from orchestration.privacy.person import Person

#: Columns by which a row is somebody's → the ids that are meant.
_BY = {
    "visitor_id": "visitor",
    "user_id": "user",
    "session_id": "session of the models",
    "event_id": "event",
    "first_party_session_id": "session",
}


def gather(connection: duckdb.DuckDBPyConnection, person: Person) -> dict[str, list[dict[str, Any]]]:
    """Table → the person's rows, of marts and of quarantine; figures hold nobody's. In the tables' order."""
    ids = {**person.ids, "session of the models": person.sessions, "event": person.events}
    run(connection, "CREATE OR REPLACE TEMP TABLE their_ids (kind VARCHAR, id VARCHAR)")
    for kind, some in ids.items():
        run(connection, "INSERT INTO their_ids SELECT ?, unnest(?::VARCHAR[])", [kind, list(some)])
    found = {
        table.name: rows
        for table in TABLES
        if table.retention != "figures"
        and has_table(connection, "main", table.name)
        and (rows := list(_rows(connection, table, person.client)))
    }
    refused = run(
        connection,
        "SELECT * FROM ingest.quarantine WHERE client_id = $client AND list_has_any("
        "regexp_extract_all(body, '[0-9A-Za-z_-]{8,128}'), (SELECT list(id) FROM their_ids)) ORDER BY ALL",
        {"client": person.client},
    )
    rows = list(_as_dicts(refused))
    return {**found, **({"quarantine": rows} if rows else {})}


def _rows(connection: duckdb.DuckDBPyConnection, table: Table, client_id: str) -> Iterator[dict[str, Any]]:
    columns = [each for each in _BY if each in table_columns(table.name)]
    which = joined(
        " OR ",
        (
            sql(
                "{column} IN (SELECT id FROM their_ids WHERE kind = {kind})",
                column=name(each),
                kind=text(_BY[each]),
            )
            for each in columns
        ),
    )
    if columns:
        yield from _as_dicts(
            run(
                connection,
                "SELECT * FROM main.{table} WHERE client_id = $client AND ({which}) ORDER BY ALL",
                {"client": client_id},
                table=name(table.name),
                which=which,
            )
        )


def _as_dicts(result: Any) -> Iterator[dict[str, Any]]:
    columns = [each[0] for each in result.description]
    for row in result.fetchall():
        yield {column: _plain(value) for column, value in zip(columns, row, strict=True)}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return timestamp(value.replace(tzinfo=value.tzinfo or UTC))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return value


def recipients(
    ledger: Ledger, client: Client, places: Places, person: Person, hash_key: str, horizons: Horizons
) -> list[dict[str, Any]]:
    """Deliveries whose files hold the person: of which export and period, to where. Raises StoreError."""
    plain = person.needles
    needles = Needles([*plain, *hashed_forms(plain, hash_key)])
    rows = rows_to_search(ledger, client, person.first, horizons)
    where = {
        export.name: [client.destinations()[each].url for each in export.destinations]
        for export in client.exports
    }
    return [
        {
            "recipient": client.name,
            "to": where.get(each.export.partition(".")[0], []),
            "export": each.export,
            "period": each.period,
            "revision": each.revision,
            "file": each.key,
        }
        for each in find_files(ledger, client, rows, places, needles)
    ]


def write(
    path: Path,
    client: Client,
    person: Person,
    tables: dict[str, list[dict[str, Any]]],
    delivered: Sequence[dict[str, Any]],
    now: datetime,
) -> None:
    """Write it all: as a zip where the path ends so, else into a folder. Raises OSError."""
    description = {
        "what": "all that is stored of one person by this installation of Footfall",
        "made_at": timestamp(now),
        "controller": client.name,
        "client": client.client_id,
        "ids": person.ids,
        "from": timestamp(person.first) if person.first else None,
        "to": timestamp(person.last) if person.last else None,
        "tables": {
            table: {
                "rows": len(rows),
                "fields": [_described(table, each) for each in (rows[0] if rows else {})],
            }
            for table, rows in tables.items()
        },
        "sources": "pages and programs of the sites " + ", ".join(site.site_id for site in client.sites),
        "recipients": list(delivered),
        "address": "is hashed and never stored; salts of the hash are destroyed 48 hours after their day",
    }
    files = {"description.json": _json(description)}
    for table, rows in tables.items():
        files[f"tables/{table}.json"] = _json(rows)
        files[f"tables/{table}.csv"] = _csv(rows)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED) as archive:
            for each, data in files.items():
                archive.writestr(each, data)
        path.chmod(0o600)
        return
    (path / "tables").mkdir(parents=True, mode=0o700)
    path.chmod(0o700)
    for each, data in files.items():
        (path / each).write_bytes(data)
        (path / each).chmod(0o600)


def _described(table: str, column: str) -> dict[str, str]:
    known = source_columns(table) if table == "quarantine" else table_columns(table)
    found = known.get(column, Described(column, "", ""))
    return {"name": column, "type": found.kind, "meaning": found.meaning}


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str).encode() + b"\n"


def _csv(rows: Sequence[dict[str, Any]]) -> bytes:
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow([_cell(value) for value in row.values()])
    return written.getvalue().encode()


def _cell(value: Any) -> Any:
    """A cell that no spreadsheet runs."""
    return guarded(value) if isinstance(value, str) else value
