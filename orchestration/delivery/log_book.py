"""The logs of buckets in the ledger: leaves as they are put, their numbers, checkpoints, what was promised.

A leaf is noted in the step that puts its object in place; a run gives numbers to all that are noted by then,
in one transaction with the checkpoint, so that up to four runs at once make one order. What the bucket lacks
of that, the next run puts.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from footfall import bucket_log, notes
from footfall.bucket_log import Leaf, Promise, leaf_of, manifest_leaf, origin
from footfall.catalogue.periods import calendar, kind_of
from footfall.event import timestamp
from footfall.manifest import parse
from footfall.merkle import Frontier
from footfall.notes import Checkpoint
from footfall.signatures import Signer
from orchestration.delivery.ledger import Ledger, text_of
from orchestration.delivery.log_tables import note
from orchestration.delivery.promises import Ordered, Promised, ended, promised


@dataclass(frozen=True)
class Run:
    """The numbers that one run gave: the log had `before` leaves, then `size`; its checkpoint and day."""

    before: int
    size: int
    note: bytes
    day: str


@dataclass(frozen=True)
class Batch:
    """What one run added to a log: the leaves that follow on `before`, and the checkpoint after them."""

    before: Frontier
    leaves: tuple[Leaf, ...]
    note: bytes
    day: str

    @property
    def size(self) -> int:
        """The log's leaves with these."""
        return self.before.size + len(self.leaves)


