"""Events as API Gateway HTTP APIs and function URLs hand them to a function (payload format 2.0)."""

import base64
from typing import Any


def gateway_event(
    method: str,
    path: str,
    body: bytes = b"",
    *,
    query: str = "",
    headers: dict[str, str] | None = None,
    stage: str = "$default",
    as_base64: bool = False,
) -> dict[str, Any]:
    """What an HTTP API sends: recorded from one, with the account's names replaced."""
    raw_path = path if stage == "$default" else f"/{stage}{path}"
    text = base64.b64encode(body).decode() if as_base64 else body.decode()
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": raw_path,
        "rawQueryString": query,
        "headers": {
            "accept": "*/*",
            "content-length": str(len(body)),
            "host": "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com",
            "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "x-amzn-trace-id": "Root=1-691f0000-0123456789abcdef01234567",
            "x-forwarded-for": "203.0.113.77",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
            **(headers or {}),
        },
        "requestContext": {
            "accountId": "111122223333",
            "apiId": "a1b2c3d4e5",
            "domainName": "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com",
            "domainPrefix": "a1b2c3d4e5",
            "http": {
                "method": method,
                "path": raw_path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.77",
                "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": stage,
            "time": "21/Nov/2026:14:03:07 +0000",
            "timeEpoch": 1795269787000,
        },
        "isBase64Encoded": as_base64,
    }
    if query:
        event["queryStringParameters"] = dict(pair.partition("=")[::2] for pair in query.split("&"))
    if body:
        event["body"] = text
    return event


def function_url_event(method: str, path: str, body: bytes = b"", **more: Any) -> dict[str, Any]:
    """What a function URL sends: the same, with cookies, and with every body of no text type as base64."""
    event = gateway_event(method, path, body, as_base64=True, **more)
    event["cookies"] = ["consent=yes", "theme=dark"]
    event["requestContext"]["authentication"] = None
    event["requestContext"]["authorizer"] = None
    return event
