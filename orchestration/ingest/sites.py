"""What the client files say of sites and funnels, as tables that models can join."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any

import duckdb

from footfall.clients import Client, Registry
from footfall.site import Site
from footfall.sql import run
from orchestration import zone_days

#: From when on a currency is itself: before every event.
_ALWAYS = date(1, 1, 1)


def replace_sites(connection: duckdb.DuckDBPyConnection, registry: Registry) -> int:
    """Replace sites, properties, funnels, currencies and rates by what the registry says. Returns the sites.

    A site whose client file is gone or was set aside keeps its row: its history still needs a time zone. One
    that its client's file names no more has one on a new machine too, with the client's own zone and the
    usual rules.
    A funnel that its client's file does not name any more is gone.
    """
    sites = [_row(client, site) for client in registry.clients for site in client.sites]
    properties = [
        (c.client_id, site.site_id, each)
        for c in registry.clients
        for site in c.sites
        for each in dict.fromkeys(site.properties)
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
    rates = [
        (c.client_id, c.reporting.currency, currency, day, rate, c.reporting.digest())
        for c in registry.clients
        if c.reporting is not None
        for currency, day, rate in (
            (c.reporting.currency, _ALWAYS, 1.0),
            *((each.currency, each.date, each.rate) for each in c.reporting.rates),
        )
    ]
    run(connection, "BEGIN")
    known = set(run(connection, "SELECT client_id, site_id FROM ingest.sites").fetchall())
    for row in _former_sites(registry):
        if row[:2] not in known:
            run(connection, "INSERT INTO ingest.sites VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    for row in sites:
        run(connection, "DELETE FROM ingest.sites WHERE client_id = ? AND site_id = ?", row[:2])
        run(connection, "INSERT INTO ingest.sites VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        run(connection, "DELETE FROM ingest.properties WHERE client_id = ? AND site_id = ?", row[:2])
        run(connection, "DELETE FROM ingest.site_currencies WHERE client_id = ? AND site_id = ?", row[:2])
    for each in properties:
        run(connection, "INSERT INTO ingest.properties VALUES (?, ?, ?)", each)
    for client in registry.clients:
        run(connection, "DELETE FROM ingest.funnels WHERE client_id = ?", [client.client_id])
        run(connection, "DELETE FROM ingest.exchange_rates WHERE client_id = ?", [client.client_id])
        for site in client.sites:
            if site.currency is not None:
                said = [client.client_id, site.site_id, site.currency]
                run(connection, "INSERT INTO ingest.site_currencies VALUES (?, ?, ?)", said)
    for rate in rates:
        run(connection, "INSERT INTO ingest.exchange_rates VALUES (?, ?, ?, ?, ?, ?)", rate)
    for step in funnels:
        run(connection, "INSERT INTO ingest.funnels VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", step)
    _without_unknown_zones(connection)
    run(connection, "COMMIT")
    found = run(connection, "SELECT count(*) FROM ingest.sites").fetchone()
    return int(found[0]) if found else 0


def _row(client: Client, site: Site) -> tuple[Any, ...]:
    """A row of `ingest.sites`."""
    return (
        client.client_id,
        site.site_id,
        client.clock(site),
        site.timeout_minutes,
        site.cut_at_midnight,
        site.cut_on_campaign,
        ",".join(site.conversions),
        ",".join(site.properties) or None,
    )


def _former_sites(registry: Registry) -> Iterator[tuple[Any, ...]]:
    """Rows of sites that a client had, as its identity knows them: nobody knows their rules any more."""
    by_name = {history.name: history.current for history in registry.histories.values()}
    for client in registry.clients:
        identity = by_name.get(client.client_id)
        named = {site.site_id for site in client.sites}
        for site_id in sorted((identity.sites if identity else frozenset[str]()) - named):
            yield _row(client, Site.model_construct(site_id=site_id))


def replace_zone_days(
    connection: duckdb.DuckDBPyConnection, registry: Registry, hours: Iterable[datetime]
) -> None:
    """Write what the zones of all sites and clients do, on each day on which an event of these hours lies."""
    since = until = None
    for hour in hours:
        found = run(
            connection,
            "SELECT CAST(min(occurred_at) AS DATE), CAST(max(received_at) AS DATE) FROM ingest.event_index "
            "WHERE received_hour = ?",
            [hour],
        ).fetchone()
        if found and found[0]:
            since, until = min(found[0], since or found[0]), max(found[1], until or found[1])
    own = {client.calendar(export).zone for client in registry.clients for export in client.exports}
    zone_days.ensure(connection, {"UTC", *own, *zone_days.in_use(connection)}, since, until)


def _without_unknown_zones(connection: duckdb.DuckDBPyConnection) -> None:
    """Days of a site whose zone there is not any more begin in UTC: it stops nobody else's models."""
    found = run(connection, "SELECT DISTINCT timezone FROM ingest.sites").fetchall()
    for (text,) in found:
        if not zone_days.is_known(text):
            run(connection, "UPDATE ingest.sites SET timezone = 'UTC' WHERE timezone = ?", [text])
