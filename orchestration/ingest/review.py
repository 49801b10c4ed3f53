"""What should be looked at in an hour that was ingested: markers of collectors, volume, lines that do not
add up.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb
import msgspec

from footfall import keys
from footfall.hours import HOUR
from footfall.identities import History, written_id
from footfall.sql import run
from footfall.store import NotFound, ObjectStore
from orchestration.ingest.accounts import HourCounts, record_incidents

#: Hours before, in which a collector that closed one of them counts as living. Shorter: a collector that was
#: down for so long is not missed. Longer: one that was taken away for good is missed for so long.
LIVING = 3
#: Fewest lines at which volume is judged, and the factor by which it may differ from the usual. A factor
#: nearer 1 finds smaller losses and cries wolf on quiet nights.
VOLUME_FLOOR = 1000
VOLUME_FACTOR = 10.0

UNCLOSED = "unclosed_hour"
VOLUME = "implausible_volume"
LOST = "lost_lines"
ELSEWHERE = "handed_over"


@dataclass(frozen=True)
class Finding:
    """One thing that somebody should look at: a row of `ingest.incidents`."""

    hour: datetime
    kind: str
    key: str
    detail: str


class _Markers:
    """Which collectors closed which hours, asked of the lake a day at a time."""

    def __init__(self, lake: ObjectStore) -> None:
        self._lake = lake
        self._days: dict[str, dict[datetime, set[str]]] = {}

    def of(self, hour: datetime) -> set[str]:
        """The collectors that have closed an hour."""
        day = f"closed/{keys.day_path(hour.astimezone(UTC).date())}/"
        if day not in self._days:
            found = self._days[day] = {}
            for info in self._lake.list(day):
                lies_in = keys.hour_of(info.key)
                if lies_in is not None:
                    name = info.key.removeprefix(keys.closed_prefix(lies_in)).removesuffix(".json")
                    found.setdefault(lies_in, set()).add(name)
        return self._days[day].get(hour.astimezone(UTC), set())


def review(
    connection: duckdb.DuckDBPyConnection,
    lake: ObjectStore,
    counts: Sequence[HourCounts],
    histories: Iterable[History] = (),
) -> list[Finding]:
    """Look at each hour, and record what is found in `ingest.incidents`. `histories`: of client ids."""
    if not counts:
        return []
    found = []
    markers = _Markers(lake)
    # What raw objects an hour once had, nobody asks of hours whose objects are gone or were written anew.
    kept_from = run(connection, "SELECT max(raw_from) FROM ingest.horizons").fetchone()
    gone_before = kept_from[0] if kept_from else None
    implausible = _implausible(connection, counts)
    for hour in counts:
        if gone_before is None or hour.hour >= gone_before:
            found += _unclosed(lake, markers, hour.hour)
        found += implausible.get(hour.hour, ())
        if not hour.is_conserved:
            keys_ = ", ".join(hour.uneven) or "the hour as a whole"
            sums = f"{hour.kept} + {hour.duplicates} + {hour.quarantined} + {hour.erased}"
            detail = f"{hour.lines} lines, but {sums}: {keys_}"
            found.append(Finding(hour.hour, LOST, hour.hour.isoformat(), detail))
    found += _elsewhere(connection, counts, histories)
    record_incidents(connection, [(each.hour, each.kind, each.key, each.detail) for each in found])
    return found


def _elsewhere(
    connection: duckdb.DuckDBPyConnection, counts: Sequence[HourCounts], histories: Iterable[History]
) -> list[Finding]:
    """Events that came here for clients who were handed over to another installation, since they were."""
    gone = [each for history in histories for each in history.identities if each.is_handed_over]
    if not gone:
        return []
    rows = run(
        connection,
        """
        SELECT received_hour, gone.client_id, count(*) FROM ingest.event_index AS event
        INNER JOIN (SELECT unnest($clients) AS client_id, unnest($since) AS since) AS gone
            ON event.client_id = gone.client_id AND event.received_at >= gone.since
        WHERE list_contains($hours, received_hour) GROUP BY ALL ORDER BY 1, 2
        """,
        {
            "clients": [each.name for each in gone],
            "since": [each.ended_at for each in gone],
            "hours": [each.hour for each in counts],
        },
    ).fetchall()
    return [
        Finding(
            hour.astimezone(UTC),
            ELSEWHERE,
            client_id,
            f"{events} events of {client_id}, who was handed over to another installation: they "
            f"are delivered by nobody until `footfall clients handoff {written_id(client_id)} URL` takes "
            "them there",
        )
        for hour, client_id, events in rows
    ]


def _unclosed(lake: ObjectStore, markers: _Markers, hour: datetime) -> list[Finding]:
    """Living collectors that have not closed the hour, or named objects for it that are not there."""
    present = markers.of(hour)
    living = set().union(*(markers.of(hour - n * HOUR) for n in range(1, LIVING + 1)))
    found = [
        Finding(
            hour,
            UNCLOSED,
            name,
            f"collector {name} has not closed the hour; its events may still be on their way",
        )
        for name in sorted(living - present)
        if not _is_gone(lake, markers, hour, name)
    ]
    if not present:
        return found
    # One that was written anew without an erased person's lines has all the others.
    listed = {keys.original_of(info.key) for info in lake.list(keys.raw_prefix(hour))}
    for name in sorted(present):
        named = _marker(lake, hour, name).get("keys")
        missing = [key for key in named or () if isinstance(key, str) and key not in listed]
        if missing:
            detail = (
                f"collector {name} shipped {len(missing)} objects that are not there, the first {missing[0]}"
            )
            found.append(Finding(hour, LOST, name, detail))
    return found


def _marker(lake: ObjectStore, hour: datetime, name: str) -> dict[str, Any]:
    """What a collector said when it closed an hour; nothing where this cannot be read."""
    try:
        marker = msgspec.json.decode(lake.get(keys.closed_marker(hour, name)))
    except (NotFound, msgspec.DecodeError):
        return {}
    return marker if isinstance(marker, dict) else {}


def _is_gone(lake: ObjectStore, markers: _Markers, hour: datetime, name: str) -> bool:
    """Whether a collector said in the newest hour that it closed before this one that it was its last."""
    newest = next(earlier for n in range(1, LIVING + 1) if name in markers.of(earlier := hour - n * HOUR))
    return _marker(lake, newest, name).get("is_last") is True


def _implausible(
    connection: duckdb.DuckDBPyConnection, counts: Sequence[HourCounts]
) -> dict[datetime, tuple[Finding, ...]]:
    """Hours with far more or fewer lines than the same hour of the seven days before."""
    lines = {each.hour.astimezone(UTC): each.lines for each in counts}
    rows = run(
        connection,
        """
        SELECT asked.hour, median(before.lines), count(*)
        FROM (SELECT unnest($hours) AS hour) AS asked
        CROSS JOIN range(1, 8) AS days(n)
        INNER JOIN ingest.hours AS before ON before.received_hour = asked.hour - INTERVAL 1 DAY * days.n
        GROUP BY asked.hour
        """,
        {"hours": list(lines)},
    ).fetchall()
    found: dict[datetime, tuple[Finding, ...]] = {}
    for hour, usual, days in ((hour.astimezone(UTC), usual, days) for hour, usual, days in rows):
        if days < 3 or max(usual, lines[hour]) < VOLUME_FLOOR:
            continue
        if usual / VOLUME_FACTOR <= lines[hour] <= usual * VOLUME_FACTOR:
            continue
        detail = f"{lines[hour]} lines; at this time of day it was {usual:.0f} (median of {days} days)"
        found[hour] = (Finding(hour, VOLUME, hour.isoformat(), detail),)
    return found
