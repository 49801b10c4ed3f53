"""What `footfall clients rezone` does: the zones that a client's days were of go into its file."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from commands.client_file_text import whole_client, with_items, write
from footfall import zones
from footfall.clients import Client, read_client, registry_of
from footfall.day_zones import EarlierTimezone
from footfall.delivered_days import DeliveredDay, newest_days, other_zone
from footfall.errors import FootfallError
from footfall.hours import HOUR, floor, run_command
from footfall.identities import History
from footfall.identity_files import read_histories
from footfall.owners import require_owner
from footfall.settings import Settings

_DAY = timedelta(days=1)


def rezone(settings: Settings, client_id: str, day: date, now: datetime) -> list[str]:
    """Let a client's days be of its file's zones from `day` on, and up to then of those that they were of.

    Returns what to tell. Raises FootfallError where the day cannot be the first, or nothing has changed.
    """
    path = settings.clients / f"{client_id}.yaml"
    client = whole_client(path)
    before = read_client(settings.last_good_clients / path.name)[0]
    history = read_histories(settings.identities).get(client_id, History(client_id))
    require_owner(registry_of(settings), history.name)
    # The ledger knows the owner, and not the id.
    days = list(newest_days(settings.ledger, client.model_copy(update={"client_id": history.name})))
    if not any(other_zone(client, said, before) for said in days):
        raise FootfallError(
            f"{path.name}: days are of the zone in which they were delivered, so there is nothing to take; "
            "change `timezone` first. A client without daily deliveries needs no more than that"
        )
    last = max(days, key=lambda said: said.day)
    if day <= last.day:
        raise FootfallError(
            f"{last.export} of {client_id} is delivered up to {last.day} in {last.zone}: the first day in "
            f"another zone can be {last.day + _DAY}"
        )
    earlier = _earlier(client, before, last, day)
    items = [_item(each) for each in (*client.earlier_timezones, earlier)]
    taken, text = with_items(path, client, "earlier_timezones", items)
    start, end = (zones.clock(taken.own_clock()).start(each) for each in (day, day + _DAY))
    if start.timestamp() > now.timestamp():
        raise FootfallError(
            f"{day} begins at {start.astimezone(UTC):%Y-%m-%dT%H:%MZ}, in {last.zone}: "
            "say it once it has begun"
        )
    write(path, text)
    lines = [
        f"{client_id}: from {day} on days are of {taken.zone().key}; that day has "
        f"{(end.timestamp() - start.timestamp()) / 3600:g} hours, as it begins where the day before ended",
        f"written to {path}: keep it in git too",
    ]
    if day > last.day + _DAY:
        due = zones.clock(taken.own_clock()).start(last.day + _DAY)
        command = run_command(floor(due), floor(start) + HOUR, now)
        lines.append(f"days from {last.day + _DAY} up to {day - _DAY} are still to be delivered: {command}")
    return lines


def _earlier(client: Client, before: Client | None, last: DeliveredDay, day: date) -> EarlierTimezone:
    """The zones that days were of, up to `day`."""
    sites = {}
    for site in client.sites:
        old = before.site(site.site_id) if before else None
        was = zones.clock(before.clock(old)).zone_of(last.day) if before and old else last.zone
        was = last.sites.get(site.site_id, was)
        if was != last.zone:
            sites[site.site_id] = was
    return EarlierTimezone(until=day, timezone=last.zone, sites=sites)


def _item(each: EarlierTimezone) -> dict[str, Any]:
    said: dict[str, Any] = {"until": each.until, "timezone": each.timezone}
    if each.sites:
        said["sites"] = dict(each.sites)
    return said
