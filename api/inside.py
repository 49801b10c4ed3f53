"""The API's questions and acts for a part of this process, under the rules of its routes.

A page asks as a caller with a key would: the same rule decides, the same function answers. So no figure
and no permission is known in two places.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

import msgspec
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from api.access import Rule, permit
from api.app import ROUTES
from api.routing import ASSIST, PERMISSION, REACH
from api.service import Service
from footfall.access.audit import Door
from footfall.access.holders import Holder
from footfall.access.request_limits import Quota

_decode = msgspec.json.Decoder().decode
_NO_LIMIT = Quota(0, 0)


@cache
def _routes() -> Mapping[tuple[str, str], APIRoute]:
    found = [route for routes in ROUTES for route in routes.router.routes if isinstance(route, APIRoute)]
    return {(method, route.path): route for route in found for method in route.methods or ()}


@dataclass(frozen=True)
class Inside:
    """Who asks. `person`: for the audit; `client_id`: whom the operator asks about."""

    service: Service
    holder: Holder
    person: str
    client_id: str | None = None
    door: Door = "dashboard"

    def may(self, method: str, path: str) -> bool:
        """Whether the key has the permission that a route asks for."""
        permission = (_routes()[method, path].openapi_extra or {})[PERMISSION]
        return not permission or self.holder.key.may(permission)

    def ask(self, method: str, path: str, **given: Any) -> Any:
        """What a route answers. `path`: as the route is written; `given`: its parameters, by Python's names.

        Raises Problem, StoreError, FootfallError.
        """
        return _decode(self.answer(method, path, **given).body)

    def answer(self, method: str, path: str, **given: Any) -> Response:
        """The same as the response itself. A parameter `accept` stands for the header."""
        route = _routes()[method, path]
        said = route.openapi_extra or {}
        rule = Rule(said[PERMISSION] or None, said[REACH], bool(said[ASSIST]))
        caller = permit(self.service, rule, self.holder, _NO_LIMIT, self.client_id)
        caller = type(caller)(caller.holder, caller.quota, caller.client, self.door, self.person)
        accept = given.pop("accept", "application/json")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": b"",
            "headers": [(b"accept", accept.encode())],
            "app": SimpleNamespace(state=SimpleNamespace(service=self.service)),
            "state": {"caller": caller, "entered": 0.0, "route": path},
        }
        response: Response = route.endpoint(Request(scope), **given)
        return response
