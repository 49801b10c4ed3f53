"""What the API is, and what a key may do."""

from starlette.requests import Request
from starlette.responses import Response

from api.answers import json_answer
from api.page import page_of
from api.routing import (
    ANY_OBJECT,
    MAYBE_TEXT,
    MAYBE_WHOLE,
    TEXT,
    WHOLE,
    YES_NO,
    Routes,
    array,
    caller_of,
    obj,
)

routes = Routes("About")


def health(request: Request) -> Response:
    """Whether the API answers, and the lake with it. For probes; needs no key."""
    lake = "ok" if request.app.state.service.tables.answers() else "away"
    return json_answer({"status": "ok" if lake == "ok" else "degraded", "dependencies": {"lake": lake}})


def auth_info(request: Request) -> Response:
    """What your key is, what it may do, and what is left of its limits."""
    caller = caller_of(request)
    key = caller.holder.key
    left = request.app.state.service.limits.left(key.sha256, caller.quota, request.state.entered)
    windows = [
        {
            "name": each.name,
            "window_seconds": each.window,
            "requests": each.quota,
            "remaining": each.remaining,
            "reset_seconds": each.seconds,
        }
        for each in left
    ]
    hour = windows[-1] if windows else None
    return json_answer(
        {
            "authenticated": True,
            "client_id": caller.holder.client_id,
            "name": key.name,
            "permissions": list(key.permissions),
            "site_id": key.site_id,
            "expires_at": key.expires_at,
            "rate_limit": {
                "requests": hour and hour["requests"],
                "window_seconds": 3600,
                "remaining": hour and hour["remaining"],
                "reset_seconds": hour and hour["reset_seconds"],
            },
            "rate_limits": windows,
        }
    )


def openapi(request: Request) -> Response:
    """This API as an OpenAPI 3.1 document."""
    return json_answer(request.app.openapi(), headers={"cache-control": "public, max-age=300"})


def docs(request: Request) -> Response:
    """This API as a page, which loads nothing from anywhere."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    headers = {"content-security-policy": policy, "x-content-type-options": "nosniff"}
    return Response(page_of(request.app.openapi()), 200, headers, "text/html; charset=utf-8")


_WINDOW = obj(
    {
        "name": TEXT,
        "window_seconds": WHOLE,
        "requests": WHOLE,
        "remaining": WHOLE,
        "reset_seconds": WHOLE,
    }
)
_INFO = obj(
    {
        "authenticated": YES_NO,
        "client_id": MAYBE_TEXT,
        "name": TEXT,
        "permissions": array(TEXT),
        "site_id": MAYBE_TEXT,
        "expires_at": MAYBE_TEXT,
        "rate_limit": obj(
            {
                "requests": MAYBE_WHOLE,
                "window_seconds": WHOLE,
                "remaining": MAYBE_WHOLE,
                "reset_seconds": MAYBE_WHOLE,
            }
        ),
        "rate_limits": array(_WINDOW),
    }
)
routes.add(
    "GET",
    "/health",
    health,
    permission=None,
    reach="open",
    gives=obj({"status": TEXT, "dependencies": obj({"lake": TEXT})}),
)
routes.add("GET", "/auth/info", auth_info, permission="read", reach="key", gives=_INFO)
routes.add("GET", "/openapi.json", openapi, permission=None, reach="open", gives=ANY_OBJECT)
routes.add("GET", "/docs", docs, permission=None, reach="open", gives=TEXT, is_page=True)
