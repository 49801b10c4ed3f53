"""How a route is made: none without a rule of who may ask it."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api.access import IN_QUERY, Caller, Reach, Rule, enter
from api.bodies import check_body
from api.near import near
from api.problems import Problem
from footfall.collecting import Permission

#: Status of a request whose sender went away; nobody reads it but logs and metrics.
GONE = 499
PERMISSION, REACH, ASSIST = "x-footfall-permission", "x-footfall-reach", "x-footfall-assist"


class Strict(BaseModel):
    """A body: nothing unknown, and nothing of another type than the document says."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class KeyedRoute(APIRoute):
    """A route whose rule is applied before anything else of a request is read.

    Whoever leaves before he has sent all of it is nobody's fault here: counted as `GONE`, and no error.
    """

    def get_route_handler(self) -> Callable[[Request], Any]:
        """See FastAPI."""
        answer = super().get_route_handler()
        said = self.openapi_extra or {}
        rule = Rule(said[PERMISSION] or None, said[REACH], bool(said[ASSIST]))
        known = {each.alias for each in self.dependant.query_params} | IN_QUERY

        async def handle(request: Request) -> Response:
            request.state.route = self.path
            try:
                return await handle_whole(request)
            except ClientDisconnect:
                return Response(status_code=GONE)

        async def handle_whole(request: Request) -> Response:
            service = request.app.state.service
            request.state.caller = await run_in_threadpool(enter, service, rule, request)
            if rule.reach != "open":
                _check_query(request, known)
            if self.body_field is not None:
                await check_body(request)
            return await answer(request)

        return handle


def _check_query(request: Request, known: AbstractSet[str]) -> None:
    """Raises Problem: a name that is not looked at would have the answer be about something else."""
    asked = [name for name, _ in request.query_params.multi_items()]
    for name in asked:
        if name not in known:
            raise Problem(
                "invalid", f"there is no parameter {name[:80]!r}", field=name[:80], possible=near(name, known)
            )
        if asked.count(name) > 1:
            raise Problem("invalid", f"{name} is given twice", field=name)


class Routes:
    """A list of routes that belong together."""

    def __init__(self, tag: str) -> None:
        self.router = APIRouter(route_class=KeyedRoute)
        self._tag = tag

    @property
    def paths(self) -> list[str]:
        """As they are named in logs and metrics."""
        return [route.path for route in self.router.routes if isinstance(route, APIRoute)]

    def add(
        self,
        method: str,
        path: str,
        answer: Callable[..., Any],
        *,
        permission: Permission | None,
        reach: Reach,
        gives: Mapping[str, Any],
        status: int = 200,
        problems: tuple[int, ...] = (),
        is_csv: bool = False,
        is_tagged: bool = False,
        is_page: bool = False,
        is_for_assistants: bool = False,
        example: Mapping[str, Any] | None = None,
    ) -> None:
        """`gives`: JSON Schema of the answer. `problems`: statuses beside those that every route may answer.

        `is_csv`: also as CSV. `is_tagged`: it has an ETag. `example`: a body, or values of parameters, with
        which documents show it. `is_for_assistants`: a tool of `footfall mcp`, and for keys that `assist`.
        """
        content: dict[str, Any] = {"text/html" if is_page else "application/json": {"schema": gives}}
        if is_csv:
            content["text/csv"] = {"schema": {"type": "string"}}
        responses: dict[int | str, dict[str, Any]] = {
            status: {"description": "The answer.", "content": content}
        }
        if is_tagged:
            responses[304] = {"description": "As it was when you asked with this ETag."}
        doc = " ".join((answer.__doc__ or "").split())
        self.router.add_api_route(
            path,
            answer,
            methods=[method],
            status_code=status,
            response_class=Response,
            responses=responses,
            tags=[self._tag],
            operation_id=answer.__name__,
            summary=doc.partition(". ")[0].rstrip("."),
            description=doc,
            openapi_extra={
                REACH: reach,
                PERMISSION: permission or "",
                ASSIST: is_for_assistants,
                "x-footfall-problems": list(problems),
                "x-footfall-example": dict(example or {}),
            },
        )


def caller_of(request: Request) -> Caller:
    """Who asks. Only for routes that are not open."""
    caller: Caller = request.state.caller
    return caller


def obj(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """JSON Schema of an object that has these fields and no others."""
    return {
        "type": "object",
        "required": list(required),
        "additionalProperties": False,
        "properties": {**required, **(optional or {})},
    }


def array(of: Mapping[str, Any]) -> dict[str, Any]:
    """JSON Schema of a list."""
    return {"type": "array", "items": dict(of)}


TEXT: dict[str, Any] = {"type": "string"}
MAYBE_TEXT: dict[str, Any] = {"type": ["string", "null"]}
WHOLE: dict[str, Any] = {"type": "integer"}
MAYBE_WHOLE: dict[str, Any] = {"type": ["integer", "null"]}
YES_NO: dict[str, Any] = {"type": "boolean"}
NULL: dict[str, Any] = {"type": "null"}
ANY_OBJECT: dict[str, Any] = {"type": "object"}
MAYBE_OBJECT: dict[str, Any] = {"type": ["object", "null"]}
