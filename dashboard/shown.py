"""Figures, days and moments as people of a language write them."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from functools import cache
from pathlib import Path
from typing import Any

from dashboard.words import language, say
from footfall import zones

#: Metrics that are shares, and those that are seconds.
SHARES = frozenset(
    {"bounce_rate", "engagement_rate", "conversion_rate", "share_of_entered", "retention", "gpc_share"}
)
SECONDS = frozenset(
    {
        "avg_session_seconds",
        "median_session_seconds",
        "avg_engaged_seconds",
        "median_seconds",
        "engaged_seconds",
    }
)
#: Metrics of which less is better.
LESS_IS_BETTER = frozenset({"bounce_rate", "errors_404", "quarantined", "duplicates"})
_MONTHS_DE = ("Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sept.", "Okt.", "Nov.", "Dez.")
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~:$^&=\"'])")
#: What is not seen and changes what is: controls, and marks that turn the direction of writing round.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
#: Where Streamlit's Markdown makes a link of mere text, whatever is escaped. It looks at each stretch of text
#: by itself: an empty one of a colour between two stops it, and is not in what is copied.
_LINKED = re.compile(r"https?(?=\\://)|www(?=\\\.)|@", re.IGNORECASE)
_APART = ":gray[]"
NOTHING = "–"


def number(value: float, digits: int = 0) -> str:
    """`1,234.5`, or `1.234,5`."""
    text = f"{value:,.{digits}f}"
    return text.translate(str.maketrans(",.", ".,")) if language() == "de" else text


def figure(metric: str, value: Any) -> str:
    """A value of a metric: a count, a share in percent, a time in minutes."""
    if value is None:
        return NOTHING
    if metric in SHARES or metric.startswith("share_"):
        return f"{number(float(value) * 100, 1)} %"
    if metric in SECONDS:
        return duration(float(value))
    if isinstance(value, int) or float(value).is_integer():
        return number(float(value))
    return number(float(value), 2)


def duration(seconds: float) -> str:
    """`1 h 2 min`, `3 min 20 s`, `12 s`."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"


def size(count: int) -> str:
    """Bytes: `1.2 MB`."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{number(value, 0 if unit == 'B' else 1)} {unit}"
        value /= 1000
    return f"{number(value, 1)} GB"


def change(percent: float | None) -> str:
    """`+12 %`; empty where there is nothing to compare with."""
    return (
        ""
        if percent is None
        else f"{'+' if percent > 0 else '−' if percent < 0 else '±'}{number(abs(percent))} %"
    )


def day(value: date | str) -> str:
    """`20 Nov 2026`, or `20. Nov. 2026`."""
    found = date.fromisoformat(value) if isinstance(value, str) else value
    if language() == "de":
        return f"{found.day}. {_MONTHS_DE[found.month - 1]} {found.year}"
    return f"{found.day} {found:%b} {found.year}"


def short_day(value: str) -> str:
    """The same without the year: `20 Nov`, or `20.11.`."""
    found = date.fromisoformat(value)
    return f"{found.day}.{found.month}." if language() == "de" else f"{found.day} {found:%b}"


def date_format() -> str:
    """How pickers and sortable tables write days."""
    return "DD.MM.YYYY" if language() == "de" else "YYYY-MM-DD"


def days(first: date, last: date) -> str:
    """A range of days."""
    return day(first) if first == last else f"{day(first)} – {day(last)}"


def moment(value: datetime | str | None, zone: str = "UTC") -> str:
    """A moment by the clocks of a zone: `20 Nov 2026 14:05`."""
    if not value:
        return NOTHING
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    here = found.astimezone(zones.zone(zone))
    return f"{day(here.date())} {here:%H:%M}"


def ago(value: datetime | str, now: datetime) -> str:
    """How long before now: `5 min`, `3 h`, `2 d`."""
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    minutes = max(0, int((now.astimezone(UTC) - found).total_seconds() // 60))
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} d"


def visible(text: str) -> str:
    """A text of a stranger with a sign for each character that would not be seen."""
    return _UNSEEN.sub("\ufffd", text)


def plain(text: Any) -> str:
    """A text of a stranger in Markdown, as it was written and nothing more; on one line."""
    return _escaped(" ".join(visible(str(text)).split()))


def _escaped(text: str) -> str:
    return _LINKED.sub(rf"\g<0>{_APART}", _PUNCTUATION.sub(r"\\\1", text))


def coded(text: str) -> str:
    """A sentence of ours in Markdown, whatever names are in it: what stands in backticks is shown as code."""
    pieces = " ".join(text.split()).split("`")
    if len(pieces) % 2 == 0:
        return plain(text)
    return "".join(
        f"`{piece}`" if number % 2 and piece else _escaped(piece) for number, piece in enumerate(pieces)
    )


def short(text: Any, most: int = 60) -> str:
    """The beginning of a text that is too long for a row."""
    found = str(text)
    return found if len(found) <= most else found[: most - 1] + "…"


@cache
def countries() -> Mapping[str, tuple[str, str]]:
    """ISO code → its name in English and in German."""
    found: dict[str, tuple[str, str]] = json.loads(
        Path(__file__).with_name("countries.json").read_text("utf-8")
    )
    return found


def value_of(dimension: str, value: Any) -> str:
    """A value of a dimension as people read it."""
    if value is None:
        return say("unknown")
    if dimension == "country" and value in countries():
        return countries()[value][language() == "de"]
    return {
        "(unknown)": say("unknown"),
        "(not set)": say("not_set"),
        "(direct)": say("direct"),
        "(none)": say("none"),
    }.get(str(value), visible(str(value)))


def local(value: str, zone: tzinfo) -> date:
    """The day of a moment, by the clocks of a zone."""
    return datetime.fromisoformat(value).astimezone(zone).date()


def time(label: str) -> str:
    """A day, or an hour of it: `20 Nov 2026`, `20 Nov 2026 14:00`."""
    return f"{day(label[:10])} {label[11:16]}".strip()


def in_charts(label: str) -> str:
    """A day or hour for a chart. With a time of day, for a browser takes a mere day to be UTC's."""
    return f"{label[:10]}T{label[11:] or '00:00:00'}"
