"""One run of a page: who looks, at what, and the API's answers to what the page asks."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property, partial
from typing import Any

import msgspec

from api.asking import Question, first_day
from api.conditions import conditions, filters_of, pinned
from api.done import is_asked
from api.inside import Inside
from api.measures import choose, is_dimension
from api.problems import Problem
from api.ranges import Days
from api.routes.questions import today_of
from api.service import Service
from dashboard.address import MOST_BY_HOUR, Filter, View
from dashboard.house import house
from dashboard.sandbox import Answer, answer_of
from dashboard.visitors import Visitor, visitor_of
from footfall import zones
from footfall.clients import Client, Site

_decode = msgspec.json.Decoder().decode
#: What a filter by a segment of the client file is called.
SEGMENT = "segment"
#: Rows that a list may have: what is longer says so.
MOST_ROWS = 10_000


class Gone(Problem):
    """Whoever looks may not any more, or something else than when the page was made."""

    def __init__(self) -> None:
        super().__init__("permission_denied", "what you may see has changed")


@dataclass(frozen=True)
class Asked:
    """A question to a route of the API. `given`: its parameters, by Python's names."""

    method: str
    path: str
    given: Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """A row of an answer. `before`, `change` (percent): of the days that are compared; None without."""

    of: tuple[Any, ...]
    figures: Mapping[str, Any]
    before: Mapping[str, Any]
    change: Mapping[str, float | None]
    is_final: bool


