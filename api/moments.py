"""Days and moments as people write them into addresses and bodies."""

import re
from datetime import UTC, date, datetime

from api.problems import Problem

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}(:\d{2}(:\d{2}(\.\d{1,6})?)?)?(Z|[+-]\d{2}:\d{2})?", re.ASCII)


def day_of(text: str, field: str) -> date:
    """`2026-11-20`. Raises Problem."""
    try:
        if not _DAY.fullmatch(text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise Problem("invalid", "write a day as 2026-11-20", field=field) from None


def moment_of(text: str, field: str) -> datetime:
    """`2026-11-20`, `2026-11-20T14` or `2026-11-20T14:00:00Z`; UTC where no zone is said. Raises Problem."""
    try:
        if _DAY.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        if not _MOMENT.fullmatch(text):
            raise ValueError
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Problem("invalid", "write a moment as 2026-11-20T14:00:00Z", field=field) from None


def maybe_moment(text: str | None, field: str) -> datetime | None:
    """The same, or None where nothing is said."""
    return moment_of(text, field) if text else None
