"""In which time zones a client's days begin, and once began: fields of its file, and the clocks they make."""

from collections.abc import Iterable
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field

from footfall import zones
from footfall.fields import Name
from footfall.strict import Strict

Timezone = Annotated[str, AfterValidator(zones.require)]


class EarlierTimezone(Strict):
    """In which zone a client's days began once, and those of its sites whose days were of another."""

    until: date
    """The first day that is not of it any more."""
    timezone: Timezone
    """The zone of the days before `until`."""
    sites: dict[Name, Timezone] = Field(default_factory=dict)
    """Sites whose days were of another zone."""


def clock_of(earlier: Iterable[EarlierTimezone], now: str, site_id: str | None = None) -> str:
    """The clock (footfall.zones) of days that begin in the zone `now`: the client's, or those of one site."""
    return zones.chained(((e.until, e.sites.get(site_id or "", e.timezone)) for e in earlier), now)
