"""The API as an ASGI application: routes, errors, what is said of every answer, and the log of requests."""

import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access import path_digest
from api.bodies import place_of
from api.problems import CODES, MEDIA, SCHEMA, Problem
from api.routes import (
    acts,
    details,
    info,
    ledger,
    older,
    person_requests,
    privacy,
    questions,
    realtime,
    samples,
)
from api.routing import REACH
from api.service import Service
from footfall.errors import FootfallError
from footfall.store import StoreError

log = logging.getLogger("footfall.api")

#: Bytes that a request may have. More: a question of thousands of filters fits nowhere else either.
MOST_BYTES = 65536
#: What a request of any route with a key may be answered, beside what the route says.
_ALWAYS = (401, 403, 404, 408, 413, 422, 429, 503)
ROUTES = tuple(
    each.routes
    for each in (info, questions, details, realtime, ledger, acts, privacy, person_requests, samples, older)
)


def build_app(service: Service) -> FastAPI:
    """The application over one service."""
    app = FastAPI(title="Footfall", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.service = service
    for routes in ROUTES:
        app.include_router(routes.router)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _of_framework)
    app.add_exception_handler(StoreError, _store)
    app.add_exception_handler(FootfallError, _ours)
    app.add_exception_handler(Exception, _failed)
    app.add_middleware(_Around)
    app.openapi = lambda: openapi_of(app)  # type: ignore[method-assign]
    return app


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of an application, made once."""
    if not app.openapi_schema:
        app.openapi_schema = openapi_document()
    return app.openapi_schema


def openapi_document() -> dict[str, Any]:
    """The OpenAPI document, with what is true of all routes: keys, the client, problems."""
    found = get_openapi(
        title="Footfall API",
        version="1",
        description="Questions about a client's figures, files and domains, and a few acts.",
        routes=[route for routes in ROUTES for route in routes.router.routes],
    )
    found["components"] = {
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer"},
            "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        },
        "schemas": {**found.get("components", {}).get("schemas", {}), "Problem": dict(SCHEMA)},
    }
    found["components"]["schemas"].pop("HTTPValidationError", None)
    found["components"]["schemas"].pop("ValidationError", None)
    for operations in found["paths"].values():
        for operation in operations.values():
            _complete(operation)
    return found


def _complete(operation: dict[str, Any]) -> None:
    reach = operation[REACH]
    # The summary is the first sentence: the description goes on from there.
    rest = operation.pop("description", "").removeprefix(operation["summary"]).lstrip(". ")
    if rest:
        operation["description"] = rest
    said = operation["responses"]
    for status, response in list(said.items()):
        if response.get("description") == "problem" or status == "422":
            del said[status]
    content: dict[str, Any] = {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    if any("text/html" in response.get("content", ()) for response in said.values()):
        content["text/html"] = {"schema": {"type": "string"}}  # a page for people says so in words
    problem = {"description": "", "content": content}
    statuses = _ALWAYS if reach != "open" else (413, 422, 429, 503)
    for status in sorted({*statuses, *operation.pop("x-footfall-problems", ())}):
        codes = [code for code, (of, _, _) in CODES.items() if of == status]
        said[str(status)] = {**problem, "description": "One of: " + ", ".join(codes)}
    if reach == "open":
        return
    operation["security"] = [{"bearer": []}, {"header": []}]
    if reach not in ("key", "operator"):
        operation.setdefault("parameters", []).append(
            {
                "name": "client",
                "in": "query",
                "required": False,
                "schema": {"type": "string", "maxLength": 100},
                "description": "Whom it is about: for keys of the operator.",
            }
        )


class _Around:
    """What is around every request: its size, what the key has left, the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":  # the server leaves the body out
            scope = {**scope, "method": "GET"}
        state = scope.setdefault("state", {})
        state["entered"] = started = time.monotonic()
        said: dict[str, int] = {"status": 500, "bytes": 0}
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > MOST_BYTES:
                raise Problem("too_large", f"a request has {MOST_BYTES} bytes at most")
            return message

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                said["status"] = message["status"]
                more = {"x-content-type-options": "nosniff", **state.get("rate", {})}
                message["headers"] = [
                    *message["headers"],
                    *((name.encode(), value.encode()) for name, value in more.items()),
                ]
            said["bytes"] += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, bounded, told)
        finally:
            _log(scope, said, time.monotonic() - started)


def _log(scope: Scope, said: Mapping[str, int], seconds: float) -> None:
    """A line of JSON: which key, which route, how it ended. No address, and no value of the query or path."""
    state = scope["state"]
    line = {
        "method": scope["method"],
        "route": state.get("route", ""),
        "path": path_digest(scope["path"]),
        "authenticated": "key_name" in state,
        "api_key_name": state.get("key_name", ""),
        "status_code": said["status"],
        "bytes": said["bytes"],
        "processing_time_ms": round(seconds * 1000, 1),
    }
    more = {"client": state.get("client_id"), "duration_ms": line["processing_time_ms"]}
    short = f"{line['method']} {line['route']}"
    log.info("%s", json.dumps(line), extra={"fields": line | more, "said": short})


def _handler(act: Callable[[Request, Any], Problem]) -> Callable[[Request, Exception], Response]:
    return lambda request, error: act(request, error).answer()


_problem = _handler(lambda _request, problem: problem)
_store = _handler(lambda _request, error: Problem("unavailable", str(error)))
_failed = _handler(lambda _request, _error: Problem("failed"))
_ours = _handler(lambda _request, error: Problem("unavailable", str(error)))


@_handler
def _invalid(_request: Request, error: RequestValidationError) -> Problem:
    first = error.errors()[0]
    place = first["loc"]
    where = place_of(
        place[1:] if place[0] in ("body", "query", "path", "header") and len(place) > 1 else place
    )
    return Problem("invalid", f"{where}: {first['msg']}", field=where)


@_handler
def _of_framework(_request: Request, error: HTTPException) -> Problem:
    cause = error.__cause__ or error.__context__
    if isinstance(cause, Problem):
        return cause
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid")
    return Problem(code, headers=error.headers)
