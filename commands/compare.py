"""What `footfall import --compare` says: another tool's sums by day beside our published ones."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from footfall.clients import Client, Site
from footfall.durable import open_lake
from footfall.published.opening import NothingPublished
from footfall.settings import Settings
from sources.old_figures import MEASURES, Comparison, Figures

_TABLE = "daily_metrics"


def beside_ours(settings: Settings, client: Client, site: Site, theirs: Figures) -> int:
    """Say both for each day that both have, and what explains the differences. 1 where there is no such day.

    Raises FootfallError where the lake cannot be read.
    """
    ours, bots = _published(settings, client, site, min(theirs), max(theirs))
    found = Comparison(theirs, ours, bots, site.timezone or client.timezone, site.timeout_minutes)
    if not found.days:
        print(
            f"no day of the file has figures here: nothing is published of {client.client_id}/{site.site_id} "
            f"from {min(theirs)} to {max(theirs)}; run the hours that the import named, then compare again"
        )
        return 1
    print("\ntheirs → ours")
    for line in found.table():
        print(line.rstrip())
    for reason in found.reasons():
        print(f"- {reason}")
    return 0


def _published(
    settings: Settings, client: Client, site: Site, first: date, last: date
) -> tuple[Figures, Mapping[date, float]]:
    from footfall.published.tables import open_tables  # loads DuckDB

    figures: dict[date, dict[str, float]] = {}
    bots: dict[date, float] = {}
    lake = open_lake(settings.lake, settings.s3_endpoint, settings.home)
    try:
        with open_tables(lake, client.client_id, settings.cache_of(client.client_id)) as tables:
            rows = tables.relation(_TABLE, first, last)
            names = list(rows.columns)
            while some := rows.fetchmany(1000):
                for row in some:
                    _add(dict(zip(names, row, strict=True)), site, figures, bots)
    except NothingPublished:
        pass
    return figures, bots


def _add(
    row: Mapping[str, Any], site: Site, figures: dict[date, dict[str, float]], bots: dict[date, float]
) -> None:
    if row["site_id"] == site.site_id:
        figures[row["date"]] = {name: float(row[name] or 0) for name in MEASURES}
        bots[row["date"]] = float(row["bot_events"] or 0)
