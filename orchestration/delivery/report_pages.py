"""A report as the files of a delivery: one page of all sites, or one of each."""

import hashlib
from datetime import date, datetime
from pathlib import Path

import duckdb

from footfall import keys
from footfall.catalogue.periods import Period
from footfall.manifest import DeliveredFile
from footfall.report.asking import Wanted, ask
from footfall.report.facts import Counts, Facts
from footfall.report.looks import looks_of
from footfall.report.noted import noted
from footfall.report.page import page
from footfall.sql import Sql, name, run, sql, text
from orchestration.delivery.datasets import utc_cursor
from orchestration.delivery.render import Rendered
from orchestration.delivery.selection import Selection


def render_pages(
    connection: duckdb.DuckDBPyConnection,
    selection: Selection,
    period: Period,
    prefix: str,
    folder: Path,
    complete_through: datetime | None,
) -> Rendered:
    """Write the pages of a period into `folder`. `prefix`: the delivery's folder, for the keys.

    The rows of a page are the days of its period that have figures. `complete_through`: up to where
    everything was in.
    """
    client, export = selection.client, selection.export
    folder.mkdir(parents=True, exist_ok=True)
    clocks = {site.site_id: client.clock(site) for site in client.sites}

    def rows(table: str, first: date, last: date) -> Sql:
        return sql(
            "(SELECT * FROM main.{table} WHERE client_id = {client} "
            "AND date BETWEEN CAST({first} AS DATE) AND CAST({last} AS DATE))",
            table=name(table),
            client=text(client.client_id),
            first=text(f"{first}"),
            last=text(f"{last}"),
        )

    files, paths = [], []
    with utc_cursor(connection) as cursor:
        for site in _sites(cursor, selection, period):
            notes = noted(selection.notes, client, site)
            wanted = Wanted(selection.calendar, period, clocks, site, complete_through, notes)
            facts = ask(cursor, rows, wanted)
            data = page(facts, looks_of(client, export, site))
            path = folder / f"{site or 'all'}.0"
            path.write_bytes(data)
            sha256 = hashlib.sha256(data).hexdigest()
            called = keys.file_name(export.name, period, sha256, export.extension, site=site or "", part=0)
            files.append(DeliveredFile(prefix + called, len(data), sha256, _days(facts), site))
            paths.append(path)
    delivered = sum(file.rows for file in files)
    return Rendered(tuple(files), tuple(paths), delivered, delivered, 0)


def _days(facts: Facts) -> int:
    first = facts.period.start.date()
    return sum(day >= first and counts != Counts() for day, counts in facts.days.items())


def _sites(connection: duckdb.DuckDBPyConnection, selection: Selection, period: Period) -> list[str | None]:
    """The sites that have a page of their own: one that left the client file keeps its pages."""
    if selection.export.split != "site":
        return [None]
    known = [site.site_id for site in selection.client.sites]
    found = run(
        connection,
        "SELECT DISTINCT site_id FROM main.daily_metrics "
        "WHERE client_id = ? AND date BETWEEN ? AND ? ORDER BY 1",
        [selection.client.client_id, period.start.date(), period.last_day],
    ).fetchall()
    return [*known, *(site for (site,) in found if site not in known)]
