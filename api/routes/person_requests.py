"""What a site's visitors ask for by its form, and who decides about it."""

import time
from typing import Any
from urllib.parse import parse_qs

from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import person_form
from api.answers import json_answer
from api.cursors import key_cursor, key_of, no_cursor
from api.installation import Refusal
from api.repeats import once
from api.routes.acts import Once, acting, refusable
from api.routes.ledger import Cursor, Limit
from api.routing import MAYBE_TEXT, TEXT, YES_NO, Routes, Strict, array, caller_of, obj
from footfall.unseen import has_unseen

routes = Routes("Persons")

#: Characters of an id that somebody names.
_LONGEST = 200
_FORM = "application/x-www-form-urlencoded"


class Because(Strict):
    """Why a request is refused."""

    because: str = Field(min_length=1, max_length=500)


def show_request_form(request: Request, link: str) -> Response:
    """The form by which a visitor of a site asks to be erased, or for a copy. For people; needs no key.

    `link`: as `footfall privacy link` makes it. The page loads nothing, and may stand in a frame of the site.
    """
    opened = request.app.state.service.installation.request_form(link)
    language = person_form.language_of(request.headers.get("accept-language", ""))
    if opened is None:
        return _page(person_form.refused_page(language, "over"), 404)
    page = person_form.form_page(language, opened["client_name"], opened["host"], opened["ticket"])
    return _page(page, 200, opened["hosts"])


async def send_request_form(request: Request, link: str) -> Response:
    """Take what a visitor asks for. It is a request that somebody decides about, and erases nobody."""
    language = person_form.language_of(request.headers.get("accept-language", ""))
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    sent = _fields(await request.body()) if kind == _FORM else {}
    return await run_in_threadpool(_taken, request, link, language, sent)


def _taken(request: Request, link: str, language: str, sent: dict[str, str]) -> Response:
    installation = request.app.state.service.installation
    opened = installation.request_form(link)
    if opened is None or sent.get("wanted") not in ("erasure", "access"):
        return _page(person_form.refused_page(language, "over"), 404 if opened is None else 422)
    names, hosts = (opened["client_name"], opened["host"]), opened["hosts"]
    visitor, user = sent.get("visitor", ""), sent.get("user", "")
    if max(len(visitor), len(user)) > _LONGEST or not (visitor or user):
        return _page(person_form.refused_page(language, "nothing", *names), 422, hosts)
    if has_unseen(visitor + user):
        return _page(person_form.refused_page(language, "unseen", *names), 422, hosts)
    address = request.client.host if request.client else ""
    if seconds := request.app.state.service.limits.of_form(address, time.monotonic()):
        page = _page(person_form.refused_page(language, "many", *names), 429, hosts)
        page.headers["retry-after"] = str(seconds)
        return page
    try:
        asked = installation.ask_by_form(link, sent.get("ticket", ""), sent["wanted"], visitor, user)
    except Refusal as refused:
        why, status = ("many", 429) if refused.code == "rate_limited" else ("over", 422)
        return _page(person_form.refused_page(language, why, *names), status, hosts)
    return _page(person_form.sent_page(language, *names, asked["id"], asked["due_by"][:10]), 200, hosts)


def _fields(body: bytes) -> dict[str, str]:
    """The fields of a form; empty where it is none, or one of them is given twice."""
    try:
        found = parse_qs(body.decode("ascii"), max_num_fields=10, errors="strict")
    except (ValueError, UnicodeDecodeError):
        return {}
    if any(len(values) > 1 for values in found.values()):
        return {}
    return {name: values[0].strip() for name, values in found.items()}


def _page(page: str, status: int, hosts: list[str] | None = None) -> Response:
    return Response(page, status, person_form.headers(hosts or []), "text/html; charset=utf-8")


