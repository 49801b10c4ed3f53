"""Times as senders write them: numbers of any unit, ISO 8601, RFC 2822."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

#: Characters of a time that is written out.
_LONGEST = 64
#: A number below this is in seconds, milliseconds, microseconds or nanoseconds: seconds have ten digits until
#: the year 2286, and each unit has three more.
_UNITS = ((1e11, 1000.0), (1e14, 1.0), (1e17, 1e-3), (1e20, 1e-6))


def milliseconds(value: Any) -> int | None:
    """Milliseconds since 1970 of a time, None where it says none. Without a zone it is UTC."""
    if isinstance(value, str):
        return _of_text(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    for limit, factor in _UNITS:
        if 0 < value < limit:
            return int(value * factor)
    return None


def _of_text(text: str) -> int | None:
    if not text or len(text) > _LONGEST:
        return None
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return milliseconds(float(text) if "." in text else int(text))
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text.removesuffix(" UTC"))
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return int(moment.timestamp() * 1000)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None