@dataclass(frozen=True)
class Desk:
    """Client and site are such that the visitor may see them."""

    service: Service
    visitor: Visitor
    client: Client
    site: Site
    view: View

    @property
    def inside(self) -> Inside:
        """The API, as the visitor may ask it. Raises Gone."""
        self.require_still()
        return self.visitor.inside(self.service, self.client)

    def require_still(self) -> None:
        """Raises Gone. Clicks and what is asked anew by itself come later than the page was made."""
        here = house()
        if visitor_of(here, here.door()) != self.visitor:
            raise Gone

    @cached_property
    def today(self) -> date:
        """The day that it is at the site."""
        return today_of(self.service, self.client, self.site)

    @cached_property
    def first(self) -> date:
        """The first day of the site that has figures."""
        return first_day(self.service.tables.of(self.client.client_id), self.site.site_id, self.today)

    @cached_property
    def days(self) -> Days:
        """First and last day that are looked at. Raises Problem."""
        return self.view.days(self.today, self.first)

    @cached_property
    def before(self) -> Days | None:
        """The days that are compared. Raises Problem."""
        return self.view.before(self.days)

    @property
    def is_short(self) -> bool:
        """Whether a chart of these days may be by hour."""
        return (self.days[1] - self.days[0]).days < MOST_BY_HOUR

    @property
    def now_here(self) -> str:
        """The moment that it is at the site, as labels of hours and days are written."""
        return self._here(self.service.now())

    @property
    def known_here(self) -> str:
        """Up to when figures are complete, likewise: an hour after it without a row is not known yet."""
        return self._here(self.complete_through or self.service.now())

    def _here(self, moment: datetime) -> str:
        return f"{moment.astimezone(zones.zone(self.zone)):%Y-%m-%d %H:%M:%S}"

    @property
    def zone(self) -> str:
        """The site's time zone."""
        return self.site.timezone or self.client.timezone

    @property
    def complete_through(self) -> datetime | None:
        """Up to when the figures are complete."""
        return self.service.tables.of(self.client.client_id).complete_through()

    @cached_property
    def filters(self) -> tuple[Filter, ...]:
        """Those of the address that are about something there is."""
        segments = {each.name for each in self.client.segments}
        return tuple(
            each
            for each in self.view.filters
            if (each.dimension == SEGMENT and segments >= set(each.values) and each.word in ("is", "is_not"))
            or (is_dimension(each.dimension) and not each.dimension.startswith("time:"))
        )

    def can(self, metric: str, dimensions: Iterable[str] = (), *, is_by_day: bool = False) -> bool:
        """Whether a table has a metric by these dimensions and with the filters that are set."""
        found = filters_of(
            [each.asked for each in self.filters], {each.name: each.filters for each in self.client.segments}
        )
        return (
            choose(
                metric,
                tuple(dimensions),
                {each.dimension for each in conditions(found)},
                pinned(found),
                is_by_day=is_by_day or self.days[0] == self.days[1],
                is_by_session=is_asked(found),
            )
            is not None
        )

    def question(
        self,
        metrics: Sequence[str],
        dimensions: Sequence[str] = (),
        *,
        days: Days | None = None,
        is_compared: bool = False,
        is_filtered: bool = True,
        limit: int = MOST_ROWS,
        order_by: Sequence[Sequence[str]] = (),
    ) -> Asked:
        """A question about the site, under the filters; the comparison is that of the address."""
        asked: dict[str, Any] = {
            "site_id": self.site.site_id,
            "metrics": list(metrics),
            "date_range": [each.isoformat() for each in days or self.days],
            "dimensions": list(dimensions),
            "filters": [each.asked for each in self.filters] if is_filtered else [],
            "order_by": [list(each) for each in order_by],
            "pagination": {"limit": limit},
            "match_weekday": self.view.is_by_weekday,
            "compare": self.view.compared_with if is_compared else None,
        }
        return Asked("POST", "/v1/query", {"question": asked})

    def rows(self, metrics: Sequence[str], dimensions: Sequence[str] = (), **how: Any) -> list[Row]:
        """What the API answers to a `question`. Raises Problem."""
        return self.rows_of(self.question(metrics, dimensions, **how))

    def rows_of(self, asked: Asked) -> list[Row]:
        """The same of one that was made."""
        metrics = asked.given["question"]["metrics"]
        return [_row(each, metrics) for each in self.answered(asked)["results"]]

    def get(self, path: str, **given: Any) -> Any:
        """What a route answers to this visitor of published tables, kept as long as they are the same."""
        return self.answered(Asked("GET", path, given))

    def answered(self, asked: Asked) -> Any:
        """What the API answers to this visitor, kept as long as the tables are the same. Raises Problem."""
        name, stamp = self._name(asked), self._stamp
        return _decode(house().answers.ask(name, stamp, lambda: _made(self.inside, asked)))

    def ahead(self, *questions: Asked) -> None:
        """Have them answered meanwhile, all at once: the page comes to them later."""
        inside, stamp = self.inside, self._stamp
        for asked in questions:
            house().answers.ahead(self._name(asked), stamp, partial(_made, inside, asked))

    def range(self) -> str:
        """The days that are looked at, as routes take them."""
        return f"{self.days[0]},{self.days[1]}"

    def fresh(self, path: str, **given: Any) -> Any:
        """The same, asked anew whatever is remembered."""
        return self.inside.ask("GET", path, **given)

    def answer(self, query: str, values: Mapping[str, object]) -> Answer:
        """Rows of a query over the client's tables. Raises QueryFailed, StoreError, Problem."""
        self.require_still()
        tables, settings = self.service.tables, self.service.settings
        client_id = self.client.client_id
        folder = tables.folder(client_id)
        folder.mkdir(parents=True, exist_ok=True)
        return answer_of(tables.of(client_id), folder, query, values, memory_bytes=settings.api_query_bytes)

    def at(self, **changed: Any) -> "Desk":
        """The same person at another view."""
        return replace(self, view=replace(self.view, **changed))

    @property
    def _stamp(self) -> object:
        """What answers are made of: they are the same as long as it is."""
        reading = self.service.tables.of(self.client.client_id)
        published = (reading.snapshot.number, reading.snapshot.previous) if reading.snapshot else None
        return (published, reading.complete_through(), reading.stale_since, self.today, self.client)

    def _name(self, asked: Asked) -> tuple[object, ...]:
        """Who may ask, and what: whoever was granted the same has the same answer."""
        given = json.dumps(asked.given, sort_keys=True, default=str)
        whose = (self.visitor.grant, self.client.client_id, self.site.site_id)
        return (*whose, asked.method, asked.path, given)


def _made(inside: Inside, asked: Asked) -> bytes:
    given = dict(asked.given)
    if "question" in given:
        given["question"] = Question.model_validate(given["question"])
    return bytes(inside.answer(asked.method, asked.path, **given).body)


def _row(said: Mapping[str, Any], metrics: Sequence[str]) -> Row:
    beside = said.get("comparison") or {"metrics": [None] * len(metrics), "change": [None] * len(metrics)}
    return Row(
        tuple(said["dimensions"]),
        dict(zip(metrics, said["metrics"], strict=True)),
        dict(zip(metrics, beside["metrics"], strict=True)),
        dict(zip(metrics, beside["change"], strict=True)),
        said["final"],
    )