class LogBook:
    """The log of one bucket of a client, in the ledger. It begins with all that was delivered before."""

    def __init__(self, ledger: Ledger, client_id: str, place: str) -> None:
        self._ledger = ledger
        self._client_id = client_id
        self._place = place
        self.origin = origin(client_id, place)
        found = self._one("SELECT log FROM logs WHERE client_id = ? AND place = ?", client_id, place)
        self._log = int(found["log"]) if found else self._begin()

    def _one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._ledger.connection().execute(sql, values).fetchone()
        return row

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._ledger.transaction() as connection:
            yield connection

    def _begin(self) -> int:
        """Make the log, with a leaf for each manifest that was delivered before there were logs."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO logs (client_id, place) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (self._client_id, self._place),
            )
            found = connection.execute(
                "SELECT log FROM logs WHERE client_id = ? AND place = ?", (self._client_id, self._place)
            ).fetchone()
            log = int(found["log"])
            if connection.execute("SELECT 1 FROM log_leaves WHERE log = ? LIMIT 1", (log,)).fetchone():
                return log  # another process was faster
            delivered = connection.execute(
                "SELECT export, period_start, manifest_key, manifest FROM revisions JOIN copies "
                "USING (client_id, export, period_start, revision) WHERE client_id = ? AND place = ? "
                "AND copies.state = 'committed' AND manifest IS NOT NULL "
                "ORDER BY coalesce(committed_at, planned_at), export, period_start, revision",
                (self._client_id, self._place),
            )
            for row in delivered.fetchall():
                start = datetime.fromisoformat(row["period_start"])
                leaf = manifest_leaf(row["manifest_key"], row["manifest"].encode(), row["export"], start)
                note(connection, self._client_id, self._place, leaf)
        return log

    def note(self, key: str, data: bytes) -> None:
        """An object beside the manifests lies there now, as it is to be."""
        leaf = leaf_of(key, data)
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO log_objects VALUES (?, ?) ON CONFLICT DO NOTHING", (leaf.sha256, data)
            )
            note(connection, self._client_id, self._place, leaf)

    def newest(self, key: str) -> str | None:
        """The sha256 of an object as it was put last; None where the log does not know it."""
        found = self._one(
            "SELECT sha256 FROM log_leaves WHERE log = ? AND key = ? ORDER BY leaf DESC LIMIT 1",
            self._log,
            key,
        )
        return found["sha256"] if found else None

    def beside(self) -> Iterator[tuple[str, bytes]]:
        """Key and bytes of each object that is no manifest, as it was put last; those whose bytes we have."""
        rows = self._ledger.connection().execute(
            "SELECT key, data FROM log_leaves JOIN log_objects USING (sha256) WHERE leaf IN "
            "(SELECT max(leaf) FROM log_leaves WHERE log = ? AND export IS NULL GROUP BY key) ORDER BY key",
            (self._log,),
        )
        return ((row["key"], bytes(row["data"])) for row in rows.fetchall())

    def gone(self) -> set[tuple[str, str]]:
        """Key and sha256 of all that a record of removal lets go."""
        records = [parse(data) for key, data in self.beside() if key.startswith(bucket_log.REMOVALS)]
        return {
            (each.key, each.sha256) for record in records for each in bucket_log.read_removal(record).keys
        }

    def content(self, sha256: str) -> bytes | None:
        """The bytes of a small object."""
        found = self._one("SELECT data FROM log_objects WHERE sha256 = ?", sha256)
        return bytes(found["data"]) if found else None

    @property
    def tip(self) -> Frontier:
        """The log as far as its leaves have numbers."""
        return self._tip(self._ledger.connection())

    def _tip(self, connection: sqlite3.Connection) -> Frontier:
        found = connection.execute(
            "SELECT size, peaks FROM log_checkpoints WHERE log = ? ORDER BY size DESC LIMIT 1", (self._log,)
        ).fetchone()
        return Frontier.unpacked(found["size"], bytes(found["peaks"])) if found else Frontier()

    def at(self, size: int) -> Frontier:
        """The log as it was with so many leaves."""
        found = self._one(
            "SELECT size, peaks FROM log_checkpoints WHERE log = ? AND size <= ? ORDER BY size DESC LIMIT 1",
            self._log,
            size,
        )
        before = Frontier.unpacked(found["size"], bytes(found["peaks"])) if found else Frontier()
        return before.extended(leaf.hash for leaf in self._leaves(before.size, size))

    def _leaves(self, start: int, end: int) -> tuple[Leaf, ...]:
        rows = self._ledger.connection().execute(
            "SELECT key, sha256, export, start FROM log_leaves WHERE log = ? AND number >= ? AND number < ? "
            "ORDER BY number",
            (self._log, start, end),
        )
        return tuple(Leaf(**dict(row)) for row in rows.fetchall())

    def has_news(self, ordered: Sequence[Ordered]) -> bool:
        """Whether there is anything to add to the log, or to bring to the bucket."""
        connection = self._ledger.connection()
        is_new = connection.execute(
            "SELECT 1 FROM log_leaves WHERE log = ? AND number IS NULL LIMIT 1", (self._log,)
        ).fetchone()
        promises, _ = self._promises(connection)
        return bool(is_new) or self.in_bucket < self.tip.size or ended(promises, ordered) != promises

    @property
    def in_bucket(self) -> int:
        """How many leaves the bucket has by now."""
        found = self._one("SELECT published FROM logs WHERE log = ?", self._log)
        return int(found["published"]) if found else 0

    def _promises(self, connection: sqlite3.Connection) -> tuple[list[Promised], int]:
        row = connection.execute("SELECT promises, stated FROM logs WHERE log = ?", (self._log,)).fetchone()
        return msgspec.json.decode(row["promises"], type=list[Promised]), int(row["stated"])

    def append(self, ordered: Sequence[Ordered], signer: Signer, now: datetime) -> None:
        """Give numbers to all leaves that have none, with a statement of exports where it has changed.

        One transaction: whoever comes second finds them done.
        """
        with self._transaction() as connection:
            new = self._new(connection)
            before, stated = self._promises(connection)
            promises = ended(promised(before, self._manifests(connection, new), now), ordered)
            is_changed = [each.promise for each in promises] != [each.promise for each in before]
            if is_changed or (new and not stated):
                stated += 1
                said = [each.promise for each in promises]
                key, data = bucket_log.statement(self._client_id, self._place, stated, now, said, signer)
                leaf = leaf_of(key, data)
                connection.execute(
                    "INSERT INTO log_objects VALUES (?, ?) ON CONFLICT DO NOTHING", (leaf.sha256, data)
                )
                note(connection, self._client_id, self._place, leaf)
                new = self._new(connection)
            connection.execute(
                "UPDATE logs SET promises = ?, stated = ? WHERE log = ?",
                (msgspec.json.encode(promises).decode(), stated, self._log),
            )
            self._number(connection, new, signer, now)

    def _new(self, connection: sqlite3.Connection) -> list[tuple[int, Leaf]]:
        rows = connection.execute(
            "SELECT leaf, key, sha256, export, start FROM log_leaves WHERE log = ? AND number IS NULL "
            "ORDER BY leaf",
            (self._log,),
        )
        return [(row["leaf"], Leaf(*tuple(row)[1:])) for row in rows.fetchall()]

    def _manifests(
        self, connection: sqlite3.Connection, leaves: Iterable[tuple[int, Leaf]]
    ) -> Iterator[dict[str, Any]]:
        for _, leaf in leaves:
            if leaf.start is None:
                continue
            found = connection.execute(
                "SELECT manifest, cadence FROM revisions WHERE client_id = ? AND export = ? "
                "AND period_start = ? AND manifest_key = ?",
                (self._client_id, leaf.export, text_of(datetime.fromisoformat(leaf.start)), leaf.key),
            ).fetchone()
            if found is not None and not kind_of(found["cadence"]).is_part:
                yield {"cadence": found["cadence"], **json.loads(found["manifest"])}

    def _number(
        self, connection: sqlite3.Connection, new: list[tuple[int, Leaf]], signer: Signer, now: datetime
    ) -> None:
        tip = self._tip(connection)
        for at in range(0, len(new), bucket_log.MOST_LEAVES):
            some = new[at : at + bucket_log.MOST_LEAVES]
            connection.executemany(
                "UPDATE log_leaves SET number = ? WHERE leaf = ?",
                [(tip.size + n, number) for n, (number, _) in enumerate(some)],
            )
            tip = tip.extended(leaf.hash for _, leaf in some)
            self._check_in(connection, tip, notes.signed(self._checkpoint(tip), signer), _day(now))

    def _checkpoint(self, tip: Frontier) -> Checkpoint:
        return Checkpoint(self.origin, tip.size, tip.root)

    def _check_in(self, connection: sqlite3.Connection, tip: Frontier, note: bytes, day: str) -> None:
        connection.execute(
            "INSERT INTO log_checkpoints VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (self._log, tip.size, tip.packed(), note, day),
        )

    def runs(self, since: int = 0) -> list[Run]:
        """All runs that added to the log, from a size on, in order."""
        rows = self._ledger.connection().execute(
            "SELECT size, note, day FROM log_checkpoints WHERE log = ? AND size > ? ORDER BY size",
            (self._log, since),
        )
        before, found = since, []
        for row in rows.fetchall():
            found.append(Run(before, row["size"], bytes(row["note"]), row["day"]))
            before = row["size"]
        return found

    def batch(self, run: Run, before: Frontier | None = None) -> Batch:
        """What a run added. `before`: the log before it, where it is known."""
        return Batch(before or self.at(run.before), self._leaves(run.before, run.size), run.note, run.day)

    def batches(self, since: int | None = None) -> Iterator[Batch]:
        """What each run added, from a size on; without one, what the bucket does not have yet."""
        done = self.in_bucket if since is None else since
        before = self.at(done)
        for run in self.runs(done):
            batch = self.batch(run, before)
            yield batch
            before = before.extended(leaf.hash for leaf in batch.leaves)

    def published(self, size: int) -> None:
        """The bucket has the log up to this size."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE logs SET published = max(published, ?) WHERE log = ?", (size, self._log)
            )

    def take(
        self,
        batches: Sequence[Batch],
        objects: Iterable[tuple[str, bytes]],
        said: bucket_log.Statement | None,
    ) -> None:
        """Take up what the bucket's log holds beyond ours: the ledger was lost, or is older than the bucket.

        `batches` follow on our tip; `objects`: sha256 → bytes of those that are no manifests; `said`: the
        newest statement of exports.
        """
        with self._transaction() as connection:
            if not batches or self._tip(connection) != batches[0].before:
                return  # another process was faster
            for batch in batches:
                for number, leaf in enumerate(batch.leaves, batch.before.size):
                    self._take_leaf(connection, number, leaf)
                tip = batch.before.extended(leaf.hash for leaf in batch.leaves)
                self._check_in(connection, tip, batch.note, batch.day)
            connection.executemany("INSERT INTO log_objects VALUES (?, ?) ON CONFLICT DO NOTHING", objects)
            connection.execute("UPDATE logs SET published = ? WHERE log = ?", (batches[-1].size, self._log))
            if said is not None:
                promises = [self._taken_up(connection, promise) for promise in said.exports]
                connection.execute(
                    "UPDATE logs SET promises = ?, stated = max(stated, ?) WHERE log = ?",
                    (msgspec.json.encode(promises).decode(), said.number, self._log),
                )

    def _take_leaf(self, connection: sqlite3.Connection, number: int, leaf: Leaf) -> None:
        known = connection.execute(
            "UPDATE log_leaves SET number = ? WHERE leaf = (SELECT min(leaf) FROM log_leaves "
            "WHERE log = ? AND key = ? AND sha256 = ? AND number IS NULL)",
            (number, self._log, leaf.key, leaf.sha256),
        )
        if not known.rowcount:
            connection.execute(
                "INSERT INTO log_leaves (log, number, key, sha256, export, start) VALUES (?, ?, ?, ?, ?, ?)",
                (self._log, number, leaf.key, leaf.sha256, leaf.export, leaf.start),
            )

    def _taken_up(self, connection: sqlite3.Connection, promise: Promise) -> Promised:
        [last] = connection.execute(
            "SELECT max(start) FROM log_leaves WHERE log = ? AND export = ?", (self._log, promise.export)
        ).fetchone()
        periods = calendar(promise.cadence, promise.timezone, promise.sites)
        start = datetime.fromisoformat(last or promise.first)
        return Promised(promise, timestamp(periods.at(start).end))


def _day(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%d")
