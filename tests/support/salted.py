"""Salts as a lake agrees on them, of bytes that a test chose."""

from datetime import datetime

from footfall.salts import Salt, salt_day


def salt_of_day(value: bytes, clock: str, moment: datetime) -> Salt:
    """A salt that holds for a site's whole day."""
    day = salt_day(clock, moment)
    return Salt(value, day.keys("a-client", moment)[0], day.begins, day.ends)
