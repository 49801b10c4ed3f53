"""Copies of the marts as Parquet in the lake, for each client and mart.

Dashboards and programs read these. Nobody but a run opens the warehouse: while one process has it open
for writing, no other can even read it.
"""

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from footfall.catalogue.tables import PUBLISHED
from footfall.clients import Client
from footfall.published import publish
from footfall.sql import name, names, run, scratch
from footfall.store import ObjectStore


def publish_marts(connection: duckdb.DuckDBPyConnection, lake: ObjectStore, client: Client) -> dict[str, int]:
    """Publish one client's marts, each atomically (footfall.published). Returns mart → rows."""
    rows = {}
    for table in PUBLISHED:
        with TemporaryDirectory(prefix="footfall-publish-", dir=scratch(connection)) as folder:
            path = Path(folder) / "mart.parquet"
            done = run(
                connection,
                "COPY (SELECT * FROM main.{mart} WHERE client_id = $client ORDER BY {order}) "
                "TO $path (FORMAT parquet, COMPRESSION zstd)",
                {"client": client.client_id, "path": str(path)},
                mart=name(table.name),
                order=names(table.published_order or table.order),
            ).fetchone()
            data = path.read_bytes()
        rows[table.name] = int(done[0]) if done else 0
        publish(lake, client.client_id, table.name, data, hashlib.sha256(data).hexdigest(), rows[table.name])
    return rows
