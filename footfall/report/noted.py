"""What people noted of days, as a report says it."""

from collections.abc import Iterable

from footfall.access.day_notes import DayNote
from footfall.clients import Client
from footfall.report.facts import Note


def noted(notes: Iterable[DayNote], client: Client, site: str | None) -> tuple[Note, ...]:
    """Notes of one site, or of all: then each says of which, where the client has several."""
    listed = [each for each in notes if site in (None, each.site_id)]
    whose = {each.site_id for each in listed} | {each.site_id for each in client.sites}
    is_one = site is not None or len(whose) == 1
    return tuple(Note(each.day, each.text if is_one else f"{each.site_id}: {each.text}") for each in listed)
