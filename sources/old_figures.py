"""Daily figures of another tool, read from its CSV, beside ours of the same days."""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from footfall.errors import FootfallError
from sources.contents import content_pieces

#: Bytes of such a file: a day takes some 60, so these are 300 years.
MAX_BYTES = 8 << 20
#: How tools name a day and what they count on it, in small letters and with `_` for all else.
_DAY = ("date", "day", "period", "nth_day", "time", "label")
_MEASURES: Mapping[str, tuple[str, ...]] = {
    "page_views": ("page_views", "pageviews", "views", "nb_pageviews", "screen_page_views", "hits"),
    "sessions": ("sessions", "visits", "nb_visits", "total_sessions"),
    "visitors": (
        "visitors", "unique_visitors", "nb_uniq_visitors", "users", "active_users", "total_users", "uniques",
    ),
    "bounces": ("bounces", "bounce_count", "nb_bounces"),
}  # fmt: skip
MEASURES = tuple(_MEASURES)
#: Parts of a sum below which two tools agree: beacons that only one of them got.
_ALIKE = 0.03

Figures = Mapping[date, Mapping[str, float]]


def read_figures(path: Path) -> Figures:
    """Day → measure → value, of a CSV with a line of names. Raises FootfallError where it is none."""
    text = _text(path)
    rows = [
        row for row in csv.reader(text.splitlines(), delimiter=_delimiter(text)) if row and row[0][:1] != "#"
    ]
    header = next((n for n, row in enumerate(rows) if _columns(row)), None)
    if header is None:
        known = "; ".join(f"{name}: {', '.join(names[:3])}" for name, names in _MEASURES.items())
        raise FootfallError(
            f"{path} has no line with a column of days (date, day) and one of figures ({known}): export the "
            "sums by day as CSV"
        )
    columns = _columns(rows[header])
    found: dict[date, dict[str, float]] = {}
    for row in rows[header + 1 :]:
        day = _day(row[columns["day"]]) if columns["day"] < len(row) else None
        if day is None:
            continue  # a line of totals, or another table below
        if day in found:
            raise FootfallError(f"{path} has {day} twice: export the sums by day alone, of one site")
        found[day] = {
            name: value
            for name, n in columns.items()
            if name != "day" and n < len(row) and (value := _number(row[n])) is not None
        }
    if not found:
        raise FootfallError(
            f"{path} has no day, as 2026-11-20 or 20261120, in its column {rows[header][0]!r}"
        )
    return found


def _text(path: Path) -> str:
    data = b""
    for piece in content_pieces(path):
        data += piece
        if len(data) > MAX_BYTES:
            raise FootfallError(f"{path} holds more than {MAX_BYTES} bytes, as no table of days does")
    return data.decode("utf-8-sig", "replace")


def _delimiter(text: str) -> str:
    return max("\t,;", key=text[:2000].count)


def _columns(row: list[str]) -> dict[str, int]:
    """`day` and each measure → its column; empty where there is no day or no measure."""
    names = [re.sub(r"[^a-z0-9]+", "_", cell.strip().lower()).strip("_") for cell in row]
    found = {
        measure: names.index(known)
        for measure, ways in (("day", _DAY), *_MEASURES.items())
        for known in reversed(ways)
        if known in names
    }
    return found if "day" in found and len(found) > 1 else {}


def _day(cell: str) -> date | None:
    text = cell.strip()[:10]
    for form in ("%Y-%m-%d", "%Y%m%d"):
        try:
            return datetime.strptime(text if "-" in form else cell.strip()[:8], form).date()  # noqa: DTZ007
        except ValueError:
            continue
    return None


def _number(cell: str) -> float | None:
    text = cell.strip().replace("\u00a0", "").replace(" ", "")
    # Counts are whole: what stands between three digits each is no decimal point.
    if re.fullmatch(r"\d{1,3}([.,'’]\d{3})+", text):
        text = re.sub(r"[.,'’]", "", text)
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 1e15 else None


