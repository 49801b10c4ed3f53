"""What was delivered and seen: sites, deliveries, domains, usage, alerts, acts."""

from datetime import UTC, timedelta
from itertools import islice
from typing import Annotated, Any

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from api.access import Caller
from api.answers import csv_answer, json_answer, next_page, wants_csv
from api.cursors import cursor_of, key_cursor, key_of, no_cursor, offset_of
from api.installation import Place
from api.moments import day_of, maybe_moment, moment_of
from api.problems import Problem
from api.routing import (
    ANY_OBJECT,
    MAYBE_TEXT,
    MAYBE_WHOLE,
    NULL,
    TEXT,
    WHOLE,
    Routes,
    array,
    caller_of,
    obj,
)
from api.service import Service
from api.usage import usage_of
from footfall.access import audit
from footfall.clients import Client
from footfall.plan import month_of

routes = Routes("Files and clients")

Limit = Annotated[int, Query(ge=1, le=10_000, description="Rows in one answer; `next` says where to go on.")]
Cursor = Annotated[str | None, Query(max_length=200, description="The `next` of the answer before.")]
From = Annotated[
    str | None, Query(alias="from", max_length=40, description="2026-11-20 or 2026-11-20T14:00:00Z.")
]
To = Annotated[str | None, Query(alias="to", max_length=40, description="The first moment that is left out.")]
#: Days of usage in one answer.
MOST_DAYS = 400


def sites(request: Request) -> Response:
    """The sites that your key may see, with their domains and time zones."""
    caller = caller_of(request)
    registry = request.app.state.service.registry
    clients = [caller.client] if caller.client else registry.clients
    only = caller.holder.key.site_id
    found = [
        _site(client, site) for client in clients for site in client.sites if only in (None, site.site_id)
    ]
    return json_answer({"sites": found})


def _site(client: Client, site: Any) -> dict[str, Any]:
    return {
        "client_id": client.client_id,
        "site_id": site.site_id,
        "domains": list(site.domains),
        "timezone": site.timezone or client.timezone,
        "conversions": list(site.conversions),
        "funnels": [each.name for each in client.funnels],
    }


