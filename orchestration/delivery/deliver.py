"""One export of one client: which periods are due, rendered from the warehouse, handed to the sender.

Nothing is overwritten; changed data is a new revision beside the old one. A revision that nobody can have
seen yet is rendered anew under its own number; one that somebody may have seen is finished as it is first.
"""

import json
import shutil
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from footfall import keys
from footfall.clients import Client, Export
from footfall.days import window, zones_of_sites
from footfall.errors import FootfallError
from footfall.failures import Trouble
from footfall.manifest import Period, build, period_end
from footfall.sql import Sql, names, sql
from footfall.store import NotFound
from orchestration.delivery import datasets, states
from orchestration.delivery.ddl import ddl, schema
from orchestration.delivery.desk import Desk
from orchestration.delivery.digests import Digests
from orchestration.delivery.ledger import LONGEST_WAIT, Ledger, LedgerRow
from orchestration.delivery.pages import columns_page
from orchestration.delivery.places import BACKUP, Places
from orchestration.delivery.progress import IngestedHours
from orchestration.delivery.receipts import Receipts
from orchestration.delivery.render import Rendered, preview, render
from orchestration.delivery.selection import Marts, Selection, select
from orchestration.delivery.send import Outcome, Sender, Taken, manifest_there
from orchestration.delivery.slices import Slices

#: A delivery whose number is taken is tried under the next one; a lost ledger can take many turns.
_TURNS = 200


