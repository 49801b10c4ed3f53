"""What lay in an hour when it was last ingested, kept where it can be read while a run holds the warehouse.

A small SQLite file beside the ledger. Losing it loses nothing: an hour without a digest is not looked at
until it is ingested again.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from footfall.hours import HOUR, floor
from footfall.sqlite_files import open_database

#: Hours that are looked at every time. CloudFront delivers up to 26 hours late, a spool is full after two
#: days.
RECENT = 48
#: How far back older hours are looked at, in turns. Longer: a later object is still found, by a slower round.
OLDEST = timedelta(days=8)
#: Older hours looked at each time: 8 days are through in six rounds.
OLDER_AT_ONCE = 24


_SCHEMA = """
CREATE TABLE IF NOT EXISTS digests (hour TEXT PRIMARY KEY, digest TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS degraded (
    hour TEXT NOT NULL,
    key TEXT NOT NULL,
    problem TEXT NOT NULL,
    noted_at TEXT NOT NULL,
    PRIMARY KEY (hour, key)
);
CREATE TABLE IF NOT EXISTS waiting (hour TEXT NOT NULL, key_id TEXT NOT NULL, PRIMARY KEY (hour, key_id));
"""


def record_digests(path: Path, digests: Mapping[datetime, str]) -> None:
    """Remember the digest of each hour's listing."""
    with closing(_open(path)) as connection, connection:
        connection.executemany(
            "INSERT OR REPLACE INTO digests VALUES (?, ?)",
            [(hour.astimezone(UTC).isoformat(), digest) for hour, digest in digests.items()],
        )


def read_digests(path: Path, hours: Iterable[datetime]) -> dict[datetime, str]:
    """The remembered digests of those hours that have one."""
    wanted = {hour.astimezone(UTC).isoformat(): hour for hour in hours}
    with closing(_open(path)) as connection:
        found = connection.execute(
            f"SELECT hour, digest FROM digests WHERE hour IN ({', '.join('?' * len(wanted))})", list(wanted)
        ).fetchall()
    return {wanted[hour]: digest for hour, digest in found}


def record_degraded(path: Path, hours: Mapping[datetime, Iterable[tuple[str, str]]], now: datetime) -> None:
    """Replace what each hour lacks: (object, what is wrong with it). What it lacked before keeps its time."""
    with closing(_open(path)) as connection, connection:
        for hour, lacking in hours.items():
            text = hour.astimezone(UTC).isoformat()
            known = {
                (key, problem): noted
                for key, problem, noted in connection.execute(
                    "SELECT key, problem, noted_at FROM degraded WHERE hour = ?", (text,)
                )
            }
            connection.execute("DELETE FROM degraded WHERE hour = ?", (text,))
            connection.executemany(
                "INSERT OR REPLACE INTO degraded VALUES (?, ?, ?, ?)",
                [(text, *each, known.get(each, now.astimezone(UTC).isoformat())) for each in lacking],
            )


def read_degraded(path: Path, since: datetime) -> list[tuple[datetime, str, str]]:
    """(hour, object, what is wrong with it) of what was noted since a moment and not mended."""
    if not path.exists():
        return []
    with closing(_open(path)) as connection:
        found = connection.execute(
            "SELECT hour, key, problem FROM degraded WHERE noted_at >= ? ORDER BY hour, key",
            (since.astimezone(UTC).isoformat(),),
        ).fetchall()
    return [(datetime.fromisoformat(hour), key, problem) for hour, key, problem in found]


def record_waiting(path: Path, hours: Mapping[datetime, Iterable[str]]) -> None:
    """Replace the keys that lines of each hour wait for."""
    with closing(_open(path)) as connection, connection:
        for hour, keys in hours.items():
            text = hour.astimezone(UTC).isoformat()
            connection.execute("DELETE FROM waiting WHERE hour = ?", (text,))
            connection.executemany(
                "INSERT INTO waiting VALUES (?, ?)", [(text, each) for each in sorted(set(keys))]
            )


def read_waiting(path: Path) -> dict[datetime, list[str]]:
    """Hour → the keys that lines of it wait for, oldest first, however old."""
    if not path.exists():
        return {}
    found: dict[datetime, list[str]] = {}
    with closing(_open(path)) as connection:
        for hour, key in connection.execute("SELECT hour, key_id FROM waiting ORDER BY hour, key_id"):
            found.setdefault(datetime.fromisoformat(hour), []).append(key)
    return found


def _open(path: Path) -> sqlite3.Connection:
    return open_database("listings.sqlite", path, _SCHEMA)


@dataclass(frozen=True)
class Cursor:
    """Where the next look begins: at `older` among the hours before the recent ones, or, within such a round,
    at the hour that the last look had no time for.
    """

    older: datetime | None = None
    left_at: datetime | None = None

    @classmethod
    def read(cls, text: str | None) -> "Cursor":
        """A cursor from its text; of None the very first."""
        older, _, left_at = (text or "").partition(" ")
        return cls(*(datetime.fromisoformat(each) if each else None for each in (older, left_at)))

    def __str__(self) -> str:
        older, left_at = (each.isoformat() if each else "" for each in (self.older, self.left_at))
        return f"{older} {left_at}".rstrip()


@dataclass(frozen=True)
class Late:
    """Hours whose listing has changed since they were ingested, with its digest now; the next cursor."""

    stale: Mapping[datetime, str]
    cursor: Cursor


def hours_to_look_at(
    now: datetime, first: datetime, cursor: datetime | None
) -> tuple[list[datetime], datetime]:
    """The recent hours that are over, a few older ones from `cursor` on, and the next cursor."""
    newest = floor(now)
    recent = [newest - n * HOUR for n in range(RECENT, 0, -1)]
    oldest = max(floor(now - OLDEST), first)
    if cursor is None or not oldest <= cursor < recent[0]:
        cursor = oldest
    older = [cursor + n * HOUR for n in range(OLDER_AT_ONCE) if cursor + n * HOUR < recent[0]]
    after = cursor + OLDER_AT_ONCE * HOUR
    return [hour for hour in (*older, *recent) if hour >= first], after if after < recent[0] else oldest


def find_late(
    digest_of: Callable[[datetime], str],
    known: Callable[[Iterable[datetime]], Mapping[datetime, str]],
    now: datetime,
    first: datetime,
    cursor: Cursor,
    is_time_up: Callable[[], bool] = lambda: False,
) -> Late:
    """Compare what lies in ingested hours with what lay there then. Hours never ingested are not ours.

    At least one hour is looked at, and none after the time is up: the next look goes on there.
    """
    hours, after = hours_to_look_at(now, first, cursor.older)
    before = known(hours)
    ours = [hour for hour in hours if hour in before and not (cursor.left_at and hour < cursor.left_at)]
    stale: dict[datetime, str] = {}
    for n, hour in enumerate(ours):
        if n and is_time_up():
            return Late(stale, Cursor(cursor.older, hour))
        if (digest := digest_of(hour)) != before[hour]:
            stale[hour] = digest
    return Late(stale, Cursor(after))
