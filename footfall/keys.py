"""Every object key of the lake and of a delivery, in one place.

Keys use only `[A-Za-z0-9=_./-]`: colons and plus signs break Hadoop, Spark and several S3 copies.
Hive-style `dt=` and `hour=` let Athena, Trino and Spark prune by partition.
"""

import re
from datetime import UTC, datetime

SAFE_KEY = re.compile(r"[A-Za-z0-9=_./-]+")


def hour_path(hour: datetime) -> str:
    """`dt=2026-11-20/hour=14` of an aware hour, in UTC."""
    return hour.astimezone(UTC).strftime("dt=%Y-%m-%d/hour=%H")


def raw_prefix(hour: datetime) -> str:
    """Where the raw objects received in `hour` lie."""
    return f"raw/{hour_path(hour)}/"


def raw_object(hour: datetime, origin: str, sha256: str) -> str:
    """Key of one raw object: content-addressed, so that shipping the same bytes twice is harmless.

    `origin` names who wrote it: collector, start and segment number, or an import.
    """
    return f"{raw_prefix(hour)}{origin}-{sha256[:16]}.ndjson.zst"


def closed_prefix(hour: datetime) -> str:
    """Where the markers lie by which collectors say that they have shipped all of `hour`."""
    return f"closed/{hour_path(hour)}/"


def closed_marker(hour: datetime, collector_id: str) -> str:
    """Key of one collector's marker: everything it received in `hour` is in raw objects."""
    return f"{closed_prefix(hour)}{collector_id}.json"


def events_object(hour: datetime) -> str:
    """Key of the hour's kept and duplicate events."""
    return f"events/{hour_path(hour)}/events.parquet"


def quarantine_object(hour: datetime) -> str:
    """Key of what could not become an event in the hour."""
    return f"quarantine/{hour_path(hour)}/quarantine.parquet"


def source_record(client_id: str, source: str, hour: datetime) -> str:
    """Key of the list of log objects named for `hour` that were taken in from a client's log bucket."""
    return f"sources/client={client_id}/source={source}/{hour_path(hour)}.json"


SALTS = "salts/"


def salt_object(client_id: str, day: str) -> str:
    """Key of the visitor-hash salt of a client and UTC day (`2026-11-20`)."""
    return f"{SALTS}client={client_id}/day={day}.json"


def destroyed_salt_object(key: str) -> str:
    """Key of the record that the salt of `key` is destroyed."""
    return f"destroyed-{key}"


def published_mart(client_id: str, mart: str) -> str:
    """Key of the Parquet copy of one client's mart, for readers that must not open the warehouse."""
    return f"marts/client={client_id}/{mart}.parquet"


def period_label(start: datetime, cadence: str) -> str:
    """`20261120T14Z` for an hour, `20261120` for a day."""
    if cadence == "hourly":
        return start.astimezone(UTC).strftime("%Y%m%dT%HZ")
    return start.strftime("%Y%m%d")


def revision_prefix(export: str, start: datetime, cadence: str, revision: int) -> str:
    """Folder of one delivery: export, period and revision.

    An hour is named in UTC, a day in the client's time zone, which is that of `start`.
    """
    period = hour_path(start) if cadence == "hourly" else start.strftime("dt=%Y-%m-%d")
    return f"{export}/{period}/rev={revision:04d}/"


def delivered_file(export: str, start: datetime, cadence: str, revision: int, extension: str) -> str:
    """Key of the data file of one delivery."""
    prefix = revision_prefix(export, start, cadence, revision)
    return f"{prefix}{export}-{period_label(start, cadence)}.{extension}"


MANIFEST_NAME = "_manifest.json"


def manifest(export: str, start: datetime, cadence: str, revision: int) -> str:
    """Key of the manifest of one delivery, the last object written and the sign that it is complete."""
    return revision_prefix(export, start, cadence, revision) + MANIFEST_NAME
