"""Addresses that other systems promised, as aliases: what stands behind them is that of /v1."""

from datetime import timedelta
from functools import partial
from typing import Annotated, Any

from fastapi import Path, Query
from starlette.requests import Request
from starlette.responses import Response

from api.answers import instant, json_answer
from api.asking import Question, first_day, plan, rows_of
from api.problems import Problem
from api.repeats import once
from api.routes.acts import (
    CONFIG,
    ENRICHED,
    STARTED,
    STATUS,
    EventId,
    Learnt,
    Once,
    acting,
    config_of,
    land,
    refusable,
    status_of,
)
from api.routes.details import VISITOR, visitor
from api.routes.questions import SiteId, today_of
from api.routes.samples import MOST_SAMPLED, sampled
from api.routing import ANY_OBJECT, MAYBE_TEXT, TEXT, WHOLE, Routes, Strict, array, caller_of, obj
from footfall.catalogue.columns import ENRICHABLE
from footfall.enrichments import MOST_PROPERTIES, Scalar
from footfall.hours import HOUR, floor

routes = Routes("Addresses of older systems")

_SUMMARY = [
    "visitors",
    "sessions",
    "page_views",
    "events",
    "conversions",
    "conversion_rate",
    "bounce_rate",
    "revenue",
]


class More(Strict):
    """What was learnt of an event."""

    additional_properties: dict[str, Scalar]


def analytics(
    request: Request,
    user_id: Annotated[str | None, Query(max_length=200, description="A visitor's id.")] = None,
    site_id: SiteId = None,
) -> Response:
    """A site's last 30 days: summary, trend, events, channels; with `user_id` the journey of a visitor."""
    if user_id is not None:
        return visitor(request, user_id, site_id)
    caller, service = caller_of(request), request.app.state.service
    site = caller.site(site_id)
    tables = service.tables.of(caller.owner.client_id)
    today = today_of(service, caller.owner, site)
    days = (today - timedelta(days=29), today)

    def ask(metrics: list[str], dimensions: list[str]) -> list[dict[str, Any]]:
        question = Question(site_id=site.site_id, metrics=metrics, date_range="30d", dimensions=dimensions)
        found = rows_of(tables, plan(caller.owner, site, question, days), days)
        names = [each.partition(":")[2] or each for each in dimensions]
        return [
            {**dict(zip(names, map(str, dims), strict=True)), **dict(zip(metrics, row, strict=True))}
            for dims, row in sorted(found.items(), key=lambda item: tuple(map(str, item[0])))
        ]

    summary = ask(_SUMMARY, [])
    reached = tables.complete_through()
    return json_answer(
        {
            "status": "success",
            "site_id": site.site_id,
            "days": [each.isoformat() for each in days],
            "summary": summary[0] if summary else dict.fromkeys(_SUMMARY, 0),
            "trend": ask(["visitors", "page_views", "events", "conversions"], ["time:day"]),
            "events": ask(["events", "conversions"], ["event:name"]),
            "channels": ask(["sessions", "visitors", "conversions"], ["visit:channel"]),
            "complete_through": instant(reached) if reached else None,
            "stale_since": instant(tables.stale_since) if tables.stale_since else None,
        }
    )


def enrich(request: Request, event_id: EventId, more: More) -> Response:
    """The same as PUT /v1/events/{id}/enrichment, with fields and properties as `additional_properties`."""
    caller, service = caller_of(request), request.app.state.service
    given = more.additional_properties
    if not given:
        raise Problem("invalid", "no properties", field="additional_properties")
    # Names of our own columns are these; all else is a property.
    fields: dict[str, str | bool | None] = {}
    properties: dict[str, Scalar] = {}
    for name, value in given.items():
        if name not in ENRICHABLE:
            properties[name] = value
        elif value is None or isinstance(value, str | bool):
            fields[name] = value
        else:
            raise Problem("invalid", f"{name} is text", field=f"additional_properties.{name}")
    if len(properties) > MOST_PROPERTIES:
        raise Problem("invalid", f"more than {MOST_PROPERTIES}", field="additional_properties")
    return json_answer(land(service, caller, event_id, Learnt(fields=fields, properties=properties)), 202)


def generate_sample_data(
    request: Request,
    num_events: Annotated[int, Path(ge=1, le=MOST_SAMPLED)],
    site_id: SiteId = None,
    _once: Once = None,
) -> Response:
    """The same as POST /v1/sample-data."""
    return sampled(request, num_events, site_id, "")