def person_requests(request: Request, limit: Limit = 1000, cursor: Cursor = None) -> Response:
    """What visitors asked for by the form, with the ids that they gave; what waits for a decision first."""
    caller, service = caller_of(request), request.app.state.service
    after = _place_of(cursor)
    acting(service, caller, "privacy.requests", "read")
    found = service.installation.person_requests(caller.owner.client_id, after, limit + 1)
    shown = found[:limit]
    following = key_cursor(" ".join(map(str, shown[-1][0]))) if len(found) > limit else None
    return json_answer({"requests": [row for _, row in shown], "next": following})


def _place_of(cursor: str | None) -> tuple[int, str, str] | None:
    if not cursor:
        return None
    is_decided, _, rest = key_of(cursor).partition(" ")
    asked_at, _, name = rest.partition(" ")
    if is_decided not in ("0", "1") or not (asked_at and name):
        raise no_cursor()
    return int(is_decided), asked_at, name


def confirm_request(request: Request, request_id: str, _once: Once = None) -> Response:
    """Say that a request is the person's own: an erasure of these ids, and of no others, begins.

    A copy is made by `footfall privacy confirm`, which with `--linked` also takes what the ids lead to.
    Look first whether they are the asker's: docs/privacy.md says how.
    """
    caller, service = caller_of(request), request.app.state.service

    def act() -> Response:
        as_whom = acting(service, caller, "privacy.request.confirm", request_id)
        found = refusable(lambda: service.installation.confirm_request(caller.owner, request_id, as_whom))
        return json_answer(found, 202)

    return once(service, request, caller, "", act)


def refuse_request(request: Request, request_id: str, said: Because, _once: Once = None) -> Response:
    """Refuse a request, and say why; the ids that it named are wiped."""
    caller, service = caller_of(request), request.app.state.service

    def act() -> Response:
        as_whom = acting(service, caller, "privacy.request.refuse", f"{request_id}: {said.because.strip()}")
        found = refusable(
            lambda: service.installation.refuse_request(
                caller.owner, request_id, said.because.strip(), as_whom
            )
        )
        return json_answer(found)

    return once(service, request, caller, said.model_dump_json(), act)


_ASKED: dict[str, Any] = {
    "id": TEXT,
    "client_id": TEXT,
    "site_id": TEXT,
    "wanted": {"type": "string", "description": "erasure or access"},
    "ids": array(obj({"kind": TEXT, "value": TEXT})),
    "asked_at": TEXT,
    "due_by": TEXT,
    "is_overdue": YES_NO,
    "decision": {
        "type": ["string", "null"],
        "description": "null while it waits; confirmed, refused or lapsed",
    },
    "decided_at": MAYBE_TEXT,
    "decided_by": MAYBE_TEXT,
    "because": TEXT,
    "erasure": {"type": ["string", "null"], "description": "GET /v1/privacy/erasures/{id} follows it"},
}
routes.add(
    "GET",
    "/v1/privacy/form/{link}",
    show_request_form,
    permission=None,
    reach="open",
    gives=TEXT,
    is_page=True,
    problems=(404,),
    example={"link": "LINK"},
)
routes.add(
    "POST",
    "/v1/privacy/form/{link}",
    send_request_form,
    permission=None,
    reach="open",
    gives=TEXT,
    is_page=True,
    problems=(404,),
)
routes.add(
    "GET",
    "/v1/privacy/requests",
    person_requests,
    permission="admin",
    reach="client",
    gives=obj({"requests": array(obj(_ASKED)), "next": MAYBE_TEXT}),
)
routes.add(
    "POST",
    "/v1/privacy/requests/{request_id}/confirm",
    confirm_request,
    permission="admin",
    reach="client",
    gives=obj(_ASKED),
    status=202,
    problems=(404, 409),
)
routes.add(
    "POST",
    "/v1/privacy/requests/{request_id}/refuse",
    refuse_request,
    permission="admin",
    reach="client",
    gives=obj(_ASKED),
    problems=(404, 409),
    example={"because": "nobody of that name is known to the shop"},
)
