"""Questions over the figures of a site."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any

from fastapi import Query
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from api.access import Caller
from api.answers import (
    csv_answer,
    etag_of,
    is_known,
    json_answer,
    next_page,
    not_modified,
    stands_on,
    wants_csv,
)
from api.asking import (
    Plan,
    Question,
    at_its_time,
    change,
    finality,
    first_day,
    meta_of,
    ordered,
    plan,
    rows_of,
)
from api.bodies import check_json, place_of
from api.comparing import Label, labels, partners
from api.cursors import cursor_of, offset_of
from api.measures import TIMES, dimensions, metrics
from api.problems import Problem
from api.ranges import Days, compared, days_of
from api.routing import (
    ANY_OBJECT,
    MAYBE_TEXT,
    TEXT,
    YES_NO,
    Routes,
    array,
    caller_of,
    obj,
)
from api.service import Service
from footfall import zones
from footfall.clients import Client, Site

routes = Routes("Questions")

SiteId = Annotated[
    str | None, Query(max_length=200, description="A site, by id or domain; the only one unless told.")
]
Range = Annotated[
    str, Query(max_length=40, description="day, 7d, 30d, month, 12mo, year, all, or FIRST,LAST.")
]
Metrics = Annotated[str, Query(max_length=600, description="With commas: visitors,page_views.")]
Filters = Annotated[str | None, Query(max_length=4000, description='JSON: [["is","visit:country",["DE"]]].')]
Compare = Annotated[
    str | None, Query(max_length=40, description="previous_period, year_over_year, or FIRST,LAST.")
]
Limit = Annotated[int, Query(ge=1, le=10_000)]
Cursor = Annotated[str | None, Query(max_length=200)]


def query(request: Request, question: Question) -> Response:
    """Ask for metrics by dimensions over days, in the grammar of Plausible's Stats API v2.

    `compare` puts another time beside it. The answer is CSV where Accept asks for that.
    """
    return answered(request, question)


def timeseries(
    request: Request,
    metrics: Metrics = "visitors,page_views",
    site_id: SiteId = None,
    date_range: Range = "30d",
    interval: Annotated[str, Query(pattern="^(hour|day|week|month)$")] = "day",
    filters: Filters = None,
    compare: Compare = None,
) -> Response:
    """Metrics by hour, day, week or month."""
    return answered(
        request, _question(metrics, site_id, date_range, [f"time:{interval}"], filters, compare, None, 10_000)
    )


def breakdown(
    request: Request,
    dimension: Annotated[
        str, Query(max_length=200, description="visit:channel, event:page, … or several with commas.")
    ],
    metrics: Metrics = "visitors",
    site_id: SiteId = None,
    date_range: Range = "30d",
    filters: Filters = None,
    compare: Compare = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Metrics by one or more dimensions, the largest first."""
    named = [each.strip() for each in dimension.split(",") if each.strip()]
    if not named:
        raise Problem("invalid", "say by which dimension", field="dimension", possible=sorted(dimensions()))
    return answered(request, _question(metrics, site_id, date_range, named, filters, compare, cursor, limit))


def vocabulary(_request: Request) -> Response:
    """Every metric and dimension, and what it means."""

    def listed(found: dict[str, str]) -> list[dict[str, str]]:
        return [{"name": each, "meaning": meaning} for each, meaning in sorted(found.items())]

    return json_answer({"metrics": listed(metrics()), "dimensions": listed(dimensions())})


def _question(
    metrics: str,
    site_id: str | None,
    date_range: str,
    grouped: list[str],
    filters: str | None,
    compare: str | None,
    cursor: str | None,
    limit: int,
) -> Question:
    if filters:
        check_json(filters, "filters")
    chosen = json.loads(filters) if filters else []
    document = {
        "site_id": site_id,
        "metrics": [each.strip() for each in metrics.split(",") if each.strip()],
        "date_range": _pair(date_range),
        "dimensions": grouped,
        "filters": chosen,
        "compare": _pair(compare) if compare else None,
        "cursor": cursor,
        "pagination": {"limit": limit},
    }
    try:
        return Question.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = place_of(first["loc"])
        raise Problem("invalid", f"{where}: {first['msg']}", field=where) from None


def _pair(text: str) -> str | list[str]:
    return [each.strip() for each in text.split(",")] if "," in text else text


