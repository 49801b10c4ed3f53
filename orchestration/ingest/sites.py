"""The sites of all valid client files, as a table that models can join."""

import duckdb

from footfall.clients import Registry


def replace_sites(connection: duckdb.DuckDBPyConnection, registry: Registry) -> int:
    """Replace `ingest.sites` by the registry's sites. Returns the rows.

    A site whose client file is gone or was set aside keeps its row: its history still needs a time zone.
    """
    rows = [(c.client_id, site.site_id, c.timezone) for c in registry.clients for site in c.sites]
    connection.execute("BEGIN")
    for client_id, site_id, timezone in rows:
        connection.execute(
            "DELETE FROM ingest.sites WHERE client_id = ? AND site_id = ?", [client_id, site_id]
        )
        connection.execute("INSERT INTO ingest.sites VALUES (?, ?, ?)", [client_id, site_id, timezone])
    connection.execute("COMMIT")
    found = connection.execute("SELECT count(*) FROM ingest.sites").fetchone()
    return int(found[0]) if found else 0
