"""What can be done by the API. Each act of an administrator leaves a line in the audit file first."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Header
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.access import Caller
from api.answers import json_answer
from api.installation import Acting, Refusal
from api.moments import maybe_moment, moment_of
from api.problems import Problem
from api.repeats import once
from api.routes.ledger import ALERT, DOMAIN, unknown_export
from api.routing import MAYBE_OBJECT, MAYBE_TEXT, TEXT, Routes, Strict, array, caller_of, obj
from api.service import Service
from footfall.access import audit
from footfall.catalogue.columns import ENRICHABLE
from footfall.catalogue.periods import Period
from footfall.clients import Export
from footfall.enrichments import MOST_PROPERTIES, Scalar, land_enrichment, mistake_of
from footfall.errors import FootfallError
from footfall.store import StoreError

routes = Routes("Acts")

#: Periods that one request may ask for.
MOST_PERIODS = 400
Once = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=200,
        description="Any text of yours: the same request with it again is not done again, for a day.",
    ),
]
EventId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]


class Span(Strict):
    """Which periods: those that begin in [from, to)."""

    start: str = Field(alias="from", max_length=40, description="2026-11-20 or 2026-11-20T14:00:00Z.")
    end: str = Field(alias="to", max_length=40, description="The first moment that is left out.")


class Known(Strict):
    """That an alert is known."""

    until: str | None = Field(default=None, max_length=40, description="Or no longer than that.")
    because: str = Field(default="", max_length=500)


class Learnt(Strict):
    """What was learnt of an event."""

    fields: dict[str, str | bool | None] = Field(
        default={}, max_length=100, description="Columns of the event."
    )
    properties: dict[str, Scalar] = Field(
        default={},
        max_length=MOST_PROPERTIES,
        description="Anything else, by any name: text, number, true or false; null takes it back.",
    )
    version: int = Field(default=1, ge=1, lt=2**31, description="The higher one wins, field by field.")


def run_export(request: Request, name: str, span: Span, _once: Once = None) -> Response:
    """Make an export's periods now, through Dagster. Follow the run at /v1/runs/{id}."""
    caller, service = caller_of(request), request.app.state.service
    export = _export(caller, name)
    periods = _periods(caller, export, span, service.now())

    def act() -> Response:
        partitions = [period.partition for period in periods]
        acting(service, caller, "exports.run", f"{name} {partitions[0]} to {partitions[-1]}")
        run_id = refusable(lambda: service.installation.run(caller.owner, export, partitions))
        return json_answer({"run": run_id, "follow": f"/v1/runs/{run_id}", "periods": partitions}, 202)

    return once(service, request, caller, span.model_dump_json(by_alias=True), act)


def run_state(request: Request, run_id: str) -> Response:
    """How far a run or a check is."""
    caller, service = caller_of(request), request.app.state.service
    found = service.tasks.find(caller.owner.client_id, run_id)
    if found is None:
        found = refusable(lambda: service.installation.run_state(caller.owner, run_id))
    if found is None:
        raise Problem("unknown_run", f"no run {run_id!r} of this client is known")
    return json_answer({name: found.get(name) for name in _RUN})


def export_status(request: Request, name: str) -> Response:
    """How an export is: its newest delivery, and what waits and why."""
    caller, service = caller_of(request), request.app.state.service
    return json_answer(status_of(service, caller, _export(caller, name)))


def status_of(service: Service, caller: Caller, export: Export) -> dict[str, Any]:
    """What the ledger says of an export."""
    return {
        "export": export.name,
        **service.installation.standing(caller.owner.client_id, export.name),
    }


def export_config(request: Request, name: str) -> Response:
    """How an export is set up in the client file; secrets are references there, and left out here."""
    caller = caller_of(request)
    return json_answer(config_of(_export(caller, name), caller))


def config_of(export: Export, caller: Caller) -> dict[str, Any]:
    """An export as its client file orders it."""
    known = caller.owner.destinations()
    return {
        "export": export.name,
        "settings": export.model_dump(mode="json"),
        "destinations": [{"name": each, "url": known[each].url} for each in export.destinations],
        "timezone": caller.owner.zone().key,
    }


