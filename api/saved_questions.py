"""The saved questions of `dbt_project/analyses/`, as SQL over the published tables: for DuckDB, for Athena.

A file begins with its question as a comment. Its SQL is a template of dbt's; what it asks with is in
`dbt_project/macros/questions.sql`, what engines write differently beside it. Rendered here, so that asking
needs neither dbt nor a warehouse.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from typing import Any, Literal

from footfall import zones
from footfall.catalogue.event_types import PURCHASES
from footfall.clients import Client
from footfall.installed import DBT_PROJECT
from footfall.sql import Sql, joined, number, shipped, sql, text

Engine = Literal["duckdb", "athena"]

_TABLE = re.compile(r"ref\('(\w+)'\)")
_MACROS = ("ratio.sql", "quoted_list.sql", "engine.sql", "questions.sql")
#: From when, and how far ahead of today, clocks of sites are told: no row lies beyond.
_SINCE, _AHEAD = date(1991, 1, 1), timedelta(days=3)
#: In so many days clocks are put forward or back once at most.
_STEP = timedelta(days=7)


@dataclass(frozen=True)
class Asked:
    """Of whom and of which days: a site or all of the client, both days included."""

    client: Client
    site_id: str | None = None
    first: date | None = None
    last: date | None = None

    @property
    def values(self) -> dict[str, object]:
        """The parameters of a query for DuckDB."""
        given = {"site": self.site_id, "first_day": self.first, "last_day": self.last}
        return {"client": self.client.client_id, **{name: each for name, each in given.items() if each}}


@dataclass(frozen=True)
class Question:
    """A saved question. `asks`: what it answers, in one sentence; `tables`: the published ones it reads."""

    name: str
    asks: str
    template: str
    tables: tuple[str, ...] = field(default=())

    def for_duckdb(self, asked: Asked, today: date | None = None) -> Sql:
        """The query over tables of these names; its parameters are `asked.values`."""
        parameters: dict[str, str] = {name: f"${name}" for name in asked.values}
        return shipped(
            _rendered(
                self.template, "default", {**parameters, "clock": partial(_clock, asked, "duckdb", today)}
            )
        )

    def for_athena(self, asked: Asked, today: date | None = None) -> str:
        """The query for the tables of `python -m orchestration.modelling.athena`, with its values in it."""
        values = {
            name: sql("date {day}", day=text(f"{each}")) if isinstance(each, date) else text(str(each))
            for name, each in asked.values.items()
        }
        return _rendered(
            self.template, "athena", {**values, "clock": partial(_clock, asked, "athena", today)}
        )


@cache
def questions() -> Mapping[str, Question]:
    """Every saved question by its name, in order."""
    found = {}
    for path in sorted((DBT_PROJECT / "analyses").glob("*.sql")):
        written = path.read_text()
        comment, _, template = written.partition("\n")
        asks, tables = comment.removeprefix("--").strip(), dict.fromkeys(_TABLE.findall(template))
        found[path.stem] = Question(path.stem, asks, template, tuple(tables))
    return found


def _rendered(
    template: str,
    engine: str,
    variables: Mapping[str, str | Callable[[], str]],
) -> str:
    """The SQL of a template."""
    import jinja2

    def dispatched(context: jinja2.runtime.Context, macro: str) -> Any:
        macros = context.get_all()
        return macros.get(f"{engine}__{macro}") or macros[f"default__{macro}"]

    def var(name: str, otherwise: str = "") -> str:
        value = variables.get(name, otherwise)
        return value if isinstance(value, str) else value()

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, autoescape=False, extensions=["jinja2.ext.do"]
    )
    made = environment.from_string(_macros() + template)
    rendered = made.render(
        adapter={"dispatch": jinja2.pass_context(dispatched)},
        ref=lambda table: f'"{table}"',
        var=var,
        # What dbt's macros return is text here, and no list.
        purchase_event_types=lambda: PURCHASES,
        **{"return": lambda value: value},
    )
    return rendered.strip() + "\n"


@cache
def _macros() -> str:
    return "".join((DBT_PROJECT / "macros" / name).read_text() for name in _MACROS)


def _clock(asked: Asked, engine: Engine, today: date | None) -> Sql:
    """Seconds that the clocks of a row's site are ahead of UTC, at `occurred_at`."""
    sites = [site for site in asked.client.sites if asked.site_id in (None, site.site_id)]
    end = (today or datetime.now(UTC).date()) + _AHEAD
    first = min(max(asked.first or _SINCE, _SINCE), end)
    last = max(min(asked.last or end, end), first)
    by_clock: dict[str, list[str]] = {}
    for site in sites:
        by_clock.setdefault(asked.client.clock(site), []).append(site.site_id)
    offsets = {name: _offset(zones.clock(name), first, last + _AHEAD, engine) for name in by_clock}
    if len(offsets) == 1:
        return offsets.popitem()[1]
    cases = joined(
        " ",
        (
            sql("WHEN {site} THEN {offset}", site=text(site_id), offset=offsets[name])
            for name, of_clock in by_clock.items()
            for site_id in of_clock
        ),
    )
    return sql("CASE site_id {cases} ELSE 0 END", cases=cases) if by_clock else number(0)


def _offset(clock: zones.Clock, first: date, last: date, engine: Engine) -> Sql:
    changes: list[tuple[datetime, int]] = []
    day, offset = first, clock.offset(_midnight(first))
    while day < last:
        week = min(day + _STEP, last)
        before, offset = offset, clock.offset(_midnight(week))
        if offset != before:
            changes += [
                (each.changes_at, each.offset_before)
                for each in zones.zone_days(clock, day, week)
                if each.changes_at and each.changes_at < _midnight(week)
            ]
        day = week
    after = number(offset // timedelta(seconds=1))
    if not changes:
        return after
    cases = joined(
        " ",
        (
            sql("WHEN occurred_at < {at} THEN {offset}", at=_moment(at, engine), offset=number(before_))
            for at, before_ in changes
        ),
    )
    return sql("CASE {cases} ELSE {after} END", cases=cases, after=after)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _moment(moment: datetime, engine: Engine) -> Sql:
    """A moment as a literal: Athena's times of these tables are of UTC, without saying so."""
    if engine == "athena":
        return sql("timestamp {moment}", moment=text(f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"))
    return sql("CAST({moment} AS TIMESTAMPTZ)", moment=text(moment.astimezone(UTC).isoformat()))
