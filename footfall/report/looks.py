"""Whose report it is and how it looks, as a client file says."""

from footfall.clients import Client
from footfall.exports import Export
from footfall.report.page import Looks
from footfall.report.style import ACCENT


def looks_of(client: Client, export: Export, site: str | None = None) -> Looks:
    """Of a report of one of its sites, or of all."""
    return Looks(
        name=client.name,
        sites=(site,) if site else tuple(each.site_id for each in client.sites),
        zone=client.zone().key,
        language=export.language,
        color=client.brand.color if client.brand else ACCENT,
        zones=tuple(
            (each.site_id, each.timezone or client.timezone)
            for each in client.sites
            if site in (None, each.site_id)
        ),
    )
