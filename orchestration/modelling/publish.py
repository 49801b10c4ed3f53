"""Copies of the marts as Parquet in the lake, for each client and mart.

Dashboards and programs read these. Nobody but a run opens the warehouse: while one process has it open
for writing, no other can even read it.
"""

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from footfall.clients import Client
from footfall.published import publish
from footfall.sql import name, names, run, scratch
from footfall.store import ObjectStore

#: Mart → columns that give its rows a total order.
PUBLISHED = {
    "page_views": "site_id, occurred_at, event_id",
    "sessions": "site_id, started_at, session_id",
    "visitors": "site_id, first_seen_at, visitor_id",
    "conversions": "site_id, occurred_at, event_id",
    "url_metadata": "site_id, page",
    "identity_map": "site_id, visitor_id",
    "daily_metrics": "site_id, date",
    "pages_daily": "site_id, date, page",
    "sources_daily": "site_id, date, channel, source, medium, campaign",
    "geo_daily": "site_id, date, country, region, city",
    "devices_daily": "site_id, date, device, browser, os",
    "events_daily": "site_id, date, event_type",
    "journeys": "site_id, date, from_page, to_page",
    "funnels": "site_id, funnel, date, step",
    "retention_weekly": "site_id, cohort_week, weeks_later",
    "web_vitals_daily": "site_id, date, page, device",
    "ai_traffic_daily": "site_id, date, kind, name",
    "consent_daily": "site_id, date, consent_tier",
    "late_events": "site_id, date, received_hour",
    "edge_daily": "site_id, date, origin, edge_location, edge_result, status_class",
}


def publish_marts(connection: duckdb.DuckDBPyConnection, lake: ObjectStore, client: Client) -> dict[str, int]:
    """Publish one client's marts, each atomically (footfall.published). Returns mart → rows."""
    rows = {}
    for mart, order in PUBLISHED.items():
        with TemporaryDirectory(prefix="footfall-publish-", dir=scratch(connection)) as folder:
            path = Path(folder) / "mart.parquet"
            done = run(
                connection,
                "COPY (SELECT * FROM main.{mart} WHERE client_id = $client ORDER BY {order}) "
                "TO $path (FORMAT parquet, COMPRESSION zstd)",
                {"client": client.client_id, "path": str(path)},
                mart=name(mart),
                order=names(order.split(", ")),
            ).fetchone()
            data = path.read_bytes()
        rows[mart] = int(done[0]) if done else 0
        publish(lake, client.client_id, mart, data, hashlib.sha256(data).hexdigest(), rows[mart])
    return rows
