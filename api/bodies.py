"""What a body must be before its model looks at it, and how a place in it is named."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request

from api.problems import Problem

#: What pydantic puts into a place beside names: which of several types it tried.
_TYPES = ("str", "bool", "none", "int")
_KINDS = ("list[", "constrained-", "function-")


async def check_body(request: Request) -> None:
    """Raises Problem where it is no JSON, or JSON with a text that is no Unicode, or with a name twice."""
    body = await request.body()
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if body and kind != "application/json" and not kind.endswith("+json"):
        raise Problem("invalid", "send JSON, with Content-Type: application/json", field="Content-Type")
    if body:
        check_json(body, "body")


def check_json(text: bytes | str, field: str) -> None:
    """The same of any JSON. Raises Problem."""
    try:
        msgspec.json.decode(text)
        json.loads(text, object_pairs_hook=lambda pairs: _once(pairs, field))
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Problem("invalid", f"that is no JSON: {str(error)[:200]}", field=field) from None


def _once(pairs: list[tuple[str, Any]], field: str) -> None:
    """Raises Problem where an object has a name twice: one of the two would be answered without a word."""
    seen = set[str]()
    for name, _ in pairs:
        if name in seen:
            raise Problem("invalid", f"{name[:80]!r} is given twice", field=field)
        seen.add(name)


def place_of(parts: Sequence[int | str]) -> str:
    """`filters.0`, of the places that pydantic names."""
    shown = [str(each) for each in parts]
    return ".".join(each for each in shown if each not in _TYPES and not each.startswith(_KINDS))