class Deliverer:
    """Delivers periods of one client's export."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        client: Client,
        export: Export,
        places: Places,
        ledger: Ledger,
        desk: Desk,
        *,
        hours: IngestedHours,
        digests: Digests,
        receipts: Receipts,
        slices: Slices | None = None,
        marts: Marts | None = None,
    ) -> None:
        self._connection = connection
        self._client = client
        self._export = export
        self._places = places
        self._ledger = ledger
        self._desk = desk
        self._hours = hours
        self._digests = digests
        self._receipts = receipts
        self._slices = slices
        self._marts = marts
        self._selected: Selection | None = None

    def _selection(self) -> Selection:
        """The export against today's tables. Raises ConfigError where they do not fit."""
        if self._selected is None:
            hash_key = self._desk.signer.derived(f"hash:{self._client.client_id}")
            self._selected = select(self._connection, self._client, self._export, hash_key, self._marts)
        return self._selected

    def _sender(self) -> Sender:
        beside = {keys.public_key(self._desk.signer.key_id): self._desk.signer.public_pem}
        pages = {}
        if self._selected is not None:
            folder = keys.schema_folder(self._export.name, self._selected.schema_id)
            texts = ddl(self._selected, self._client.destinations()[self._export.destinations[0]].url)
            beside |= {f"{folder}{name}": text.encode() for name, text in texts.items()}
            beside[f"{folder}schema.json"] = (json.dumps(schema(self._selected), indent=2) + "\n").encode()
            pages[f"{folder}columns.md"] = columns_page(self._selected)
        return Sender(self._client, self._export, self._places, self._ledger, self._desk, beside, pages)

    def restated(self) -> list[datetime]:
        """Periods delivered before whose rows or columns have changed since, as far back as digests go.

        Other columns are a reason only for periods that can still change: nobody wants years of files again
        because of one more column. `footfall deliveries restate` does that when it is wanted.
        """
        since = self._digests.since
        recent = self._desk.now() - datasets.LATE_TOLERANCE
        delivered = self._ledger.latest_delivered(self._client.client_id, self._export.name, since)
        if not delivered:
            return []
        selection = self._selection()
        digests = self._digests.of(selection)
        return sorted(
            self.local(start)
            for start, row in delivered.items()
            if (
                row.digest != digests.get(start, "0")
                if row.schema_id in (None, selection.schema_id)
                else start >= recent
            )
        )

    def open(self, now: datetime) -> list[datetime]:
        """Periods whose delivery came to no end and is due again."""
        rows = self._ledger.open(self._client.client_id, self._export.name, now)
        return sorted({self.local(row.period_start) for row in rows})

    def local(self, start: datetime) -> datetime:
        """A day's start as the client's midnight, which a change of summer time may put at one o'clock."""
        if self._export.cadence != "daily":
            return start
        return self._client.local_midnight(start.astimezone(self._client.zone()).strftime("%Y-%m-%d"))

    def preview(self, start: datetime) -> list[dict[str, Any]]:
        """A few rows without what is about persons."""
        return preview(self._connection, self._selection(), start, self._table(start))

    def _table(self, start: datetime) -> Sql:
        plain = sql("main.{table}", table=names([self._selection().dataset.name]))
        return self._slices.table(self._client, self._export, start) if self._slices else plain

    def deliver(self, start: datetime, reason: str = "late") -> Outcome:
        """Bring one period to its buckets, or find what is there still right. Raises nothing of its own.

        `reason`: why data that was delivered may have changed: `late`, `correction` or `erasure`.
        """
        with self._desk.claim(self._client.client_id, self._export.name):
            for _ in range(_TURNS):
                outcome = self._turn(start, reason)
                if outcome is not None:
                    return outcome
        raise FootfallError(f"{self._client.client_id} {self._export.name} {start}: more than {_TURNS} turns")

    def _turn(self, start: datetime, reason: str) -> Outcome | None:
        """One revision brought on. None: there is a further one to do."""
        revisions = self._ledger.revisions(self._client.client_id, self._export.name, start)
        newest = next((row for row in reversed(revisions) if row.is_delivered), None)
        pending = revisions[-1] if revisions and revisions[-1].is_open else None
        try:
            prepared = self._prepare(start, reason, revisions, newest, pending)
        except Exception as error:
            # A filter that fits no column, a full disk: noted in the ledger and told with all the others.
            row = pending or self._plan(start, revisions, newest, reason)
            return self._sender().failed(row, [error])
        if isinstance(prepared, Outcome):
            if newest and newest.hold:
                self._sender().notify(self._ledger.row(newest.identity))
            return prepared
        row, is_behind = prepared
        now = self._desk.now()
        if row.not_before and now < row.not_before <= now + LONGEST_WAIT:
            return self._sender().outcome(row, "failed", _waiting(row))
        try:
            self._look_for_ours(row, revisions)
            outcome = self._sender().send(row)
        except Taken as taken:
            return self._take_over(taken, row)
        return None if outcome.status == "delivered" and is_behind else outcome

    def _prepare(
        self,
        start: datetime,
        reason: str,
        revisions: list[LedgerRow],
        newest: LedgerRow | None,
        pending: LedgerRow | None,
    ) -> tuple[LedgerRow, bool] | Outcome:
        """The row to send, and whether its data has changed since it was rendered; or that nothing is due."""
        selection = self._selection()
        digest = self._digests.one(selection, start)
        facts = digest, selection.schema_id, self._is_incomplete(start)
        seen = self._may_be_seen(pending) if pending else set()
        if pending and seen - {BACKUP}:
            self._sender().recover(pending)
            return pending, pending.facts != facts
        if newest and newest.facts == facts:
            if pending:
                self._drop(pending)
            return self._sender().outcome(newest, "unchanged")
        is_same = pending is not None and pending.facts == facts
        if pending and pending.state == states.RENDERED and is_same and self._sender().is_ready(pending):
            return pending, False
        if pending and seen:
            # Only our backup has it. The client gets the newer data, and its number stays free.
            self._drop(pending)
            pending = None
        number = pending.revision if pending else max((r.revision for r in revisions), default=0) + 1
        folder = self._desk.outbox(self._client.client_id, self._export.name, start, number)
        shutil.rmtree(folder, ignore_errors=True)
        prefix = self._prefix(start, number)
        rendered = render(self._connection, selection, start, prefix, folder, self._table(start))
        is_completed = newest is not None and newest.is_incomplete and not facts[-1]
        if newest and not is_completed and _contents(newest) == [(f.sha256, f.site) for f in rendered.files]:
            shutil.rmtree(folder, ignore_errors=True)
            newest = self._ledger.record(newest, newest.state, digest=digest, schema_id=selection.schema_id)
            if pending:
                self._drop(pending)
            return self._sender().outcome(newest, "unchanged")
        for file, path in zip(rendered.files, rendered.paths, strict=True):
            path.rename(folder / Path(file.key).name)
        row = pending or self._plan(start, revisions, newest, reason)
        if pending and pending.state == states.RENDERED:
            self._ledger.restart_copies(pending)
        data = self._manifest(row, rendered, start, newest)
        row = self._ledger.record(
            row,
            states.RENDERED,
            files=rendered.files,
            rows=rendered.delivered,
            bytes=sum(file.bytes for file in rendered.files),
            digest=digest,
            schema_id=selection.schema_id,
            manifest_key=prefix + keys.MANIFEST_NAME,
            manifest=data.decode(),
        )
        return row, False

    def _may_be_seen(self, row: LedgerRow) -> set[str]:
        """The places where a manifest of this revision may lie already."""
        copies = self._ledger.copies(row)
        return {place for place, state in copies.items() if state in (states.VERIFIED, states.COMMITTED)}

    def _drop(self, row: LedgerRow) -> None:
        self._ledger.record(row, states.SUPERSEDED, hold="", next_at=None)
        shutil.rmtree(
            self._desk.outbox(row.client_id, row.export, row.period_start, row.revision), ignore_errors=True
        )

    def _plan(
        self, start: datetime, revisions: Iterable[LedgerRow], newest: LedgerRow | None, reason: str
    ) -> LedgerRow:
        if newest is None:
            reason = "initial"
        elif newest.is_incomplete and reason == "late":
            reason = "completed"
        elif self._selected and newest.schema_id not in (None, self._selected.schema_id):
            reason = "schema"
        return self._ledger.plan(
            self._client.client_id,
            self._export.name,
            start,
            max((row.revision for row in revisions), default=0) + 1,
            cadence=self._export.cadence,
            reason=reason,
            supersedes=newest.revision if newest else None,
            places=(BACKUP, *self._export.destinations),
            now=self._desk.now(),
        )

    def _prefix(self, start: datetime, revision: int) -> str:
        return keys.revision_prefix(
            self._export.name,
            start,
            self._export.cadence,
            revision,
            template=self._export.key,
            dataset=self._export.dataset,
            client_id=self._client.client_id,
        )

    def _look_for_ours(self, row: LedgerRow, revisions: Iterable[LedgerRow]) -> None:
        """Before the first manifest of a period that the ledger knows nothing about: is there one already?

        A ledger that was lost must not lead to other manifests in the backup than in the client's bucket.
        Raises Taken where there is one.
        """
        known = [r for r in revisions if r.is_delivered and r.digest is not None]
        if known or row.attempts or self._may_be_seen(row):
            return
        for name in self._export.destinations:
            place = self._places[name]
            try:
                store = place.store()
                if store.head(str(row.manifest_key)) is not None:
                    data, document = manifest_there(store, row, self._desk.own_keys)
                    if data != str(row.manifest).encode():
                        raise Taken(place, data, document)
            except FootfallError as error:
                place.note(error)  # sending will say it

    def _take_over(self, taken: Taken, row: LedgerRow) -> Outcome | None:
        """Take up the manifest that lies where this one belongs: it is an earlier delivery of ours."""
        copies = self._ledger.copies(row)
        if any(state == states.COMMITTED for state in copies.values()):
            # Another manifest of ours is in a bucket under this number. The next one is free.
            self._drop(row)
            return None
        shutil.rmtree(
            self._desk.outbox(row.client_id, row.export, row.period_start, row.revision), ignore_errors=True
        )
        adopted = self._ledger.adopt(
            row.identity,
            cadence=self._export.cadence,
            document=taken.document,
            manifest_key=str(row.manifest_key),
            manifest=taken.data.decode(),
            places=(BACKUP, *self._export.destinations),
            now=self._desk.now(),
        )
        sender = self._sender()
        try:
            sender.recover(adopted)
            outcome = sender.send(adopted)
        except Taken:
            self._drop(adopted)
            return None
        except NotFound:
            # Its files are gone from everywhere: the period is delivered anew under the next number.
            self._drop(adopted)
            return None
        except FootfallError as error:
            return sender.failed(adopted, [error])
        return outcome if outcome.status == "failed" else None

    def _manifest(
        self, row: LedgerRow, rendered: Rendered, start: datetime, newest: LedgerRow | None
    ) -> bytes:
        export, selection = self._export, self._selection()
        begin, end = window(self._client, export, start)
        through = self._hours.complete_through(begin)
        return build(
            key=self._prefix(start, row.revision) + keys.MANIFEST_NAME,
            client_id=self._client.client_id,
            export=export.name,
            dataset=export.dataset,
            cadence=export.cadence,
            period=self._period(start),
            revision=row.revision,
            supersedes=newest.revision if newest else None,
            reason=row.reason,
            format=export.format,
            compression=export.compression,
            dialect=selection.dialect,
            files=rendered.files,
            columns=selection.columns,
            schema=keys.schema_folder(export.name, selection.schema_id),
            receipt=self._receipts.of(
                self._client.client_id,
                start,
                period_end(start, export.cadence),
                rows=rendered.rows,
                delivered=rendered.delivered,
                excluded=rendered.excluded,
            ),
            closes=self._closed_parts(start) if export.cadence == "live" else None,
            complete_through=through,
            is_final=through is not None and through >= end + datasets.LATE_TOLERANCE,
            is_incomplete=self._is_incomplete(start),
            planned_at=row.planned_at,
            software=self._desk.software,
            signer=self._desk.signer,
        )

    def _is_incomplete(self, start: datetime) -> bool:
        """Whether an hour of the period is not ingested as one that was over; a part of one need not be."""
        begin, end = window(self._client, self._export, start)
        through = self._hours.complete_through(begin)
        return not self._export.cadence.endswith("min") and (through is None or through < end)

    def _period(self, start: datetime) -> Period:
        if self._export.cadence != "daily":
            return Period(start, period_end(start, self._export.cadence), "UTC")
        zone = self._client.zone().key
        return Period(
            start, period_end(start, "daily"), zone, sites=zones_of_sites(self._client, self._export) or None
        )

    def _closed_parts(self, start: datetime) -> list[str]:
        """The manifests of an hour's parts, in order, those of earlier revisions included."""
        parts = self._ledger.within(
            self._client.client_id, self._export.parts().name, start, period_end(start, "live")
        )
        return [str(row.manifest_key) for row in parts if row.is_delivered]

    def drop_parts(self, start: datetime) -> None:
        """Let go of the parts of a live hour that is delivered, but for those that may be seen already."""
        name = self._export.parts().name
        with self._desk.claim(self._client.client_id, name):
            for row in self._ledger.within(self._client.client_id, name, start, period_end(start, "live")):
                if row.is_open and not self._may_be_seen(row) - {BACKUP}:
                    self._drop(row)


def _contents(row: LedgerRow) -> list[tuple[str, str | None]]:
    return [(file.sha256, file.site) for file in row.files]


def _waiting(row: LedgerRow) -> Trouble:
    return Trouble("retry", f"the bucket asked to wait until {row.not_before}: {row.error}")
