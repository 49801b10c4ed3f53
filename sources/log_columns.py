"""CloudFront standard logs: which column is which, in every version that was ever written.

Legacy files are tab-separated and name their columns in a `#Fields:` line; they grew from 12 columns (2010)
to 33 (2019), always at the end, so a file without its header is read by its number of columns. Version 2
(2024) lets the owner choose columns and their order, and writes text, JSON lines or Parquet.
Source: AWS, "Access logs (standard logs)", CloudFront Developer Guide.
"""

import re

from footfall.errors import FootfallError

#: All columns of the legacy format, in their order.
LEGACY = [
    "date",
    "time",
    "x-edge-location",
    "sc-bytes",
    "c-ip",
    "cs-method",
    "cs(Host)",
    "cs-uri-stem",
    "sc-status",
    "cs(Referer)",
    "cs(User-Agent)",
    "cs-uri-query",
    "cs(Cookie)",
    "x-edge-result-type",
    "x-edge-request-id",
    "x-host-header",
    "cs-protocol",
    "cs-bytes",
    "time-taken",
    "x-forwarded-for",
    "ssl-protocol",
    "ssl-cipher",
    "x-edge-response-result-type",
    "cs-protocol-version",
    "fle-status",
    "fle-encrypted-fields",
    "c-port",
    "time-to-first-byte",
    "x-edge-detailed-result-type",
    "sc-content-type",
    "sc-content-len",
    "sc-range-start",
    "sc-range-end",
]
#: The shortest legacy line.
FEWEST = 12
#: What is used of a line; columns that are missing read as empty.
USED = (
    "date",
    "time",
    "timestamp",
    "timestamp_ms",
    "x_edge_location",
    "sc_bytes",
    "c_ip",
    "cs_method",
    "cs_host",
    "cs_uri_stem",
    "sc_status",
    "cs_referer",
    "cs_user_agent",
    "cs_uri_query",
    "x_edge_result_type",
    "x_edge_request_id",
    "x_host_header",
    "cs_protocol",
    "time_taken",
)
#: The same without its times, which become one.
KEPT = tuple(name for name in USED if name not in ("date", "time", "timestamp", "timestamp_ms"))
#: Without one of each a line cannot become a request. The time may be one column or two.
REQUIRED = (("c_ip",), ("cs_uri_stem", "cs_uri"), ("sc_status",), ("cs_method",))


def plain_name(column: str) -> str:
    """One spelling of a column for text, JSON and Parquet: `cs(User-Agent)` → `cs_user_agent`."""
    return re.sub(r"[^a-z0-9]+", "_", column.lower()).strip("_")


def from_header(line: str) -> tuple[str, ...]:
    """The columns of a `#Fields:` line. Raises FootfallError where they cannot be those of a request log."""
    # Who chose a comma between the columns may have it between their names as well.
    return checked(re.split(r"[\s,;|]+", line.partition(":")[2].strip()))


def checked(columns: "list[str] | tuple[str, ...]") -> tuple[str, ...]:
    """Plain names of `columns`. Raises FootfallError naming what a request log needs and lacks."""
    names = tuple(plain_name(column) for column in columns)
    lacking = [any_of[0] for any_of in REQUIRED if not set(any_of) & set(names)]
    has_time = {"date", "time"} <= set(names) or "timestamp" in names or "timestamp_ms" in names
    if not has_time:
        lacking.append("date and time, or timestamp")
    if lacking:
        raise FootfallError(f"a foreign header: no column {', '.join(lacking)}")
    return names


def from_width(columns: int) -> tuple[str, ...]:
    """The columns of a legacy file without header. Raises FootfallError for a width that never was."""
    if not FEWEST <= columns <= len(LEGACY):
        raise FootfallError(
            f"{columns} columns and no #Fields line: expected {FEWEST} to {len(LEGACY)}, separated by tabs"
        )
    return tuple(plain_name(column) for column in LEGACY[:columns])
