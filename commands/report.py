"""`footfall report`: the page of a report as it is now, from the published tables, without delivering it."""

import re
import sys
import tempfile
import webbrowser
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.parameters import CLIENT
from commands.state import with_state
from footfall.access.day_notes import day_notes
from footfall.catalogue.periods import Period
from footfall.clients import Client, Export, registry_of
from footfall.durable import open_lake
from footfall.errors import FootfallError
from footfall.owners import named
from footfall.report.looks import looks_of
from footfall.report.noted import noted
from footfall.report.page import page
from footfall.settings import Settings

if TYPE_CHECKING:
    from footfall.published.tables import Tables
    from footfall.report.asking import Rows
    from footfall.report.facts import Facts

_WEEK = re.compile(r"(\d{4})-W(\d{2})")
_MONTH = re.compile(r"(\d{4})-(\d{2})")


@click.command()
@click.argument("client_id", metavar="CLIENT", type=CLIENT)
@click.argument("export", metavar="EXPORT")
@click.option(
    "--period",
    metavar="PERIOD",
    help="A day in it, 2026-11-20, a week, 2026-W47, or a month, 2026-11; else the one that ended last.",
)
@click.option("--site", metavar="ID", help="Of this site only; needed where the export is split by site.")
@click.option("--output", metavar="FILE", help="Where to write it; a name with .pdf is printed by Chromium.")
@click.option("--open", "is_shown", is_flag=True, help="Show it in the browser.")
@with_state
def command(
    settings: Settings,
    client_id: str,
    export: str,
    period: str | None,
    site: str | None,
    output: str | None,
    is_shown: bool,
) -> int:
    """The page of a report EXPORT as it is now; to standard output unless told. Delivers nothing."""
    registry = registry_of(settings)
    whose = registry.client(named(registry, client_id))
    if whose is None:
        raise FootfallError(f"{client_id} has no valid client file; `footfall clients` says why")
    ordered = _export(whose, export)
    data = page(
        _facts(settings, whose, _period(whose, ordered, period), ordered, _site(whose, ordered, site)),
        looks_of(whose, ordered, site),
    )
    if is_shown and output is None:
        with tempfile.NamedTemporaryFile(prefix="footfall-report-", suffix=".html", delete=False) as file:
            output = file.name
    if output is None:
        sys.stdout.buffer.write(data)
        return 0
    path = Path(output)
    try:
        path.write_bytes(data)
        if path.suffix == ".pdf":
            _print(path, data)
    except OSError as error:
        raise FootfallError(f"{path} cannot be written: {error.strerror}") from None
    print(path)
    if is_shown and not webbrowser.open(path.absolute().as_uri()):
        raise FootfallError(f"no browser was found; open {path}")
    return 0


def _print(path: Path, data: bytes) -> None:
    from orchestration.alerting.printing import to_pdf

    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "report.html"
        made.write_bytes(data)
        path.unlink()
        path.write_bytes(to_pdf(made))


def _export(whose: Client, name: str) -> Export:
    reports = [each.name for each in whose.exports if each.is_page]
    if name not in reports:
        known = f"its reports are {', '.join(reports)}" if reports else "it has none with `dataset: report`"
        raise FootfallError(f"{whose.client_id} has no report {name!r}; {known}")
    return next(each for each in whose.exports if each.name == name)


def _site(whose: Client, export: Export, site: str | None) -> str | None:
    known = [each.site_id for each in whose.sites]
    if site is not None and site not in known:
        raise FootfallError(f"{whose.client_id} has no site {site!r}; there are {', '.join(known)}")
    if site is None and export.split == "site":
        raise FootfallError(f"{export.name} has a page for each site: say --site, one of {', '.join(known)}")
    return site


def _period(whose: Client, export: Export, said: str | None) -> Period:
    """The period that a person means. Raises FootfallError."""
    calendar = whose.calendar(export)
    if said is None:
        return calendar.before(datetime.now(UTC))
    try:
        if week := _WEEK.fullmatch(said):
            day = date.fromisocalendar(int(week[1]), int(week[2]), 1)
        elif month := _MONTH.fullmatch(said):
            day = date(int(month[1]), int(month[2]), 1)
        else:
            day = date.fromisoformat(said)
        return calendar.at(whose.local_midnight(f"{day}"))
    except (ValueError, OverflowError):
        raise FootfallError(
            f"--period {said}: write a day in it such as 2026-11-20, a week such as 2026-W47, or a month "
            "such as 2026-11"
        ) from None


def _facts(settings: Settings, whose: Client, period: Period, export: Export, site: str | None) -> "Facts":
    import duckdb

    from footfall.published.tables import open_tables
    from footfall.report.asking import COLUMNS, VIEWS, Wanted, ask

    lake, client_id = open_lake(settings.lake, settings.s3_endpoint, settings.home), whose.client_id
    with open_tables(lake, client_id, settings.cache_of(client_id)) as tables:
        through = tables.snapshot.complete_through
        wanted = Wanted(
            whose.calendar(export),
            period,
            {each.site_id: whose.clock(each) for each in whose.sites},
            site,
            datetime.fromisoformat(through) if through else None,
            noted(day_notes(settings.home, client_id), whose, site),
        )
        try:
            return ask(tables.connection, _rows_of(tables), wanted)
        except duckdb.Error as error:
            damaged = next(filter(None, map(tables.damaged, (*COLUMNS, VIEWS))), None)
            said = f"{error}".splitlines()[0]
            raise damaged or FootfallError(f"{export.name} cannot be made: {said}") from None


def _rows_of(tables: "Tables") -> "Rows":
    from footfall.sql import sql

    return lambda table, first, last: sql("({rows})", rows=tables.select(table, first, last))
