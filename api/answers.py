"""Answers as bytes: numbers with all their digits, times in ISO 8601, and the same as CSV."""

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

_encoder = msgspec.json.Encoder(decimal_format="number")
CSV = "text/csv"


def json_answer(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A document as JSON; a Decimal is a number with its own digits."""
    return Response(
        _encoder.encode(document),
        status,
        {"cache-control": "no-store", **(headers or {})},
        "application/json",
    )


def etag_of(*parts: str) -> str:
    """A strong ETag of what decides an answer."""
    return '"' + hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32] + '"'


def is_known(request: Request, etag: str) -> bool:
    """Whether the asker has this answer already."""
    said = request.headers.get("if-none-match", "")
    return etag in [each.strip().removeprefix("W/") for each in said.split(",")]


def not_modified(etag: str) -> Response:
    """304."""
    return Response(status_code=304, headers={"etag": etag, "cache-control": "private, no-cache"})


def wants_csv(request: Request) -> bool:
    """Whether Accept asks for CSV before JSON."""
    accepted = [part.partition(";")[0].strip() for part in request.headers.get("accept", "").split(",")]
    return CSV in accepted and "application/json" not in accepted[: accepted.index(CSV)]


def csv_answer(header: Sequence[str], rows: Iterable[Sequence[Any]], headers: Mapping[str, str]) -> Response:
    """Rows as CSV, guarded against spreadsheets that run cells as formulas, as delivered files are."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return Response(out.getvalue().encode(), 200, dict(headers), f"{CSV}; charset=utf-8")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, int | Decimal):
        return f"{value:f}" if isinstance(value, Decimal) else str(value)
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    text = str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def instant(value: datetime) -> str:
    """`2026-11-20T14:00:00.000Z`."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
