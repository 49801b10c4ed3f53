"""Notes on days: those that people wrote, and those that follow from what the installation knows."""

from datetime import date
from typing import Any

from api.ranges import Days
from dashboard import shown
from dashboard.desk import Desk
from dashboard.words import say
from footfall import zones
from footfall.access import audit
from footfall.access.day_notes import DayNote, add_day_note, day_notes, remove_day_note
from footfall.errors import FootfallError

#: Of what was received: as much lost on pages is an outage, on their way or of the collector.
LOST = 0.01
#: Events; a few less are pages that were closed while their network was away.
FEWEST_LOST = 10


def notes_of(desk: Desk, days: Days) -> list[dict[str, Any]]:
    """Notes on days of a range, in order: date, label, note."""
    found: list[tuple[str, str]] = []
    quality = desk.get("/v1/quality", site_id=desk.site.site_id, date_range=f"{days[0]},{days[1]}")
    found += [
        (row["date"], say("n_late", count=shown.number(row["late_added"])))
        for row in quality["rows"]
        if row["late_added"]
    ]
    found += [
        (row["date"], say("n_lost", count=shown.number(row["pixel_lost"])))
        for row in quality["rows"]
        if (row["pixel_lost"] or 0) >= max(FEWEST_LOST, LOST * (row["received"] or 0))
    ]
    if desk.visitor.grant.role != "viewer":
        found += _of_the_client(desk)
    found += [(note.day.isoformat(), note.text) for note in written(desk)]
    return [
        {"date": shown.in_charts(date), "label": shown.day(date), "note": note}
        for date, note in sorted(set(found))
        if str(days[0]) <= date <= str(days[1])
    ]


def written(desk: Desk) -> list[DayNote]:
    """The notes that people wrote on days of the site."""
    return day_notes(desk.service.settings.home, desk.client.client_id, desk.site.site_id)


def may_write(desk: Desk) -> bool:
    """Whether the visitor may write notes: whoever is no mere viewer."""
    return desk.visitor.grant.role != "viewer"


def write(desk: Desk, day: date, text: str) -> None:
    """Keep a note in the name of the visitor. Raises FootfallError, Gone."""
    _note(desk, "notes.add", f"{day} {text}")
    add_day_note(
        desk.service.settings.home,
        client_id=desk.client.client_id,
        site_id=desk.site.site_id,
        day=day,
        text=text,
        by=desk.visitor.name,
        now=desk.service.now(),
    )


def remove(desk: Desk, note: DayNote) -> None:
    """Take a note away. Raises FootfallError, Gone."""
    _note(desk, "notes.remove", f"{note.day} {note.text}")
    remove_day_note(desk.service.settings.home, desk.client.client_id, desk.site.site_id, note.id)


def _note(desk: Desk, act: str, subject: str) -> None:
    desk.require_still()
    if not may_write(desk):
        raise FootfallError("notes are written by operators and clients")
    try:
        audit.note(
            desk.service.settings.audit,
            desk.service.now(),
            who=desk.visitor.name,
            door="dashboard",
            act=act,
            client=desk.client.client_id,
            subject=f"{desk.site.site_id} {subject}",
            outcome="asked",
        )
    except OSError as error:
        raise FootfallError(f"the act cannot be noted: {error.strerror}") from None


def _of_the_client(desk: Desk) -> list[tuple[str, str]]:
    zone = zones.zone(desk.zone)
    ledger = desk.fresh("/v1/deliveries", limit=1000)["deliveries"]
    restated = [
        (
            str(shown.local(row["committed_at"], zone)),
            say("n_restated", export=row["export"], reason=row["reason"]),
        )
        for row in ledger
        if row["revision"] > 1 and row["committed_at"]
    ]
    declared = {domain for site in desk.client.sites for domain in site.domains}
    domains = [
        (str(shown.local(row["first_seen_hour"], zone)), say("n_domain", domain=row["domain"]))
        for row in desk.fresh("/v1/domains")["domains"]
        if row["domain"] not in declared
    ]
    return [*restated, *domains]
