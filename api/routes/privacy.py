"""Persons who ask to be erased: by an administrator's key, as a job that is followed."""

from typing import Any, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.answers import json_answer
from api.problems import Problem
from api.repeats import once
from api.routes.acts import Once, acting, refusable
from api.routing import ANY_OBJECT, MAYBE_TEXT, TEXT, Routes, Strict, array, caller_of, obj

routes = Routes("Persons")

#: Ids that one request may name.
MOST_IDS = 5_000


class Named(Strict):
    """One id of a person."""

    kind: Literal["visitor", "user", "session", "event"]
    value: str = Field(min_length=1, max_length=512)


class Erasing(Strict):
    """Who is to be erased."""

    ids: list[Named] = Field(min_length=1, max_length=MOST_IDS)
    only: bool = Field(default=False, description="These ids alone, and none that they are linked to.")
    opt_out: bool = Field(default=False, description="Keep nothing of what they do later, either.")
    reason: str = Field(default="", max_length=500)


def erase_person(request: Request, asked: Erasing, _once: Once = None) -> Response:
    """Erase persons from every layer, deliveries included. Follow the job at /v1/privacy/erasures/{id}."""
    caller, service = caller_of(request), request.app.state.service

    def act() -> Response:
        as_whom = acting(service, caller, "privacy.erase", f"{len(asked.ids)} ids")
        found = refusable(
            lambda: service.installation.erase(
                caller.owner,
                [(each.kind, each.value) for each in asked.ids],
                is_linked=not asked.only,
                is_for_good=asked.opt_out,
                reason=asked.reason.strip(),
                acting=as_whom,
            )
        )
        return json_answer({**found, "follow": f"/v1/privacy/erasures/{found['id']}"}, 202)

    return once(service, request, caller, asked.model_dump_json(), act)


def erasures(request: Request) -> Response:
    """Erasures of the client's persons, the newest first: how far each is, and until when it is due."""
    caller, service = caller_of(request), request.app.state.service
    return json_answer({"erasures": service.installation.erasures(caller.owner.client_id)})


def erasure(request: Request, erasure_id: str) -> Response:
    """How far an erasure is; once it is finished, its signed certificate."""
    caller, service = caller_of(request), request.app.state.service
    for each in service.installation.erasures(caller.owner.client_id):
        if each["id"] == erasure_id:
            certificate = service.installation.certificate(caller.owner.client_id, erasure_id)
            return json_answer({**each, "certificate": certificate})
    raise Problem("unknown_erasure", f"no erasure {erasure_id!r} of this client is known")


_STATUS: dict[str, Any] = {
    "id": TEXT,
    "client_id": TEXT,
    "state": TEXT,
    "asked_at": TEXT,
    "asked_by": TEXT,
    "due_by": TEXT,
    "is_overdue": {"type": "boolean"},
    "finished_at": MAYBE_TEXT,
    "steps": array(TEXT),
    "outstanding": ANY_OBJECT,
}

routes.add(
    "POST",
    "/v1/privacy/erasures",
    erase_person,
    permission="admin",
    reach="client",
    gives=obj({**_STATUS, "follow": TEXT}),
    status=202,
    problems=(409,),
    example={"ids": [{"kind": "user", "value": "4711"}]},
)
routes.add(
    "GET",
    "/v1/privacy/erasures",
    erasures,
    permission="admin",
    reach="client",
    gives=obj({"erasures": array(obj(_STATUS))}),
)
routes.add(
    "GET",
    "/v1/privacy/erasures/{erasure_id}",
    erasure,
    permission="admin",
    reach="client",
    gives=obj({**_STATUS, "certificate": {"type": ["object", "null"]}}),
    problems=(404,),
)
