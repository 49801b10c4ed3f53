"""What the API says where it cannot answer: RFC 9457, with a code, the field, and what to do."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

#: Code → status, title, what to do. A code is said nowhere else.
CODES: Mapping[str, tuple[int, str, str]] = {
    "api_key_missing": (401, "No key", "Send an API key as `Authorization: Bearer KEY` or `X-API-Key: KEY`."),
    "api_key_unknown": (401, "No such key", "Ask for a new key; `footfall keys list` shows which are valid."),
    "api_key_in_query": (
        401,
        "A key in the address",
        "Send it as a header: addresses end up in logs. FOOTFALL_API_KEY_IN_QUERY is for development.",
    ),
    "permission_denied": (403, "Not allowed", "Use a key with the permission that the answer names."),
    "site_key": (403, "A key of one site", "Use a key of the whole client; this is about all of its sites."),
    "operator_only": (403, "The operator's", "Use a key of the operator."),
    "rate_limited": (429, "Too many requests", "Wait for as many seconds as Retry-After says."),
    "not_found": (404, "Not there", "Look at /docs for what there is."),
    "method_not_allowed": (405, "Not this method", "Use a method that the header Allow names."),
    "unknown_client": (404, "No such client", "Name a client with a valid file as `?client=ID`."),
    "unknown_site": (404, "No such site", "GET /v1/sites lists the sites."),
    "unknown_export": (404, "No such export", "GET /v1/deliveries lists the exports."),
    "unknown_delivery": (404, "No such delivery", "GET /v1/deliveries lists what was delivered."),
    "unknown_domain": (404, "No such domain", "GET /v1/domains lists what was seen."),
    "unknown_alert": (404, "No such alert", "GET /v1/alerts lists the keys of alerts."),
    "unknown_funnel": (404, "No such funnel", "Funnels are in the client file; the answer names them."),
    "unknown_visitor": (404, "No such visitor", "Take the id from a delivered file, as it is written there."),
    "unknown_run": (404, "No such run", "Take the id from the answer that started it."),
    "unknown_request": (404, "No such request", "GET /v1/privacy/requests lists them."),
    "unknown_erasure": (404, "No such erasure", "GET /v1/privacy/erasures lists them."),
    "client_missing": (422, "Which client?", "A key of the operator names the client: `?client=ID`."),
    "invalid": (422, "Not understood", "Mend the field that is named; /docs shows what it may be."),
    "unknown_metric": (422, "No such metric", "Take one of those that the answer names."),
    "unknown_dimension": (422, "No such dimension", "Take one of those that the answer names."),
    "not_together": (
        422,
        "Not to be had together",
        "Ask for fewer metrics or dimensions at once, or by day.",
    ),
    "held": (409, "Held", "Have the hold released, or tell the person why it is kept."),
    "not_decided": (409, "Not in this state", "Read the detail: what is there does not allow it now."),
    "key_reused": (
        409,
        "Idempotency-Key of another request",
        "Take a new Idempotency-Key for a new request.",
    ),
    "too_large": (413, "Too large", "Ask for fewer days, fewer dimensions, or send less."),
    "too_slow": (408, "It took too long", "Ask for fewer days or fewer dimensions."),
    "unavailable": (503, "Not now", "Try again after Retry-After seconds."),
    "failed": (500, "A fault of ours", "Tell the operator the time of the request: the log has the rest."),
}
#: Seconds after which what was not there may be asked for again.
RETRY_SECONDS = 5
MEDIA = "application/problem+json"


class Problem(Exception):
    """An answer that is none."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        field: str | None = None,
        possible: list[str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail, self.field, self.possible = code, detail, field, possible
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        """The status of its answer."""
        return CODES[self.code][0]

    def answer(self) -> Response:
        """As it goes out."""
        status, title, todo = CODES[self.code]
        document: dict[str, Any] = {
            "type": f"/docs#{self.code}",
            "title": title,
            "status": status,
            "detail": self.detail or title,
            "code": self.code,
            "todo": todo,
        }
        if self.field is not None:
            document["field"] = self.field
        if self.possible is not None:
            document["possible"] = self.possible
        headers = {"x-footfall-reason": self.code, "cache-control": "no-store", **self.headers}
        if status == 401:
            headers.setdefault("www-authenticate", "Bearer")
        if status == 503:
            headers.setdefault("retry-after", str(RETRY_SECONDS))
        return Response(msgspec.json.encode(document), status, headers, MEDIA)


#: What every such answer looks like, in OpenAPI.
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "title": "Problem",
    "required": ["type", "title", "status", "detail", "code", "todo"],
    "additionalProperties": False,
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong with this request."},
        "code": {"type": "string", "enum": list(CODES)},
        "todo": {"type": "string", "description": "What to do."},
        "field": {"type": "string", "description": "Where in the request."},
        "possible": {"type": "array", "items": {"type": "string"}, "description": "What there is instead."},
    },
}
