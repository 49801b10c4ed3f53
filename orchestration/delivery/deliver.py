"""One delivery: render, put, read back, manifest, ledger. Every step may be repeated.

    planned → rendered → put → verified → committed      (failed at any step; the next attempt goes on)
                  └── abandoned: its data changed before the client could see it

The client's bucket and the backup bucket are independent: trouble with one does not spare the other its
copy. Nothing is overwritten; changed data is a new revision beside the old one.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from footfall import keys
from footfall.clients import Client, Export
from footfall.manifest import DeliveredFile, Period, build, period_end
from footfall.store import NotFound, ObjectStore, StoreError, put_once
from orchestration.delivery import datasets
from orchestration.delivery.ledger import Ledger, LedgerRow
from orchestration.delivery.progress import IngestedHours


@dataclass(frozen=True)
class Buckets:
    """Where one client's deliveries go."""

    destination: ObjectStore
    backup: ObjectStore


@dataclass(frozen=True)
class Outcome:
    """What became of one period: `delivered`, `unchanged` (nothing to send) or `failed` with an error."""

    period_start: datetime
    status: str
    revision: int
    reason: str
    key: str
    rows: int
    bytes: int
    sha256: str
    error: str = ""
    is_retryable: bool = False


class Deliverer:
    """Delivers periods of one client's export."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        client: Client,
        export: Export,
        buckets: Buckets,
        ledger: Ledger,
        *,
        hours: IngestedHours,
        now: Callable[[], datetime],
    ) -> None:
        self._connection = connection
        self._client = client
        self._export = export
        self._buckets = buckets
        self._ledger = ledger
        self._hours = hours
        self._now = now
        self._digests = datasets.digests(connection, client, export)

    def restated(self) -> list[datetime]:
        """Periods delivered before whose rows have changed since: late events, sessions that grew."""
        committed = self._ledger.latest_committed(self._client.client_id, self._export.name)
        return sorted(
            self._local(start)
            for start, row in committed.items()
            if row.digest != self._digests.get(start, datasets.EMPTY_DIGEST)
        )

    def _local(self, start: datetime) -> datetime:
        """A day's start as the client's midnight, which a change of summer time may put at one o'clock."""
        if self._export.cadence == "hourly":
            return start
        return self._client.local_midnight(start.astimezone(self._client.zone()).strftime("%Y-%m-%d"))

    def deliver(self, start: datetime) -> Outcome:
        """Bring one period to its bucket, or find what is there still right. Raises no StoreError."""
        with TemporaryDirectory(prefix="footfall-delivery-") as folder:
            path = Path(folder) / "part.csv"
            rows = datasets.render_csv(self._connection, self._client, self._export, start, path)
            data = path.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        digest = self._digests.get(start.astimezone(UTC), datasets.EMPTY_DIGEST)
        revisions = self._revisions(start)
        if revisions and revisions[-1].is_open and revisions[-1].sha256 not in (None, sha256):
            failure = self._settle(revisions[-1], start)
            if failure:
                return failure
            revisions = self._revisions(start)
        newest = next((row for row in reversed(revisions) if row.state == "committed"), None)
        if newest and newest.sha256 == sha256:
            if revisions[-1].is_open:
                self._ledger.record(revisions[-1], "abandoned")
            self._ledger.record(newest, "committed", digest=digest)
            return _outcome(newest, "unchanged")
        row = self._ledger.plan(
            self._client.client_id,
            self._export.name,
            start,
            # An unfinished attempt with the same bytes is taken up.
            len(revisions) if revisions and revisions[-1].is_open else len(revisions) + 1,
            "late" if newest else "initial",
            self._now(),
        )
        key = keys.delivered_file(self._export.name, start, self._export.cadence, row.revision, "csv")
        file = DeliveredFile(key, len(data), sha256, rows)
        # An attempt that is taken up again keeps its manifest: one bucket may hold it already.
        manifest = (
            row.manifest.encode()
            if row.manifest
            else self._manifest(row, file, start, newest.revision if newest else None)
        )
        self._ledger.record(
            row,
            "rendered",
            key=key,
            rows=rows,
            bytes=len(data),
            sha256=sha256,
            digest=digest,
            manifest=manifest.decode(),
            error=None,
        )
        return self._send(row, file, data, manifest, start)

    def _revisions(self, start: datetime) -> list[LedgerRow]:
        return self._ledger.revisions(self._client.client_id, self._export.name, start)

    def _settle(self, row: LedgerRow, start: datetime) -> Outcome | None:
        """End an unfinished revision whose data has changed since. Returns the failure to do so.

        What the client may have read is finished as it is, so that the backup has it too and the next
        revision can supersede it. Anything else is abandoned.
        """
        try:
            data = self._visible(row, start)
        except StoreError as error:
            self._ledger.record(row, "failed", error=str(error))
            return _outcome(row, "failed", error=str(error), is_retryable=error.retryable)
        if data is None:
            self._ledger.record(row, "abandoned")
            return None
        assert row.key and row.sha256 and row.manifest and row.rows is not None, "it was rendered"
        file = DeliveredFile(row.key, len(data), row.sha256, row.rows)
        outcome = self._send(row, file, data, row.manifest.encode(), start)
        return outcome if outcome.status == "failed" else None

    def _visible(self, row: LedgerRow, start: datetime) -> bytes | None:
        """The file of a revision that the client's bucket holds whole, manifest included; else None."""
        manifest_key = keys.manifest(self._export.name, start, self._export.cadence, row.revision)
        if row.key is None or self._buckets.destination.head(manifest_key) is None:
            return None
        try:
            data = self._buckets.destination.get(row.key)
        except NotFound:
            return None
        return data if hashlib.sha256(data).hexdigest() == row.sha256 else None

    def _send(
        self, row: LedgerRow, file: DeliveredFile, data: bytes, manifest: bytes, start: datetime
    ) -> Outcome:
        manifest_key = keys.manifest(self._export.name, start, self._export.cadence, row.revision)
        errors: list[StoreError] = []
        for store in (self._buckets.backup, self._buckets.destination):
            try:
                put_once(store, file.key, data)
                self._ledger.record(row, "put")
                if hashlib.sha256(store.get(file.key)).hexdigest() != file.sha256:
                    raise StoreError(f"{store.url(file.key)} reads back differently", retryable=True)
                self._ledger.record(row, "verified")
                put_once(store, manifest_key, manifest)
            except StoreError as error:
                errors.append(error)
        if errors:
            text = "; ".join(str(error) for error in errors)
            self._ledger.record(row, "failed", error=text)
            return _outcome(row, "failed", file, text, all(error.retryable for error in errors))
        self._ledger.record(row, "committed", committed_at=self._now().isoformat(), error=None)
        return _outcome(row, "delivered", file)

    def _manifest(
        self, row: LedgerRow, file: DeliveredFile, start: datetime, supersedes: int | None
    ) -> bytes:
        end = period_end(start, self._export.cadence)
        dataset = datasets.DATASETS[self._export.dataset]
        through = self._hours.complete_through(start)
        return build(
            client_id=self._client.client_id,
            export=self._export.name,
            dataset=self._export.dataset,
            cadence=self._export.cadence,
            period=Period(start, end, "UTC" if self._export.cadence == "hourly" else self._client.timezone),
            revision=row.revision,
            supersedes=supersedes,
            reason=row.reason,
            files=[file],
            columns=datasets.columns(self._connection, dataset),
            complete_through=through,
            is_final=through is not None and through >= end + datasets.LATE_TOLERANCE,
            planned_at=row.planned_at,
        )


def _outcome(
    row: LedgerRow,
    status: str,
    file: DeliveredFile | None = None,
    error: str = "",
    is_retryable: bool = False,
) -> Outcome:
    return Outcome(
        period_start=row.period_start,
        status=status,
        revision=row.revision,
        reason=row.reason,
        key=file.key if file else row.key or "",
        rows=file.rows if file else row.rows or 0,
        bytes=file.bytes if file else row.bytes or 0,
        sha256=file.sha256 if file else row.sha256 or "",
        error=error,
        is_retryable=is_retryable,
    )
