"""`retention` of a client file: how long each class of data is kept, and which rules cannot be kept."""

import calendar
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from footfall.strict import Strict

#: Classes of data, in the order in which they are made of one another.
Class = Literal["raw", "quarantine", "events", "delivered", "backup"]
CLASSES: tuple[Class, ...] = get_args(Class)

#: Days before a day that its figures are made of: attribution looks back 30 days, a session and a funnel
#: reach over some more. A test holds it against the variables of the models.
LOOK_BACK_DAYS = 35
#: Days in which a day may still change: 7 of late events and repeated ones, and 3 until it is final.
SETTLING_DAYS = 10
#: The shortest time of events: less, and figures that can still change would lack what they are made of.
LEAST_EVENTS_DAYS = LOOK_BACK_DAYS + SETTLING_DAYS

KEEP = "keep"
TEXT = r"^(keep|[1-9][0-9]{0,3} ?(d|days?|weeks?|months?|years?))$"
EXPECTED = {TEXT: "expected keep, or a time such as 30d, 13 months, 2 years"}
_TEXT = re.compile(r"([0-9]+) ?(d|day|week|month|year)")
Kept = Annotated[str, Field(pattern=TEXT)]


class Retention(Strict):
    """How long each class of data is kept; what is not named is kept until a person removes it."""

    raw: Kept = KEEP
    """Lines as they were received."""
    quarantine: Kept = KEEP
    """The bytes of what could become no event; that there was a line, and its reason, is counted on."""
    events: Kept = KEEP
    """Events with what was learnt of them later, and all that has a row for a visit or a visitor: page views,
    sessions, conversions, touches, visitors, identities; in lake, warehouse and published tables. Figures of
    days stay.
    """
    delivered: Kept = KEEP
    """Delivered files in the client's buckets; manifests and the log stay."""
    backup: Kept = KEEP
    """Our copies of delivered files."""

    @model_validator(mode="before")
    @classmethod
    def _goes_with_another(cls, said: Any) -> Any:
        for name in ("sessions", "published", "visitors", "page_views"):
            if isinstance(said, dict) and name in said:
                raise ValueError(f"{name} are made of events, and kept as long as these: say events")
        if isinstance(said, dict) and "figures" in said:
            raise ValueError("figures of days are about nobody, and stay")
        return said

    @model_validator(mode="after")
    def _can_be_kept(self) -> "Retention":
        mistakes = list(_mistakes(self))
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return self

    def of(self, name: Class) -> str:
        """The rule of a class, as it is written."""
        return str(getattr(self, name))

    def horizon(self, name: Class, now: datetime) -> datetime | None:
        """The first moment of the first day (UTC) that is kept; None where all are.

        What lies before it has been kept for its time in full.
        """
        today = now.astimezone(UTC).date()
        first = _before(today, self.of(name))
        return datetime(first.year, first.month, first.day, tzinfo=UTC) if first else None


def frozen_until(events_from: datetime) -> date:
    """The first day whose figures are computed, where events are kept from a moment on.

    The days before are frozen: some of what they were made of is gone.
    """
    return events_from.astimezone(UTC).date() + timedelta(days=LOOK_BACK_DAYS)


def least_days(text: str) -> int | None:
    """The fewest days that a rule can mean; None: all are kept."""
    return _days(text, {"month": 28, "year": 365})


def most_days(text: str) -> int | None:
    """The most days that a rule can mean; None: all are kept."""
    return _days(text, {"month": 31, "year": 366})


def _days(text: str, long: Mapping[str, int]) -> int | None:
    if text == KEEP:
        return None
    found = _TEXT.match(text)
    assert found is not None, "the file was checked"
    return int(found[1]) * {"d": 1, "day": 1, "week": 7, **long}[found[2]]


def _mistakes(rule: Retention) -> Iterator[str]:
    late = "until then a period can still become another revision"
    least: dict[Class, tuple[int, str]] = {
        "raw": (SETTLING_DAYS, "objects that land late and repeated events are looked for in that time"),
        "events": (
            LEAST_EVENTS_DAYS,
            f"the figures of a day that can still change are made of {LOOK_BACK_DAYS} days before it",
        ),
        "delivered": (SETTLING_DAYS, late),
        "backup": (SETTLING_DAYS, late),
    }
    for kind, (fewest, why) in least.items():
        said = least_days(rule.of(kind))
        if said is not None and said < fewest:
            yield f"{kind}: {rule.of(kind)} is shorter than {fewest}d: {why}"
    events = least_days(rule.events)
    sources: tuple[Class, ...] = ("raw", "quarantine")
    for kind in sources:
        mine = least_days(rule.of(kind))
        if events is not None and (mine is None or mine > events):
            yield (
                f"{kind}: {rule.of(kind)} is longer than events: {rule.events}, which are made of the same "
                f"lines; say {kind} too"
            )


def _before(today: date, text: str) -> date | None:
    if text == KEEP:
        return None
    found = _TEXT.match(text)
    assert found is not None, "the file was checked"
    many, unit = int(found[1]), found[2]
    if unit in ("month", "year"):
        months = many * (12 if unit == "year" else 1)
        year, month = divmod(today.year * 12 + today.month - 1 - months, 12)
        if year < 1:
            return None
        return date(year, month + 1, min(today.day, calendar.monthrange(year, month + 1)[1]))
    days = many * (7 if unit == "week" else 1)
    return today - timedelta(days=days) if days < today.toordinal() else None
