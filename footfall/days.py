"""In whose time zone a daily export's days begin.

A day is a day of the site. Sites that share a zone share their days. Where a client has sites in several
zones, an export split by site, and a report, whose rows are days of their sites, hold for each site its own
local day; an export that mixes events of all sites holds the client's own day, from its midnight to the next.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from footfall.clients import CADENCES, Client, Export
from footfall.manifest import period_end

#: Two dates that tell which of two zones lies further west, whatever their clocks do in summer.
_PROBES = (datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC))


def zones_of_sites(client: Client, export: Export) -> Mapping[str, str]:
    """Site → the zone of its days, where the sites of this export do not share one; else empty."""
    zones = {site.site_id: site.timezone or client.timezone for site in client.sites}
    is_by_site = export.split == "site" or "hourly" not in CADENCES[export.dataset]
    if export.cadence != "daily" or not is_by_site or len(set(zones.values())) == 1:
        return {}
    return zones


def last_zone(client: Client, export: Export) -> str:
    """The zone whose days end last among those of an export: only then its day can be delivered."""
    zones = {*zones_of_sites(client, export).values()} or {client.zone().key}
    return min(sorted(zones), key=lambda name: min(_offset(name, moment) for moment in _PROBES))


def _offset(name: str, moment: datetime) -> float:
    offset = moment.astimezone(ZoneInfo(name)).utcoffset()
    return offset.total_seconds() if offset else 0.0


def window(client: Client, export: Export, start: datetime) -> tuple[datetime, datetime]:
    """From where to where a period reaches: of a day from its first midnight to its last at any site."""
    zones = {*zones_of_sites(client, export).values()}
    if not zones:
        return start, period_end(start, export.cadence)
    midnight = start.astimezone(client.zone()).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    starts = [midnight.replace(tzinfo=ZoneInfo(name)) for name in sorted(zones)]
    ends = [period_end(each, export.cadence) for each in starts]
    return min(starts, key=datetime.timestamp), max(ends, key=datetime.timestamp)
