"""What the client files say of sites and funnels, as tables that models can join."""

import duckdb

from footfall.clients import Registry
from footfall.sql import run


def replace_sites(connection: duckdb.DuckDBPyConnection, registry: Registry) -> int:
    """Replace `ingest.sites` and `ingest.funnels` by what the registry says. Returns the sites.

    A site whose client file is gone or was set aside keeps its row: its history still needs a time zone.
    A funnel that its client's file does not name any more is gone.
    """
    sites = [
        (
            c.client_id,
            site.site_id,
            site.timezone or c.timezone,
            site.timeout_minutes,
            site.cut_at_midnight,
            site.cut_on_campaign,
            ",".join(site.conversions),
        )
        for c in registry.clients
        for site in c.sites
    ]
    funnels = [
        (
            c.client_id,
            f.name,
            f.counted_by,
            f.window_minutes,
            n,
            step.name,
            step.event,
            step.page_pattern,
            f.model_dump_json(),
        )
        for c in registry.clients
        for f in c.funnels
        for n, step in enumerate(f.steps, 1)
    ]
    run(connection, "BEGIN")
    for row in sites:
        run(connection, "DELETE FROM ingest.sites WHERE client_id = ? AND site_id = ?", row[:2])
        run(connection, "INSERT INTO ingest.sites VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    for client in registry.clients:
        run(connection, "DELETE FROM ingest.funnels WHERE client_id = ?", [client.client_id])
    for step in funnels:
        run(connection, "INSERT INTO ingest.funnels VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", step)
    # A zone that DuckDB lacks (the machine's database may be newer) would stop everybody's models: the days
    # of such a site begin in UTC, whoever wrote its row and whether or not its file is still there.
    run(
        connection,
        "UPDATE ingest.sites SET timezone = 'UTC' "
        "WHERE lower(timezone) NOT IN (SELECT lower(name) FROM pg_timezone_names())",
    )
    run(connection, "COMMIT")
    found = run(connection, "SELECT count(*) FROM ingest.sites").fetchone()
    return int(found[0]) if found else 0
