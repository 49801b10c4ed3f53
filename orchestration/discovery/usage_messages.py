"""`usage.daily`: what a client received on a day of UTC, told once the day's hours are all ingested.

With it `usage.threshold`, once a month and share, where the days of the month so far come to a share of what
the client's plan includes.

The messages and the mark of the last day that was told are one transaction, so that a crash tells no day
twice and leaves none out.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from types import MappingProxyType

import duckdb

from footfall.plan import Plan, month_of
from footfall.sql import run, sql
from orchestration.discovery.database import transaction
from orchestration.discovery.domain_rows import Domain
from orchestration.discovery.hosts import Host, normal
from orchestration.webhooks import outbox

DAY = timedelta(days=1)
#: How long a day waits for its last hours. Longer: a day whose hour cannot be mended is told later, and all
#: days behind it; shorter: it is told while it may still be mended.
PATIENCE = timedelta(days=3)
#: Days that a first look goes back: an installation that begins to tell does not tell years.
FIRST_LOOK = timedelta(days=7)
#: Hosts of these are named; all others are counted together, since anybody can send any name.
_NAMED = ("verified", "billable", "retired")
_MARK = "usage_told_through"


@dataclass
class Usage:
    """Rows of one client and day, by fate, and the kept ones by domain."""

    received: int = 0
    kept: int = 0
    duplicates: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)
    domains: Counter[str] = field(default_factory=Counter)


def days_to_tell(
    told_through: datetime | None, ingested: Iterable[datetime], first_hour: datetime, now: datetime
) -> Iterator[tuple[datetime, bool]]:
    """(day, whether all its hours are ingested), in order, up to the first that is worth waiting for."""
    known = set(ingested)
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first_day = first_hour.astimezone(UTC).replace(hour=0)
    day = max(told_through + DAY if told_through else today - FIRST_LOOK, first_day)
    while day < today:
        hours = [day + n * timedelta(hours=1) for n in range(24)]
        is_whole = all(hour in known for hour in hours if hour >= first_hour)
        if not is_whole and now - (day + DAY) < PATIENCE:
            return
        yield day, is_whole
        day += DAY


def tell_usage(
    database: sqlite3.Connection,
    warehouse: duckdb.DuckDBPyConnection,
    known: Iterable[Domain],
    first_hour: datetime,
    now: datetime,
    *,
    without: Collection[str] = (),
    plans: Mapping[str, Plan] = MappingProxyType({}),
) -> int:
    """Write the messages of all days that are due. Returns how many.

    `without`: clients whose owner is not known; `tell_again` brings back their days. `plans`: client → its.
    """
    row = database.execute("SELECT value FROM marks WHERE name = ?", (_MARK,)).fetchone()
    told_through = datetime.fromisoformat(row[0]) if row else None
    ingested = [
        hour.astimezone(UTC)
        for (hour,) in run(
            warehouse,
            "SELECT received_hour FROM ingest.hours WHERE received_hour >= ?",
            [(told_through or now - FIRST_LOOK - DAY)],
        ).fetchall()
    ]
    named = {(domain.client_id, domain.domain) for domain in known if domain.state in _NAMED}
    written = 0
    for day, is_whole in days_to_tell(told_through, ingested, first_hour, now):
        found = usage_of(warehouse, day, named)
        with transaction(database):
            for client_id, usage in sorted(found.items()):
                if client_id in without:
                    continue
                written += outbox.add(
                    database,
                    f"usage.daily:{client_id}:{day:%Y-%m-%d}",
                    client_id,
                    "usage.daily",
                    {
                        "date": f"{day:%Y-%m-%d}",
                        "is_complete": is_whole,
                        "received": usage.received,
                        "kept": usage.kept,
                        "duplicates": usage.duplicates,
                        "quarantined": usage.quarantined,
                        "domains": dict(sorted(usage.domains.items())),
                        "other_domains": usage.kept - usage.domains.total(),
                    },
                    now,
                )
            for client_id, plan in sorted(plans.items()):
                if client_id not in without:
                    written += _tell_thresholds(database, warehouse, client_id, plan, day, now)
            database.execute(
                "INSERT INTO marks VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (_MARK, day.isoformat()),
            )
    return written


def _tell_thresholds(
    database: sqlite3.Connection,
    warehouse: duckdb.DuckDBPyConnection,
    client_id: str,
    plan: Plan,
    day: datetime,
    now: datetime,
) -> int:
    """Write what the month has come to with a day, unless it was told. Returns how many messages."""
    start, _ = month_of(day.date())
    used = _used(warehouse, client_id, plan, datetime.combine(start, time(), UTC), day + DAY)
    return sum(
        outbox.add(
            database,
            f"usage.threshold:{client_id}:{start:%Y-%m}:{percent}",
            client_id,
            "usage.threshold",
            {
                "month": f"{start:%Y-%m}",
                "percent": percent,
                "plan": plan.name,
                "counts": plan.counts,
                "included": plan.included,
                "used": used,
                "through": f"{day:%Y-%m-%d}",
            },
            now,
        )
        for percent in plan.reached(used)
    )


def _used(
    warehouse: duckdb.DuckDBPyConnection, client_id: str, plan: Plan, start: datetime, end: datetime
) -> int:
    counts = sql("kept") if plan.counts == "kept" else sql("kept + duplicates + quarantined")
    row = run(
        warehouse,
        "SELECT coalesce(sum({counts}), 0) FROM ingest.receipts "
        "WHERE client_id = ? AND received_hour >= ? AND received_hour < ?",
        [client_id, start, end],
        counts=counts,
    ).fetchone()
    return int(row[0]) if row else 0


def tell_again(database: sqlite3.Connection, since: datetime) -> None:
    """Look again at the days from `since` on: what was told of them is not told twice."""
    before = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - DAY
    with transaction(database):
        database.execute("UPDATE marks SET value = min(value, ?) WHERE name = ?", (before.isoformat(), _MARK))


def usage_of(
    warehouse: duckdb.DuckDBPyConnection, day: datetime, named: set[tuple[str, str]]
) -> dict[str, Usage]:
    """Client → what it received in the hours of a day; clients that received nothing are left out."""
    found: dict[str, Usage] = defaultdict(Usage)
    span = [day, day + DAY]
    for client_id, reason, kept, duplicates, quarantined in run(
        warehouse,
        "SELECT client_id, reason, sum(kept), sum(duplicates), sum(quarantined) FROM ingest.receipts "
        "WHERE received_hour >= ? AND received_hour < ? AND client_id IS NOT NULL GROUP BY ALL ORDER BY ALL",
        span,
    ).fetchall():
        usage = found[client_id]
        usage.kept += int(kept)
        usage.duplicates += int(duplicates)
        if quarantined:
            usage.quarantined[reason or "unknown"] = int(quarantined)
        usage.received += int(kept) + int(duplicates) + int(quarantined)
    hosts = run(
        warehouse,
        "SELECT client_id, host, count(*) FROM ingest.event_index "
        "WHERE received_hour >= ? AND received_hour < ? AND NOT is_duplicate AND host IS NOT NULL "
        "GROUP BY ALL",
        span,
    )
    while rows := hosts.fetchmany(10_000):
        for client_id, host, events in rows:
            known = normal(host)
            if isinstance(known, Host) and (client_id, known.domain) in named:
                found[client_id].domains[known.domain] += events
    return dict(found)
