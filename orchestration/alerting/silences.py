"""Alerts that a person knows of: acknowledged until they end, or muted until a moment."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from footfall.errors import FootfallError

#: The longest time of silence, in days. Longer: what was meant for a week is forgotten for a year.
LONGEST_DAYS = 30
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True)
class Silence:
    """Who wants to hear no more of a key, or of all keys that begin with it, why, and until when.

    An acknowledgement (not `is_mute`) is of the incident that goes on at `at`, and lasts as long, or shorter.
    """

    key: str
    is_mute: bool
    by: str
    because: str
    at: datetime
    until: datetime | None

    def covers(self, key: str, since: datetime) -> bool:
        """Whether it is about the incident of that key that began at `since`."""
        is_named = key == self.key or key.startswith(f"{self.key}:")
        return is_named and (self.is_mute or since <= self.at)

    def holds(self, now: datetime) -> bool:
        """Whether it has not ended."""
        return self.until is None or now < self.until

    @property
    def shown(self) -> str:
        """For a person."""
        until = f" until {self.until:%Y-%m-%d %H:%M} UTC" if self.until else ""
        because = f": {self.because}" if self.because else ""
        return f"{'muted' if self.is_mute else 'acknowledged'} by {self.by}{until}{because}"


def moment(written: str, now: datetime) -> datetime:
    """`90m`, `8h`, `3d`, `2026-11-30` or `2026-11-30T08:00`, UTC. Raises FootfallError."""
    span = re.fullmatch(r"(\d{1,5})([mhd])", written)
    try:
        if span:
            until = now + timedelta(**{_UNITS[span[2]]: int(span[1])})
        else:
            until = datetime.fromisoformat(written)
            until = until.replace(tzinfo=UTC) if until.tzinfo is None else until.astimezone(UTC)
    except (ValueError, OverflowError):
        raise FootfallError(
            f"--until {written}: write 90m, 8h, 3d, 2026-11-30 or 2026-11-30T08:00 (UTC)"
        ) from None
    if until <= now:
        raise FootfallError(f"--until {written}: that is over already; it is {now:%Y-%m-%dT%H:%M} UTC")
    if until - now > timedelta(days=LONGEST_DAYS):
        raise FootfallError(f"--until {written}: {LONGEST_DAYS} days at most, so that nothing is forgotten")
    return until