def exports_run(request: Request, _once: Once = None) -> Response:
    """Make the last whole hour of every hourly export now. Follow the runs at /v1/runs/{id}."""
    caller, service = caller_of(request), request.app.state.service
    end = floor(service.now())

    def act() -> Response:
        runs = []
        for export in caller.owner.exports:
            if not export.kind.is_hour:
                continue
            period = caller.owner.calendar(export).at(end - HOUR)
            acting(service, caller, "exports.run", f"{export.name} {period.partition}")
            start = partial(service.installation.run, caller.owner, export, [period.partition])
            run_id = refusable(start)
            runs.append({"run": run_id, "follow": f"/v1/runs/{run_id}", "periods": [period.partition]})
        if not runs:
            raise Problem("not_decided", "no export of this client is hourly: POST /v1/exports/{name}/run")
        return json_answer({"runs": runs}, 202)

    return once(service, request, caller, "", act)


def exports_status(request: Request) -> Response:
    """How every export is."""
    caller, service = caller_of(request), request.app.state.service
    return json_answer({"exports": [status_of(service, caller, each) for each in caller.owner.exports]})


def exports_config(request: Request) -> Response:
    """How every export is set up in the client file."""
    caller = caller_of(request)
    return json_answer({"exports": [config_of(each, caller) for each in caller.owner.exports]})


def events_count(request: Request) -> Response:
    """Events of people since the first day, of all collectors, up to complete_through."""
    caller, service = caller_of(request), request.app.state.service
    tables = service.tables.of(caller.owner.client_id)
    sites: dict[str, int] = {}
    for site in caller.sites():
        today = today_of(service, caller.owner, site)
        days = (first_day(tables, site.site_id, today), today)
        question = Question(site_id=site.site_id, metrics=["events"], date_range="all")
        found = rows_of(tables, plan(caller.owner, site, question, days), days)
        sites[site.site_id] = int(found[()][0] or 0) if found else 0
    reached = tables.complete_through()
    return json_answer(
        {
            "client_id": caller.owner.client_id,
            "count": sum(sites.values()),
            "sites": sites,
            "complete_through": instant(reached) if reached else None,
            "stale_since": instant(tables.stale_since) if tables.stale_since else None,
        }
    )


def events_recent(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=1000)] = 20,
    site_id: Annotated[
        str | None, Query(max_length=200, description="One site, by id or domain; all unless told.")
    ] = None,
) -> Response:
    """The newest stored events of all collectors, of the last hour at most, as they are stored."""
    caller, service = caller_of(request), request.app.state.service
    now = service.now()
    found = service.raw_lines.since(caller.owner.client_id.split(".")[0], now - HOUR, now)
    sites = {site.site_id for site in ([caller.site(site_id)] if site_id else caller.sites())}
    mine = [line for line in found.lines if line.get("site_id") in sites]
    mine.sort(key=lambda line: str(line.get("received_at")), reverse=True)
    return json_answer(
        {"client_id": caller.owner.client_id, "count": len(mine[:limit]), "events": mine[:limit]}
    )


_ROWS = array(ANY_OBJECT)
_ANALYTICS = obj(
    {
        "status": TEXT,
        "site_id": TEXT,
        "days": array(TEXT),
        "summary": ANY_OBJECT,
        "trend": _ROWS,
        "events": _ROWS,
        "channels": _ROWS,
        "complete_through": MAYBE_TEXT,
        "stale_since": MAYBE_TEXT,
    }
)
routes.add(
    "GET",
    "/analytics/",
    analytics,
    permission="read",
    reach="site",
    gives={"anyOf": [_ANALYTICS, VISITOR]},
    example={},
)
routes.add(
    "PUT",
    "/events/{event_id}/enrich/",
    enrich,
    permission="write",
    reach="client",
    gives=ENRICHED,
    status=202,
    example={"event_id": "0192f3c8-example", "body": {"additional_properties": {"lead_score": 85}}},
)
routes.add(
    "POST",
    "/generate-sample-data/{num_events}/",
    generate_sample_data,
    permission="admin",
    reach="site",
    gives=STARTED,
    status=202,
    problems=(404, 409),
    example={"num_events": "10"},
)
routes.add(
    "POST",
    "/export/run",
    exports_run,
    permission="write",
    reach="client",
    gives=obj({"runs": array(STARTED)}),
    status=202,
    problems=(409,),
)
routes.add(
    "GET",
    "/export/status",
    exports_status,
    permission="read",
    reach="client",
    gives=obj({"exports": array(STATUS)}),
)
routes.add(
    "GET",
    "/export/config",
    exports_config,
    permission="read",
    reach="client",
    gives=obj({"exports": array(CONFIG)}),
)
routes.add(
    "GET",
    "/events/count",
    events_count,
    permission="read",
    reach="site",
    gives=obj(
        {
            "client_id": TEXT,
            "count": WHOLE,
            "sites": {"type": "object", "additionalProperties": WHOLE},
            "complete_through": MAYBE_TEXT,
            "stale_since": MAYBE_TEXT,
        }
    ),
)
routes.add(
    "GET",
    "/events/recent",
    events_recent,
    permission="read",
    reach="site",
    gives=obj({"client_id": TEXT, "count": WHOLE, "events": array(ANY_OBJECT)}),
)