def verify_export(request: Request, name: str, _once: Once = None) -> Response:
    """Check the client's buckets against their manifests and logs, in the background."""
    caller, service = caller_of(request), request.app.state.service
    export = _export(caller, name)

    def act() -> Response:
        acting(service, caller, "exports.verify", name)
        task = service.tasks.start(
            caller.owner.client_id,
            f"verify {name}",
            lambda: service.installation.verify(caller.owner, export),
            service.now(),
        )
        return json_answer({"run": task["id"], "follow": f"/v1/runs/{task['id']}"}, 202)

    return once(service, request, caller, "", act)


def approve_domain(request: Request, domain: str, _once: Once = None) -> Response:
    """Say that a domain is the client's, as `footfall domains approve` does."""
    caller, service = caller_of(request), request.app.state.service

    def act() -> Response:
        as_whom = acting(service, caller, "domains.approve", domain)
        found = refusable(lambda: service.installation.approve(caller.owner.client_id, domain, as_whom))
        return json_answer(found)

    return once(service, request, caller, "", act)


def acknowledge_alert(request: Request, key: str, said: Known, _once: Once = None) -> Response:
    """Say that an alert is known: no repeats until it ends, and its all-clear is told."""
    caller, service = caller_of(request), request.app.state.service
    until = maybe_moment(said.until, "until")
    if until is not None and not service.now() < until <= service.now() + timedelta(days=30):
        raise Problem("invalid", "say a moment of the next 30 days", field="until")
    client_id = caller.client.client_id if caller.client else None

    def act() -> Response:
        as_whom = acting(service, caller, "alerts.ack", key)
        found = refusable(
            lambda: service.installation.acknowledge(client_id, key, until, said.because.strip(), as_whom)
        )
        return json_answer(found)

    return once(service, request, caller, said.model_dump_json(), act)


def enrich_event(request: Request, event_id: EventId, learnt: Learnt) -> Response:
    """Put what was learnt later of a stored event; the run of the present hour reads it."""
    caller, service = caller_of(request), request.app.state.service
    return json_answer(land(service, caller, event_id, learnt), 202)


def land(service: Service, caller: Caller, event_id: str, learnt: Learnt) -> dict[str, Any]:
    """Put what was learnt into the lake, and say so. Raises Problem."""
    fields, properties = learnt.fields, learnt.properties
    if not fields and not properties:
        raise Problem("invalid", "neither fields nor properties", field="fields")
    wrong = mistake_of(properties)
    if wrong:
        raise Problem("invalid", wrong, field="properties")
    unknown = sorted(set(fields) - set(ENRICHABLE))
    if unknown:
        raise Problem(
            "invalid",
            f"{unknown[0]!r} is no field that can be learnt later; anything else goes under `properties`",
            field=f"fields.{unknown[0]}",
            possible=sorted(ENRICHABLE),
        )
    line = json.dumps({"event_id": event_id, **learnt.model_dump()}).encode()
    try:
        keys = land_enrichment(line, caller.owner.client_id, service.lake, service.now())
    except StoreError:
        raise
    except FootfallError as error:
        raise Problem("invalid", str(error), field="fields") from None
    hour = service.now().astimezone(UTC)
    return {
        "event_id": event_id,
        "taken": sorted([*fields, *properties]),
        "keys": keys,
        "hour": f"{hour:%Y-%m-%dT%H}",
    }


