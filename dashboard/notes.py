"""Notes on days: those that people wrote, and those that follow from what the installation knows."""

from typing import Any

from api.ranges import Days
from dashboard import shown
from dashboard.desk import Desk
from dashboard.words import say
from footfall import zones


def notes_of(desk: Desk, days: Days) -> list[dict[str, Any]]:
    """Notes on days of a range, in order: date, label, note."""
    found: list[tuple[str, str]] = []
    quality = desk.get("/v1/quality", site_id=desk.site.site_id, date_range=f"{days[0]},{days[1]}")
    found += [
        (row["date"], say("n_late", count=shown.number(row["late_added"])))
        for row in quality["rows"]
        if row["late_added"]
    ]
    if desk.visitor.grant.site_id is None:
        found += _of_the_client(desk)
    return [
        {"date": date, "label": shown.day(date), "note": note}
        for date, note in sorted(set(found))
        if str(days[0]) <= date <= str(days[1])
    ]


def _of_the_client(desk: Desk) -> list[tuple[str, str]]:
    zone = zones.zone(desk.zone)
    ledger = desk.get("/v1/deliveries", limit=1000)["deliveries"]
    restated = [
        (
            str(shown.local(row["committed_at"], zone)),
            say("n_restated", export=row["export"], reason=row["reason"]),
        )
        for row in ledger
        if row["revision"] > 1 and row["committed_at"]
    ]
    domains = [
        (str(shown.local(row["first_seen_hour"], zone)), say("n_domain", domain=row["domain"]))
        for row in desk.get("/v1/domains")["domains"]
    ]
    return [*restated, *domains]