@dataclass(frozen=True)
class Comparison:
    """Two tools' figures of the days that both have. `bots`: events of robots that ours leave out."""

    theirs: Figures
    ours: Figures
    bots: Mapping[date, float]
    timezone: str
    timeout_minutes: int

    @property
    def days(self) -> list[date]:
        """The days that both have, in their order."""
        return sorted(self.theirs.keys() & self.ours.keys())

    @property
    def measures(self) -> list[str]:
        """What both count."""
        return [name for name in MEASURES if any(name in self.theirs[day] for day in self.days)]

    def sums(self, measure: str) -> tuple[float, float]:
        """Theirs and ours, over the days of both that have it."""
        days = [day for day in self.days if measure in self.theirs[day]]
        return (
            sum(self.theirs[day][measure] for day in days),
            sum(self.ours[day].get(measure, 0) for day in days),
        )

    def table(self) -> Iterator[str]:
        """A line a day, and the sums."""
        yield "day         " + "".join(f"{name:>28}" for name in self.measures)
        for day in self.days:
            yield f"{day}  " + "".join(
                self._cell(self.theirs[day].get(name), self.ours[day].get(name, 0)) for name in self.measures
            )
        yield "in all      " + "".join(self._cell(*self.sums(name)) for name in self.measures)

    @staticmethod
    def _cell(theirs: float | None, ours: float) -> str:
        if theirs is None:
            return f"{'–':>28}"
        change = f"{(ours - theirs) / theirs:+.1%}" if theirs else "new" if ours else "="
        return f"{f'{theirs:,.0f} → {ours:,.0f} ({change})':>28}"

    def reasons(self) -> Iterator[str]:
        """What explains a difference, as far as the figures tell. One sentence each."""
        missing = sorted(self.theirs.keys() - self.ours.keys())
        if missing:
            yield (
                f"{len(missing)} days of the file are not here ({missing[0]} to {missing[-1]}): not "
                "imported, or their hours have not run"
            )
        if "page_views" in self.measures:
            yield from self._reasons_of_views()
        if self._is_alike("page_views") and not self._is_alike("sessions"):
            yield (
                f"sessions: page views agree, so visits are cut by another rule; here a visit ends after "
                f"{self.timeout_minutes} minutes without an act (docs/sessions.md)"
            )
        if self._is_alike("sessions") and not self._is_alike("visitors"):
            yield (
                "visitors: sessions agree, so people are told apart by another rule; here a person is one "
                "visitor a day, by address and user agent or by the id that was sent, and no cookie"
            )

    def _reasons_of_views(self) -> Iterator[str]:
        theirs, ours = self.sums("page_views")
        robots = sum(self.bots.get(day, 0) for day in self.days)
        gap = theirs - ours
        if gap > _ALIKE * theirs and robots >= gap / 2:
            yield f"page views: {robots:,.0f} events of robots are left out here, and counted there"
        elif -gap > _ALIKE * max(theirs, 1) and not robots:
            yield (
                "page views: no robot was told here, as in exports without user agents; the other tool may "
                "have left some out"
            )
        if self._is_alike("page_views") and self._differs_by_day("page_views"):
            yield (
                f"days: the sums agree and the days do not, so days are cut in another time zone; here they "
                f"are those of {self.timezone}"
            )

    def _is_alike(self, measure: str) -> bool:
        if measure not in self.measures:
            return False
        theirs, ours = self.sums(measure)
        return abs(theirs - ours) <= _ALIKE * max(theirs, ours)

    def _differs_by_day(self, measure: str) -> bool:
        gaps = (abs(self.theirs[day].get(measure, 0) - self.ours[day].get(measure, 0)) for day in self.days)
        return len(self.days) > 1 and sum(gaps) > 2 * _ALIKE * self.sums(measure)[1]