def acting(service: Service, caller: Caller, act: str, subject: str) -> Acting:
    """Note an act before it is done. Raises Problem where it cannot be noted."""
    now = service.now()
    client = caller.client.client_id if caller.client else ""
    try:
        audit.note(
            service.settings.audit,
            now,
            who=caller.name,
            door=caller.door,
            act=act,
            client=client,
            subject=subject,
            outcome="asked",
        )
    except (OSError, FootfallError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise Problem("unavailable", f"the act cannot be noted: {said}") from None
    return Acting(caller.name, now, caller.holder.is_operator)


def refusable(act: Callable[[], Any]) -> Any:
    """What an act gives; its refusal as a Problem."""
    try:
        return act()
    except Refusal as refused:
        raise Problem(refused.code, refused.detail) from None


def _export(caller: Caller, name: str) -> Export:
    found = caller.owner.export(name)
    if found is None:
        raise unknown_export(caller, name)
    return found


def _periods(caller: Caller, export: Export, span: Span, now: datetime) -> list[Period]:
    first, last = moment_of(span.start, "from"), moment_of(span.end, "to")
    if not first < last <= now:
        raise Problem("invalid", "`from` is before `to`, and `to` is not in the future", field="to")
    found = []
    period = caller.owner.calendar(export).at(first)
    while period.start < last:
        if period.start >= first and period.end <= now:
            found.append(period)
        if len(found) > MOST_PERIODS:
            raise Problem("too_large", f"at most {MOST_PERIODS} periods at once", field="to")
        period = caller.owner.calendar(export).after(period)
    if not found:
        raise Problem("invalid", "no period of the export begins and ends there", field="from")
    return found


_STARTED = obj({"run": TEXT, "follow": TEXT}, {"periods": array(TEXT)})
_RUN = {
    "id": TEXT,
    "what": TEXT,
    "state": {"type": "string", "description": "waiting, running, done or failed"},
    "started_at": MAYBE_TEXT,
    "result": MAYBE_OBJECT,
    "error": MAYBE_TEXT,
}
_STATUS = {
    "export": TEXT,
    "delivered": {"type": "integer"},
    "newest": MAYBE_TEXT,
    "newest_committed_at": MAYBE_TEXT,
    "waiting": {"type": "integer"},
    "problems": array(TEXT),
}
STATUS = obj(_STATUS)
CONFIG = obj(
    {
        "export": TEXT,
        "settings": {"type": "object"},
        "destinations": array(obj({"name": TEXT, "url": TEXT})),
        "timezone": TEXT,
    }
)
STARTED = _STARTED
ENRICHED = obj({"event_id": TEXT, "taken": array(TEXT), "keys": array(TEXT), "hour": TEXT})
_NAMED = {"name": "events"}
routes.add(
    "POST",
    "/v1/exports/{name}/run",
    run_export,
    permission="write",
    reach="client",
    gives=_STARTED,
    status=202,
    problems=(404, 409, 413, 503),
)
routes.add(
    "GET", "/v1/runs/{run_id}", run_state, permission="read", reach="client", gives=obj(_RUN), problems=(404,)
)
routes.add(
    "GET",
    "/v1/exports/{name}/status",
    export_status,
    permission="read",
    reach="client",
    gives=STATUS,
    problems=(404,),
    example=_NAMED,
)
routes.add(
    "GET",
    "/v1/exports/{name}/config",
    export_config,
    permission="read",
    reach="client",
    gives=CONFIG,
    problems=(404,),
    example=_NAMED,
)
routes.add(
    "POST",
    "/v1/exports/{name}/verify",
    verify_export,
    permission="write",
    reach="client",
    gives=_STARTED,
    status=202,
    problems=(404, 409),
    example=_NAMED,
)
routes.add(
    "POST",
    "/v1/domains/{domain}/approve",
    approve_domain,
    permission="admin",
    reach="client",
    gives=DOMAIN,
    problems=(404, 409),
)
routes.add(
    "POST",
    "/v1/alerts/{key}/ack",
    acknowledge_alert,
    permission="admin",
    reach="whole",
    gives=ALERT,
    problems=(404, 409),
)
routes.add(
    "PUT",
    "/v1/events/{event_id}/enrichment",
    enrich_event,
    permission="write",
    reach="client",
    gives=ENRICHED,
    status=202,
    example={
        "event_id": "0192f3c8-example",
        "body": {"fields": {"country": "SE"}, "properties": {"lead_score": 85}},
    },
)
