"""Answers as bytes: numbers with all their digits, times in ISO 8601, and the same as CSV."""

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from footfall.formulas import guarded

_encoder = msgspec.json.Encoder(decimal_format="number")
CSV = "text/csv"
#: The header of a CSV that has the cursor of the page after it.
NEXT = "x-footfall-next"
_Q = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


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
    said = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    return etag in said or said == ["*"]


def not_modified(etag: str) -> Response:
    """304."""
    return Response(status_code=304, headers={"etag": etag, "cache-control": "private, no-cache"})


def wants_csv(request: Request) -> bool:
    """Whether Accept asks for CSV before JSON."""
    wanted: dict[str, float] = {}
    for part in request.headers.get("accept", "").lower().split(","):
        kind, _, parameters = part.partition(";")
        wanted.setdefault(kind.strip(), _quality(parameters))
    csv, json = wanted.get(CSV, 0.0), wanted.get("application/json", 0.0)
    if csv == json:
        return csv > 0 and list(wanted).index(CSV) < list(wanted).index("application/json")
    return csv > json


def _quality(parameters: str) -> float:
    """The `q` of a range of Accept, 1 unless told."""
    for each in parameters.split(";"):
        name, _, value = each.partition("=")
        if name.strip() == "q":
            return float(value) if _Q.fullmatch(value.strip()) else 0.0
    return 1.0


def next_page(request: Request, cursor: str | None) -> dict[str, str]:
    """Headers of a CSV that name the page after it; none after the last.

    `Link` is the whole address (RFC 8288), which a question in a body has not.
    """
    if not cursor:
        return {}
    headers = {NEXT: cursor}
    if request.method != "POST":
        kept = [each for each in request.query_params.multi_items() if each[0] not in ("cursor", "api_key")]
        headers["link"] = f'<?{urlencode([*kept, ("cursor", cursor)])}>; rel="next"'
    return headers


def stands_on(meta: Mapping[str, Any]) -> dict[str, str]:
    """Headers of a CSV with what a JSON answer says in `meta`."""
    return {
        "x-footfall-timezone": meta["timezone"],
        "x-footfall-complete-through": meta["complete_through"] or "",
        "x-footfall-model-versions": ",".join(meta["model_versions"]),
        "x-footfall-final": _cell(meta["final"]),
        "x-footfall-sampling": meta["sampling"],
    }


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
    return guarded(str(value))


def instant(value: datetime) -> str:
    """`2026-11-20T14:00:00.000Z`."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
