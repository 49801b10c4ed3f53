"""What a page shows, as its address says it: a view that is sent to somebody shows them the same."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal
from urllib.parse import quote, unquote

from api.ranges import Days, compared, days_of

#: The six figures of the first screen, and what else a chart may show.
FIGURES = (
    "visitors",
    "sessions",
    "page_views",
    "views_per_session",
    "bounce_rate",
    "avg_session_seconds",
)
#: Preset → the key that picks it, as in Plausible.
PERIODS: Mapping[str, str] = {
    "day": "D",
    "yesterday": "E",
    "7d": "W",
    "28d": "F",
    "30d": "T",
    "91d": "N",
    "month": "M",
    "last_month": "P",
    "year": "Y",
    "6mo": "S",
    "12mo": "L",
    "all": "A",
}
COMPARISONS = ("", "previous_period", "year_over_year")
INTERVALS = ("hour", "day", "week", "month")
#: Days that a chart by hour may have.
MOST_BY_HOUR = 7
Word = Literal["is", "is_not", "contains", "contains_not"]
WORDS: tuple[Word, ...] = ("is", "is_not", "contains", "contains_not")
MOST_FILTERS, MOST_VALUES = 10, 20


@dataclass(frozen=True)
class Filter:
    """A condition on a dimension: one of these values, or none of them."""

    dimension: str
    values: tuple[str, ...]
    word: Word = "is"

    @property
    def text(self) -> str:
        """As it stands in the address."""
        return f"{self.dimension}:{self.word}:{'|'.join(quote(each, safe=' /') for each in self.values)}"

    @classmethod
    def of(cls, text: str) -> "Filter | None":
        """From the address; None where it is no filter."""
        dimension, _, rest = text.partition(":")
        word, _, listed = rest.partition(":")
        values = tuple(unquote(each) for each in listed.split("|"))[:MOST_VALUES]
        found = next((each for each in WORDS if each == word), None)
        return cls(dimension, values, found) if dimension and found and listed else None

    @property
    def asked(self) -> list[Any]:
        """As the API takes it."""
        return [self.word, self.dimension, list(self.values)]


@dataclass(frozen=True)
class View:
    """What is looked at. `compare`: one of COMPARISONS, or the first and the last day with a comma between.

    `shown`: panel → the list it shows.
    """

    client: str = ""
    site: str = ""
    period: str = "30d"
    compare: str = "previous_period"
    is_by_weekday: bool = False
    measure: str = "visitors"
    interval: str = ""
    filters: tuple[Filter, ...] = ()
    shown: tuple[tuple[str, str], ...] = ()
    language: str = ""

    @classmethod
    def of(cls, query: Mapping[str, Iterable[str]]) -> "View":
        """From the parameters of an address; what is none of ours counts for nothing."""

        def one(name: str, among: Iterable[str], otherwise: str) -> str:
            found = next(iter(query.get(name, ())), otherwise)
            return found if found in among else otherwise

        def any_(name: str) -> str:
            return next(iter(query.get(name, ())), "")[:200]

        period = any_("period")
        filters = [found for each in query.get("f", ()) if (found := Filter.of(each))][:MOST_FILTERS]
        shown = tuple(
            (name.removeprefix("p_"), any_(name)) for name in sorted(query) if name.startswith("p_")
        )
        return cls(
            client=any_("client"),
            site=any_("site"),
            period=period if period in PERIODS or _custom(period) else "30d",
            compare=against
            if _custom(against := any_("compare"))
            else one("compare", (*COMPARISONS, "none"), "previous_period").replace("none", ""),
            is_by_weekday=any_("weekday") == "1",
            measure=one("measure", FIGURES, "visitors"),
            interval=one("interval", INTERVALS, ""),
            filters=tuple(filters),
            shown=shown,
            language=one("lang", ("en", "de"), ""),
        )

    @property
    def query(self) -> dict[str, str | list[str]]:
        """The parameters of its address; what is as always is left out."""
        said: dict[str, str | list[str]] = {
            "client": self.client,
            "site": self.site,
            "period": self.period if self.period != "30d" else "",
            "compare": "" if self.compare == "previous_period" else self.compare or "none",
            "weekday": "1" if self.is_by_weekday else "",
            "measure": self.measure if self.measure != "visitors" else "",
            "interval": self.interval,
            "f": [each.text for each in self.filters],
            "lang": self.language,
            **{f"p_{name}": value for name, value in self.shown},
        }
        return {name: value for name, value in said.items() if value}

    def with_filter(self, dimension: str, value: str) -> "View":
        """The same for one value of a dimension; off again where that is what it shows."""
        added = Filter(dimension, (value,))
        rest = tuple(each for each in self.filters if each.dimension != dimension)
        return replace(self, filters=rest if added in self.filters else (*rest, added))

    def without(self, taken: Filter) -> "View":
        """The same without a filter."""
        return replace(self, filters=tuple(each for each in self.filters if each != taken))

    def list_of(self, panel: str, otherwise: str) -> str:
        """The list that a panel shows."""
        return dict(self.shown).get(panel, otherwise)

    def with_list(self, panel: str, name: str) -> "View":
        """The same with another list in a panel."""
        return replace(self, shown=tuple(sorted({**dict(self.shown), panel: name}.items())))

    def days(self, today: date, first: date) -> Days:
        """First and last day, none after today. `today`: at the site; `first`: that of its figures."""
        if self.period == "yesterday":
            return today - timedelta(days=1), today - timedelta(days=1)
        if self.period == "last_month":
            last = today.replace(day=1) - timedelta(days=1)
            return last.replace(day=1), last
        custom = _custom(self.period)
        if custom:
            return min(custom[0], today), min(custom[1], today)
        return days_of(self.period, today, first)

    def reaches_beyond(self, today: date) -> bool:
        """Whether somebody asked for days that have not come yet."""
        custom = _custom(self.period)
        return custom is not None and custom[1] > today

    def before(self, days: Days) -> Days | None:
        """The days that these are compared with; None where nothing is compared."""
        against = self.compared_with
        return compared(against, days, is_by_weekday=self.is_by_weekday) if against else None

    @property
    def has_own_comparison(self) -> bool:
        """Whether somebody chose the days that are compared."""
        return _custom(self.compare) is not None

    @property
    def compared_with(self) -> str | list[str] | None:
        """The comparison as the API takes it; None where nothing is compared."""
        return self.compare.split(",") if self.has_own_comparison else self.compare or None

    def moved(self, days: Days, by: int) -> "View":
        """As many days, before these or after them; the same where the calendar ends."""
        length = timedelta(days=((days[1] - days[0]).days + 1) * by)
        try:
            return replace(self, period=f"{days[0] + length},{days[1] + length}")
        except OverflowError:
            return self

    def by(self, days: Days) -> str:
        """Hour, day, week or month: what a chart of these days is by."""
        length = (days[1] - days[0]).days + 1
        if not self.interval and length <= 2:
            return "hour"
        return self.interval or ("day" if length <= 92 else "week" if length <= 400 else "month")


def _custom(period: str) -> Days | None:
    first, comma, last = period.partition(",")
    try:
        found = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        return None
    return found if comma and found[0] <= found[1] and (found[1] - found[0]).days < 3700 else None