def deliveries(
    request: Request,
    export: Annotated[str | None, Query(max_length=100)] = None,
    start: From = None,
    end: To = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Response:
    """What was delivered of each export and period, the newest first; what waits, and why."""
    caller = caller_of(request)
    first, last = maybe_moment(start, "from"), maybe_moment(end, "to")
    if first is not None and last is not None and first > last:
        raise Problem("invalid", "the first moment is not after the last", field="from")
    service = request.app.state.service
    rows = service.installation.deliveries(
        caller.owner.client_id, export, first, last, before=_place_of(cursor), limit=limit + 1
    )
    if export is not None and not rows and caller.owner.export(export) is None:
        raise unknown_export(caller, export)
    shown = rows[:limit]
    following = key_cursor(_place(shown[-1])) if len(rows) > limit else None
    if wants_csv(request):
        cells = [[row[name] for name in _DELIVERY] for row in shown]
        return csv_answer(list(_DELIVERY), cells, next_page(request, following))
    return json_answer({"deliveries": shown, "next": following})


def _place(row: dict[str, Any]) -> str:
    return f"{row['period_start']} {row['export']} {row['revision']:09d}"


def _place_of(cursor: str | None) -> Place | None:
    if not cursor:
        return None
    start, _, rest = key_of(cursor).partition(" ")
    export, _, revision = rest.rpartition(" ")
    if not (revision.isascii() and revision.isdecimal() and len(revision) == 9):
        raise no_cursor()
    try:
        return moment_of(start, "cursor"), export, int(revision)
    except Problem:
        raise no_cursor() from None


def manifest(request: Request, export: str, period_start: str, revision: int | None = None) -> Response:
    """The manifest of a delivered period as it lies in the bucket, of its newest revision or of another."""
    caller = caller_of(request)
    service = request.app.state.service
    if revision is not None and not 0 < revision < 2**31:
        raise Problem("invalid", "revisions count from 1", field="revision")
    start = moment_of(period_start, "period_start")
    found = service.installation.manifest(caller.owner.client_id, export, start, revision)
    if found is None:
        raise Problem("unknown_delivery", f"{export} has no such delivery of {period_start}")
    return Response(found, 200, {"cache-control": "no-store"}, "application/json")


def domains(request: Request) -> Response:
    """The domains on which events were seen, their state, and who decided about them."""
    caller = caller_of(request)
    found = request.app.state.service.installation.domains(caller.owner.client_id)
    return json_answer({"domains": found})


def usage(
    request: Request,
    start: Annotated[str | None, Query(alias="from", max_length=10, description="First UTC day.")] = None,
    end: Annotated[str | None, Query(alias="to", max_length=10, description="Last UTC day.")] = None,
) -> Response:
    """What the client received and was delivered on each UTC day; unless told, of the last 30.

    `plan`: how much of the client's plan this month of UTC has used, by the days that are counted.
    """
    caller = caller_of(request)
    service = request.app.state.service
    last = day_of(end, "to") if end else service.now().date()
    first = day_of(start, "from") if start else last - min(timedelta(days=29), last - last.min)
    if first > last:
        raise Problem("invalid", "the first day is not after the last", field="from")
    if (last - first).days >= MOST_DAYS:
        raise Problem("too_large", f"at most {MOST_DAYS} days at once", field="from")
    found, missing = usage_of(service.lake, caller.owner.client_id, first, last)
    if wants_csv(request):
        return csv_answer(list(_USAGE), [[row[name] for name in _USAGE] for row in found], {})
    plan = _plan(service, caller.owner)
    return json_answer({"usage": found, "days_not_counted": missing, "plan": plan})


def _plan(service: Service, client: Client) -> dict[str, Any] | None:
    """How much of its plan a client has used in this month of UTC."""
    plan = client.plan
    if plan is None:
        return None
    today = service.now().astimezone(UTC).date()
    start, following = month_of(today)
    rows, missing = usage_of(service.lake, client.client_id, start, today)
    used = sum(row["rows"] for row in rows if row["kind"] == plan.counts)
    return {
        "name": plan.name,
        "counts": plan.counts,
        "from": start.isoformat(),
        "to": (following - timedelta(days=1)).isoformat(),
        "included": plan.included,
        "used": used,
        "over": max(0, used - plan.included),
        "used_share": round(used / plan.included, 4),
        "days_not_counted": missing,
    }


def alerts(request: Request) -> Response:
    """What is wrong now, since when, why, what to do, and who knows of it."""
    caller = caller_of(request)
    client_id = caller.client.client_id if caller.client else None
    return json_answer({"alerts": request.app.state.service.installation.alerts(client_id)})


def audited(request: Request, limit: Limit = 1000, cursor: Cursor = None) -> Response:
    """What administrators did by command or API, the oldest first."""
    caller = caller_of(request)
    service = request.app.state.service
    client_id = caller.client.client_id if caller.client else None
    found = audit.lines_from(service.settings.audit, offset_of(cursor, "audit"), client_id)
    shown = [said for _, said in islice(found, limit)]
    following = next(found, None)
    return json_answer({"acts": shown, "next": cursor_of(following[0], "audit") if following else None})


def unknown_export(caller: Caller, name: str) -> Problem:
    """The problem, with the exports that there are."""
    names = [each.name for each in caller.owner.exports]
    return Problem("unknown_export", f"there is no export {name!r}", field="export", possible=names)


_SITE = obj(
    {
        "client_id": TEXT,
        "site_id": TEXT,
        "domains": array(TEXT),
        "timezone": TEXT,
        "conversions": array(TEXT),
        "funnels": array(TEXT),
    }
)
_DELIVERY = {
    "export": TEXT,
    "period_start": TEXT,
    "revision": WHOLE,
    "cadence": TEXT,
    "state": TEXT,
    "shown": TEXT,
    "reason": TEXT,
    "rows": MAYBE_WHOLE,
    "bytes": MAYBE_WHOLE,
    "manifest_key": MAYBE_TEXT,
    "error": MAYBE_TEXT,
    "attempts": WHOLE,
    "failing_since": MAYBE_TEXT,
    "next_at": MAYBE_TEXT,
    "planned_at": TEXT,
    "committed_at": MAYBE_TEXT,
}
_USAGE = {"date": TEXT, "client_id": TEXT, "site": TEXT, "kind": TEXT, "rows": WHOLE, "bytes": WHOLE}
_PLAN = {
    "name": TEXT,
    "counts": TEXT,
    "from": TEXT,
    "to": TEXT,
    "included": WHOLE,
    "used": WHOLE,
    "over": WHOLE,
    "used_share": {"type": "number"},
    "days_not_counted": array(TEXT),
}
_ALERT = {
    "key": TEXT,
    "kind": TEXT,
    "client_id": TEXT,
    "severity": TEXT,
    "title": TEXT,
    "cause": TEXT,
    "fix": TEXT,
    "facts": {"type": "object", "additionalProperties": TEXT},
    "state": TEXT,
    "since": TEXT,
    "told": TEXT,
    "silences": array(TEXT),
}
_DOMAIN = {
    "domain": TEXT,
    "state": TEXT,
    "proof": MAYBE_TEXT,
    "first_seen_hour": TEXT,
    "last_seen_hour": TEXT,
    "hours_seen": WHOLE,
    "events": WHOLE,
    "changed_at": TEXT,
    "decision": MAYBE_TEXT,
    "decided_by": MAYBE_TEXT,
    "decided_at": MAYBE_TEXT,
}
DOMAIN = obj(_DOMAIN)
ALERT = obj(_ALERT)
routes.add(
    "GET",
    "/v1/sites",
    sites,
    permission="read",
    reach="clients",
    gives=obj({"sites": array(_SITE)}),
    is_for_assistants=True,
)
routes.add(
    "GET",
    "/v1/deliveries",
    deliveries,
    permission="read",
    reach="client",
    gives=obj({"deliveries": array(obj(_DELIVERY)), "next": MAYBE_TEXT}),
    problems=(404,),
    is_csv=True,
)
routes.add(
    "GET",
    "/v1/deliveries/{export}/{period_start}/manifest",
    manifest,
    permission="read",
    reach="client",
    gives=ANY_OBJECT,
    problems=(404,),
    example={"export": "events", "period_start": "{hour}"},
)
routes.add(
    "GET", "/v1/domains", domains, permission="read", reach="client", gives=obj({"domains": array(DOMAIN)})
)
routes.add(
    "GET",
    "/v1/usage",
    usage,
    permission="read",
    reach="client",
    gives=obj(
        {"usage": array(obj(_USAGE)), "days_not_counted": array(TEXT), "plan": {"anyOf": [obj(_PLAN), NULL]}}
    ),
    problems=(413,),
    is_csv=True,
)
routes.add("GET", "/v1/alerts", alerts, permission="read", reach="whole", gives=obj({"alerts": array(ALERT)}))
routes.add(
    "GET",
    "/v1/audit",
    audited,
    permission="admin",
    reach="whole",
    gives=obj({"acts": array({"type": "object", "additionalProperties": TEXT}), "next": MAYBE_TEXT}),
)