def answered(request: Request, question: Question) -> Response:
    """The answer to a question; 304 where the asker has it."""
    caller: Caller = caller_of(request)
    service: Service = request.app.state.service
    client, site = caller.owner, caller.site(question.site_id)
    tables = service.tables.of(client.client_id)
    today = today_of(service, client, site)
    start = first_day(tables, site.site_id, today) if question.date_range == "all" else today
    days = days_of(question.date_range, today, start)
    question = at_its_time(question, days)
    before = (
        compared(question.compare, days, is_by_weekday=question.match_weekday)
        if question.compare is not None
        else None
    )
    found = plan(client, site, question, days)
    time = next((each for each in found.dimensions if each in TIMES), None)
    beside = _beside(time, question, days, before)
    sources = {table: tables.source(table) for table in sorted({*found.tables, "daily_metrics"})}
    reached = tables.complete_through()
    asked = question.model_dump_json()
    # Segments as they are now: what a name stands for changes with the client file.
    about = (site.site_id, client.client_id, str(days), str(before), str(sources), str(found.filter))
    etag = etag_of(asked, *about, str(reached), str(tables.stale_since), str(wants_csv(request)))
    if is_known(request, etag):
        return not_modified(etag)
    headers = {"etag": etag, "cache-control": "private, no-cache", "vary": "accept, authorization, x-api-key"}
    listed = ordered(rows_of(tables, found, days), question, found)
    whole = question.model_copy(update={"cursor": None}).model_dump_json()
    state = etag_of(whole, *about)[1:13]
    offset = question.pagination.offset + offset_of(question.cursor, state)
    end = offset + question.pagination.limit
    following = cursor_of(end - question.pagination.offset, state) if end < len(listed) else None
    earlier = rows_of(tables, found, before) if before else {}
    certain = finality(tables, site.site_id, days)
    shown = [
        _row(found, question, row, beside, earlier, certain.final, certain.of(days))
        for row in listed[offset:end]
    ]
    meta = meta_of(tables, site.timezone or client.timezone, certain, days, sources)
    if wants_csv(request):
        said = {**headers, **stands_on(meta), **next_page(request, following)}
        return _as_csv(question, shown, before is not None, said)
    if question.include.total_rows:
        meta["total_rows"] = len(listed)
    if question.include.time_labels:
        meta["time_labels"] = [_shown(each) for each in labels(time, days)] if time else []
    document = {
        "results": shown,
        "meta": meta,
        "query": {
            **json.loads(asked),
            "site_id": site.site_id,
            "date_range": [days[0].isoformat(), days[1].isoformat()],
            "compare": [before[0].isoformat(), before[1].isoformat()] if before else None,
        },
        "next": following,
    }
    return json_answer(document, headers=headers)


def _beside(
    time: str | None, question: Question, days: Days, before: Days | None
) -> Mapping[Label, Label] | None:
    """Each day, week or month → that of the other time; None where no other is asked for."""
    if before is None or question.compare is None:
        return None
    if time is None:
        return {}
    return partners(time, question.compare, days, before, is_by_weekday=question.match_weekday)


def _row(
    found: Plan,
    question: Question,
    row: tuple[tuple[Any, ...], Sequence[Any]],
    beside: Mapping[Label, Label] | None,
    earlier: Mapping[tuple[Any, ...], Sequence[Any]],
    final: Any,
    is_all_final: bool,
) -> dict[str, Any]:
    dims, values = row
    is_final = is_all_final
    for name, each in zip(found.dimensions, dims, strict=True):
        if name in ("time:day", "time:hour"):
            day = each if name == "time:day" else date.fromisoformat(each[:10])
            is_final = bool(final.get(day, False))
    said: dict[str, Any] = {
        "dimensions": [_shown(each) for each in dims],
        "metrics": values,
        "final": is_final,
    }
    if beside is not None:
        there = tuple(
            beside.get(each) if name in TIMES else each
            for each, name in zip(dims, found.dimensions, strict=True)
        )
        old = earlier.get(there, [None] * len(question.metrics))
        said["comparison"] = {
            "dimensions": [_shown(each) for each in there],
            "metrics": old,
            "change": [change(now, was) for now, was in zip(values, old, strict=True)],
        }
    return said


def _shown(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _as_csv(
    question: Question, shown: list[dict[str, Any]], is_compared: bool, headers: dict[str, str]
) -> Response:
    header = [*question.dimensions, *question.metrics]
    rows = [[*row["dimensions"], *row["metrics"]] for row in shown]
    if is_compared:
        header += [f"{each}:before" for each in question.metrics]
        rows = [[*line, *row["comparison"]["metrics"]] for line, row in zip(rows, shown, strict=True)]
    return csv_answer(
        [*header, "final"], [[*line, row["final"]] for line, row in zip(rows, shown, strict=True)], headers
    )


def today_of(service: Service, client: Client, site: Site) -> date:
    """The day that it is at a site."""
    return service.now().astimezone(zones.zone(site.timezone or client.timezone)).date()


VALUE = {"type": ["number", "integer", "string", "boolean", "null"]}
ROW = obj(
    {"dimensions": array(VALUE), "metrics": array(VALUE), "final": YES_NO},
    {
        "comparison": obj(
            {
                "dimensions": array(VALUE),
                "metrics": array(VALUE),
                "change": array({"type": ["number", "null"]}),
            }
        )
    },
)
META = obj(
    {
        "timezone": TEXT,
        "data_through": MAYBE_TEXT,
        "complete_through": MAYBE_TEXT,
        "final": YES_NO,
        "model_versions": array(TEXT),
        "sources": {"type": "object", "additionalProperties": MAYBE_TEXT},
        "sampling": TEXT,
        "stale_since": MAYBE_TEXT,
    },
    {"total_rows": {"type": "integer"}, "time_labels": array(TEXT)},
)
ANSWER = obj({"results": array(ROW), "meta": META, "query": ANY_OBJECT, "next": MAYBE_TEXT})
_NAMED = array(obj({"name": TEXT, "meaning": TEXT}))
_BODY = {"metrics": ["visitors", "page_views"], "date_range": "7d", "dimensions": ["time:day"]}
for _method, _path, _answer, _example in (
    ("POST", "/v1/query", query, {"body": _BODY}),
    ("GET", "/v1/timeseries", timeseries, {"query": "metrics=visitors,page_views&date_range=7d"}),
    (
        "GET",
        "/v1/breakdown",
        breakdown,
        {"query": "dimension=visit:channel&metrics=visitors,sessions&date_range=30d"},
    ),
):
    routes.add(
        _method,
        _path,
        _answer,
        permission="read",
        reach="site",
        gives=ANSWER,
        is_csv=True,
        is_tagged=True,
        is_for_assistants=True,
        example=_example,
    )
routes.add(
    "GET",
    "/v1/metrics",
    vocabulary,
    permission="read",
    reach="key",
    gives=obj({"metrics": _NAMED, "dimensions": _NAMED}),
    is_for_assistants=True,
)
