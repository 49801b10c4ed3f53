"""Hosts whose rows are held back: of clients with `unverified_domains: hold`, until their domain is verified.

Made anew by every run, from all events of those clients: what is held follows from the registry and the
client files as they are now, and never from what was held before.
"""

from collections.abc import Iterable

import duckdb

from footfall.clients import Client
from footfall.sql import run
from orchestration.discovery.domain_rows import Domain

#: States of a domain whose events are the client's. One that was retired was the client's when they came.
_VOUCHED = ("verified", "billable", "retired")


def replace_held(
    connection: duckdb.DuckDBPyConnection, clients: Iterable[Client], known: Iterable[Domain]
) -> int:
    """Write `discovery.held_hosts` (client_id, host). Returns how many hosts are held."""
    holding = {client.client_id: client for client in clients if client.unverified_domains == "hold"}
    allowed = [
        (client_id, domain)
        for client_id, client in holding.items()
        for site in client.sites
        for domain in site.domains
    ]
    for row in known:
        if row.client_id in holding and row.state in _VOUCHED:
            allowed += [(row.client_id, row.domain), (row.client_id, f"*.{row.domain}")]
    run(connection, "BEGIN")
    run(connection, "CREATE SCHEMA IF NOT EXISTS discovery")
    run(connection, "CREATE OR REPLACE TABLE discovery.held_hosts (client_id VARCHAR, host VARCHAR)")
    if holding:
        run(
            connection,
            """
            WITH allowed AS (
                SELECT unnest($clients) AS client_id, unnest($domains) AS domain
            ),
            seen AS (
                SELECT DISTINCT client_id, host FROM ingest.event_index
                WHERE list_contains($holding, client_id) AND host IS NOT NULL AND NOT is_duplicate
            )
            INSERT INTO discovery.held_hosts
            SELECT client_id, host FROM seen
            WHERE NOT EXISTS (
                SELECT 1 FROM allowed
                WHERE allowed.client_id = seen.client_id AND (
                    rtrim(lower(seen.host), '.') = allowed.domain
                    OR (starts_with(allowed.domain, '*.')
                        AND ends_with(rtrim(lower(seen.host), '.'), substr(allowed.domain, 2)))
                )
            )
            ORDER BY client_id, host
            """,
            {
                "clients": [client_id for client_id, _ in allowed],
                "domains": [domain for _, domain in allowed],
                "holding": list(holding),
            },
        )
    run(connection, "COMMIT")
    found = run(connection, "SELECT count(*) FROM discovery.held_hosts").fetchone()
    return int(found[0]) if found else 0
