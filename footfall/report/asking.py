"""A report's questions to the daily tables, over whatever connection has them.

The same rows give the same facts, whatever the order they lie in: sums are of whole numbers and decimals, and
every order is a total one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from footfall.catalogue.periods import Calendar, Period
from footfall.report.facts import Counts, Facts, Item, Late, Money, Note, Point, Ranking
from footfall.sql import Connection, Sql, joined, name, names, number, run, sql
from footfall.zones import clock

_DAY = timedelta(days=1)
_ALL = sql("true")

#: Rows of a ranking that a page shows, and those that moved most.
SHOWN, MOVED = 10, 6


class Rows(Protocol):
    """Who has the tables: rows of a table from a day to a day, both included, as a part of FROM."""

    def __call__(self, table: str, first: date, last: date) -> Sql: ...


@dataclass(frozen=True)
class Asked:
    """A ranking: the table, what its rows are called by, what orders them, and what else is counted.

    `where`: which rows have such a name at all.
    """

    table: str
    by: tuple[str, ...]
    measure: str
    further: tuple[str, ...] = ()
    where: Sql = _ALL


_NAMED = sql("campaign <> '(not set)'")
#: Name → ranking, in the order of the page.
RANKINGS: Mapping[str, Asked] = {
    "sites": Asked("daily_metrics", ("site_id",), "sessions", ("visitors", "page_views")),
    "channels": Asked("sources_daily", ("channel",), "sessions", ("page_views",)),
    "sources": Asked("sources_daily", ("source", "medium"), "sessions", ("page_views",)),
    "campaigns": Asked("sources_daily", ("campaign", "source"), "sessions", ("conversions",), _NAMED),
    "pages": Asked("pages_daily", ("page",), "page_views", ("entrances", "exits")),
    "countries": Asked("geo_daily", ("country",), "sessions"),
    "cities": Asked("geo_daily", ("city", "country"), "sessions"),
    "devices": Asked("devices_daily", ("device",), "sessions"),
    "browsers": Asked("devices_daily", ("browser",), "sessions"),
    "systems": Asked("devices_daily", ("os",), "sessions"),
}
_COUNTED = ("visitors", "sessions", "page_views", "bounces", "events", "bot_events", "received")
_CAME = ("duplicates", "quarantined")


def _columns() -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {
        "daily_metrics": dict.fromkeys((*_COUNTED, *_CAME, "avg_session_seconds")),
        "revenue_daily": dict.fromkeys(("currency", "orders", "gross", "refunds")),
        "late_events": {"after_the_day": None},
    }
    for asked in RANKINGS.values():
        found.setdefault(asked.table, {}).update(dict.fromkeys((*asked.by, asked.measure, *asked.further)))
    return {table: ("site_id", "date", *columns) for table, columns in found.items()}


#: Table → the columns of it that a report reads; two reports differ where these do.
COLUMNS: Mapping[str, tuple[str, ...]] = _columns()
#: What the hours of a single day are counted of.
VIEWS = "page_views"


@dataclass(frozen=True)
class Wanted:
    """Of whom and when. `site`: of this one alone. `clocks`: site → the clock of its days, of all sites.

    `complete_through`: up to where everything is in. `notes`: what else is known of days.
    """

    calendar: Calendar
    period: Period
    clocks: Mapping[str, str]
    site: str | None = None
    complete_through: datetime | None = None
    notes: tuple[Note, ...] = ()

    @property
    def before(self) -> Period:
        """The period before."""
        return self.calendar.before(self.period.start)

    @property
    def days(self) -> tuple[date, date, date]:
        """The first day of the period before, the first of the period, and its last."""
        return self.before.start.date(), self.period.start.date(), self.period.last_day


def ask(connection: Connection, rows: Rows, wanted: Wanted) -> Facts:
    """All facts of a report."""
    first, split, last = wanted.days
    answers = _Answers(connection, rows, wanted)
    days = answers.days()
    zero = Counts()
    counted = {day: days.get(day, zero) for day in _each(first, last)}
    through = wanted.complete_through
    return Facts(
        period=wanted.period,
        before=wanted.before,
        complete_through=min(through, wanted.period.window[1]).astimezone(UTC) if through else None,
        began=min((day for day in days if day < split), default=None),
        now=sum((each for day, each in counted.items() if day >= split), zero),
        then=sum((each for day, each in counted.items() if day < split), zero),
        days=counted,
        points=tuple(_by_day(counted, split) if last > split else answers.hours()),
        rankings={name: answers.ranking(_told_apart(asked, wanted)) for name, asked in RANKINGS.items()},
        money=tuple(answers.money()),
        late=tuple(answers.late()),
        notes=tuple(each for each in wanted.notes if split <= each.day <= last),
    )


def _told_apart(asked: Asked, wanted: Wanted) -> Asked:
    """Pages of several sites have the same names."""
    if asked.table != "pages_daily" or wanted.site is not None or len(wanted.clocks) < 2:
        return asked
    return replace(asked, by=(*asked.by, "site_id"))


def _each(first: date, last: date) -> Iterable[date]:
    return (first + n * _DAY for n in range((last - first).days + 1))


def _by_day(counted: Mapping[date, Counts], split: date) -> Iterable[Point]:
    before = [each.visitors for day, each in counted.items() if day < split]
    now = [(day, each.visitors) for day, each in counted.items() if day >= split]
    for n, (day, visitors) in enumerate(now):
        yield Point(day, visitors, before[n] if n < len(before) else None)


@dataclass(frozen=True)
class _Answers:
    connection: Connection
    rows: Rows
    wanted: Wanted

    def _of(self, table: str, first: date | None = None) -> Sql:
        begin, _, last = self.wanted.days
        rows = self.rows(table, first or begin, last)
        if self.wanted.site is None:
            return sql("{rows} AS source WHERE {all}", rows=rows, all=_ALL)
        return sql("{rows} AS source WHERE site_id = $site", rows=rows)

    def _asked(self, statement: Sql, **values: object) -> Sequence[tuple[Any, ...]]:
        site = {} if self.wanted.site is None else {"site": self.wanted.site}
        rows: list[tuple[Any, ...]] = run(
            self.connection, "{statement}", {**values, **site}, statement=statement
        ).fetchall()
        return rows

    def days(self) -> dict[date, Counts]:
        """Day → its counts, of days that have any."""
        counted = (*_COUNTED, *_CAME)
        found = self._asked(
            sql(
                "SELECT date, sum(CAST(avg_session_seconds AS DECIMAL(18, 3)) * sessions), {sums} "
                "FROM {rows} GROUP BY date ORDER BY date",
                sums=joined(", ", (sql("sum({c})", c=name(each)) for each in counted)),
                rows=self._of("daily_metrics"),
            )
        )
        return {
            day: Counts(
                seconds=Decimal(seconds or 0),
                **{what: int(n or 0) for what, n in zip(counted, numbers, strict=True)},
            )
            for day, seconds, *numbers in found
        }

    def hours(self) -> Iterable[Point]:
        """Page views of the one day by its hours, as the clocks of each site show them."""
        split = self.wanted.days[1]
        found = self._asked(
            sql(
                "SELECT site_id, date, CAST(epoch(occurred_at) AS BIGINT) // 900, count(*) "
                "FROM {rows} AND NOT is_bot GROUP BY ALL ORDER BY ALL",
                rows=self._of(VIEWS),
            )
        )
        counted: dict[tuple[bool, int], int] = {}
        for site, day, quarter, views in found:
            start = clock(self.wanted.clocks.get(site, self.wanted.calendar.zone)).start(day)
            hour = max(int(quarter * 900 - start.timestamp()) // 3600, 0)
            counted[day == split, hour] = counted.get((day == split, hour), 0) + views
        begin, end = self.wanted.period.start, self.wanted.period.end
        whole = int(end.timestamp() - begin.timestamp()) // 3600
        longest = int(self.wanted.before.end.timestamp() - self.wanted.before.start.timestamp()) // 3600
        for n in range(max(whole, 1)):
            at = (begin.astimezone(UTC) + n * timedelta(hours=1)).astimezone(begin.tzinfo)
            yield Point(at, counted.get((True, n), 0), counted.get((False, n), 0) if n < longest else None)

    def ranking(self, asked: Asked) -> Ranking:
        """The largest of the period, and those that changed most."""
        further = joined(
            "",
            (
                sql(", coalesce(sum({c}) FILTER (date >= $split), 0) AS {c}", c=name(each))
                for each in asked.further
            ),
        )
        by = names(asked.by)
        found = self._asked(
            sql(
                "SELECT {by}, now, before{also}, of_now, of_change, "
                "count(*) FILTER (now > 0) OVER (), sum(now) OVER () FROM ("
                "SELECT *, row_number() OVER (ORDER BY now DESC, {by}) AS of_now, "
                "row_number() OVER (ORDER BY abs(now - before) DESC, {by}) AS of_change FROM ("
                "SELECT {by}, coalesce(sum({measure}) FILTER (date >= $split), 0) AS now, "
                "coalesce(sum({measure}) FILTER (date < $split), 0) AS before{further} "
                "FROM {rows} AND {where} GROUP BY {by}) AS grouped WHERE now > 0 OR before > 0) AS numbered "
                "QUALIFY of_now <= {shown} OR of_change <= {moved} ORDER BY of_now",
                by=by,
                also=joined("", (sql(", {c}", c=name(each)) for each in asked.further)),
                measure=name(asked.measure),
                further=further,
                rows=self._of(asked.table),
                where=asked.where,
                shown=number(SHOWN),
                moved=number(MOVED),
            ),
            split=self.wanted.days[1],
        )
        width = len(asked.by)
        items = []
        for row in found:
            counts = [int(n) for n in row[width + 2 : -4]]
            further_counts = dict(zip(asked.further, counts, strict=True))
            called = tuple("" if each is None else str(each) for each in row[:width])
            item = Item(called, int(row[width]), int(row[width + 1]), further_counts)
            items.append((item, row[-4], row[-3]))
        moved = sorted((place, n) for n, (_, _, place) in enumerate(items) if place <= MOVED)
        return Ranking(
            tuple(item for item, place, _ in items if place <= SHOWN and item.now),
            tuple(items[n][0] for _, n in moved if items[n][0].change),
            int(found[0][-2]) if found else 0,
            int(found[0][-1]) if found else 0,
        )

    def money(self) -> Iterable[Money]:
        """Orders and amounts by currency, the largest first."""
        found = self._asked(
            sql(
                "SELECT currency, coalesce(sum(orders) FILTER (date >= $split), 0), "
                "coalesce(sum(gross) FILTER (date >= $split), 0), "
                "coalesce(sum(refunds) FILTER (date >= $split), 0), "
                "coalesce(sum(orders) FILTER (date < $split), 0), "
                "coalesce(sum(gross) FILTER (date < $split), 0), "
                "coalesce(sum(refunds) FILTER (date < $split), 0) "
                "FROM {rows} GROUP BY currency ORDER BY 3 DESC, 1",
                rows=self._of("revenue_daily"),
            ),
            split=self.wanted.days[1],
        )
        for currency, *amounts in found:
            orders, gross, refunds, orders_before, gross_before, refunds_before = amounts
            yield Money(
                str(currency), int(orders), gross, refunds, int(orders_before), gross_before, refunds_before
            )

    def late(self) -> Iterable[Late]:
        """Of each day of the period how many events came after it."""
        found = self._asked(
            sql(
                "SELECT date, sum(after_the_day) FROM {rows} GROUP BY date "
                "HAVING sum(after_the_day) > 0 ORDER BY date",
                rows=self._of("late_events", self.wanted.days[1]),
            )
        )
        return (Late(day, int(events)) for day, events in found)
