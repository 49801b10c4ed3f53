"""What can be exported: each dataset's table, the period a row belongs to, and the order of rows."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from footfall.clients import Client, Export


@dataclass(frozen=True)
class Dataset:
    """A mart or report as something to deliver.

    `period`: SQL for the start of the period a row belongs to (an hour as TIMESTAMPTZ, a day as DATE).
    `order`: columns that give rows a total order, so that the same data gives the same bytes.
    """

    table: str
    period: str
    order: tuple[str, ...]


DATASETS: dict[str, Dataset] = {
    # By hour of receipt: once the hour is ingested, its events never change.
    "events": Dataset("events", "received_hour", ("site_id", "occurred_at", "event_id")),
    "page_views": Dataset("page_views", "received_hour", ("site_id", "occurred_at", "event_id")),
    # By the hour in which the session closed: no earlier hour can know that it is over.
    "sessions": Dataset("sessions", "date_trunc('hour', closed_at)", ("site_id", "started_at", "session_id")),
    # By the site's local day.
    "daily_metrics": Dataset("daily_metrics", "date", ("site_id", "date")),
}

#: After this time an event is too old for the models' clock rule (footfall.event.MAX_AGE), so that a
#: period that ended earlier cannot change by ordinary late events.
LATE_TOLERANCE = timedelta(days=7)


def columns(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> list[tuple[str, str]]:
    """Names and DuckDB types, in the order of the table's contract."""
    described = connection.execute(f"DESCRIBE main.{dataset.table}").fetchall()
    return [(row[0], row[1]) for row in described]


def digests(connection: duckdb.DuckDBPyConnection, client: Client, export: Export) -> dict[datetime, str]:
    """Period (its start in UTC) → digest of its rows, for every period of a client that has rows.

    The digest does not depend on the order of rows. It says cheaply, in one scan, which delivered periods
    have changed since; whether the bytes differ is decided by their sha256.
    """
    dataset = DATASETS[export.dataset]
    names = ", ".join(f'"{name}"' for name, _ in columns(connection, dataset))
    found = connection.execute(
        f"SELECT {dataset.period}, count(*), bit_xor(hash({names})), sum(hash({names}) % 1000003) "
        f"FROM main.{dataset.table} WHERE client_id = ? GROUP BY 1",
        [client.client_id],
    ).fetchall()
    return {_period_start(client, export, row[0]): f"{row[1]}:{row[2]}:{row[3]}" for row in found}


#: Digest of a period without rows.
EMPTY_DIGEST = "0"


def _period_start(client: Client, export: Export, value: object) -> datetime:
    if export.cadence == "hourly":
        assert isinstance(value, datetime)
        return value.astimezone(UTC)
    return client.local_midnight(str(value)).astimezone(UTC)


def render_csv(
    connection: duckdb.DuckDBPyConnection, client: Client, export: Export, start: datetime, path: Path
) -> int:
    """Write one period of one client's dataset as CSV (footfall.manifest.CSV_DIALECT). Returns the rows.

    A period without rows gives a file with nothing but the header.
    """
    dataset = DATASETS[export.dataset]
    selected = ", ".join(_cell(name, kind) for name, kind in columns(connection, dataset))
    period = "TIMESTAMPTZ" if export.cadence == "hourly" else "DATE"
    value = start.isoformat() if export.cadence == "hourly" else start.strftime("%Y-%m-%d")
    order = ", ".join(f'source."{name}"' for name in dataset.order)
    done = connection.execute(
        f"""
        COPY (
            SELECT {selected} FROM main.{dataset.table} AS source
            WHERE client_id = ? AND {dataset.period} = CAST(? AS {period})
            ORDER BY {order}
        ) TO '{path}' (FORMAT csv, HEADER true, DELIMITER ',', QUOTE '"', ESCAPE '"', NULLSTR '')
        """,
        [client.client_id, value],
    ).fetchone()
    assert done is not None, "COPY answers with its number of rows"
    return int(done[0])


def _cell(name: str, kind: str) -> str:
    """SQL that turns a column into what its cell shows."""
    column = f'source."{name}"'
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"strftime(timezone('UTC', {column}), '%Y-%m-%dT%H:%M:%S.%gZ') AS \"{name}\""
    if kind == "VARCHAR":
        # Formula injection (OWASP): a spreadsheet runs text that starts with one of these. Apostrophes
        # in front of them are counted in, or guarded text could not be told from text with its own.
        return (
            f"CASE WHEN regexp_matches({column}, '^''*[=+\\-@\\t\\r\\n]') THEN '''' || {column} "
            f'ELSE {column} END AS "{name}"'
        )
    return f'{column} AS "{name}"'
