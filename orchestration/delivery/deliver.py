"""One export of one client: which periods are due, rendered from the warehouse, handed to the sender.

Nothing is overwritten; changed data is a new revision beside the old one. A revision that nobody can have
seen yet is rendered anew under its own number; one that somebody may have seen is finished as it is first.
"""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

import duckdb

from footfall import keys
from footfall.access.day_notes import day_notes
from footfall.catalogue.periods import Period
from footfall.catalogue.tables import DATASETS
from footfall.clients import Client, Export
from footfall.errors import FootfallError
from footfall.failures import Trouble
from footfall.manifest import Contents, Progress, Revision, build, folder_of
from footfall.sql import Sql, names, sql
from footfall.store import NotFound
from orchestration.delivery import datasets, states
from orchestration.delivery.beside import sender_of
from orchestration.delivery.desk import Desk
from orchestration.delivery.digests import EMPTY, Digests, rows_of
from orchestration.delivery.horizons import horizons_of
from orchestration.delivery.ledger import LONGEST_WAIT, Ledger, LedgerRow, planned
from orchestration.delivery.manifest_there import manifest_there
from orchestration.delivery.moved_days import ZoneChanges
from orchestration.delivery.places import BACKUP, Places
from orchestration.delivery.progress import IngestedHours
from orchestration.delivery.receipts import Receipts
from orchestration.delivery.render import Files, Rendered, preview
from orchestration.delivery.report_pages import render_pages
from orchestration.delivery.restated import MOVED_DAYS, Restated
from orchestration.delivery.selection import Marts, Selection, select
from orchestration.delivery.send import Outcome, Sender, Taken
from orchestration.delivery.slices import Slices
from orchestration.delivery.states import Facts, Seen, Step, next_step
from orchestration.delivery.together import (
    BYTES,
    LEAST,
    PERIODS,
    ROWS,
    ROWS_AHEAD,
    require_free,
    send_together,
)
from orchestration.delivery.turn import Turn

#: A delivery whose number is taken is tried under the next one; a lost ledger can take many turns.
_TURNS = 200

#: The row to send, and whether its data has changed since it was rendered; or that nothing is due.
_Prepared = tuple[LedgerRow, bool] | Outcome


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
        moved_days: int = MOVED_DAYS,
    ) -> None:
        self._connection = connection
        self._client = client
        self._export = export
        self._calendar = client.calendar(export)
        self._places = places
        self._ledger = ledger
        self._desk = desk
        self._hours = hours
        self._digests = digests
        self._receipts = receipts
        self._slices = slices
        self._marts = marts
        self._selected: Selection | None = None
        self._sending: Sender | None = None
        self._files = Files(connection)
        #: Until then periods go one by one: something failed when they went together.
        self._alone_until: datetime | None = None
        #: Start of period → the copy that has its rows.
        self._copied: dict[datetime, Sql] = {}
        self._zones = ZoneChanges(connection, client)
        self._horizons = horizons_of(connection, client.client_id)
        self._restated = Restated(
            client, export, ledger, digests, self._zones, self._selection, moved_days, self._horizons
        )

    def _selection(self) -> Selection:
        """The export against today's tables. Raises ConfigError where they do not fit, FootfallError."""
        if self._selected is None:
            hash_key = self._desk.signer.hash_key(self._client.client_id)
            found = select(self._connection, self._client, self._export, hash_key, self._marts)
            if self._export.is_page:
                notes = day_notes(self._desk.folder, self._client.client_id)
                found = replace(found, notes=tuple(notes))
            self._selected = found
            self._sending = None  # what lies beside the data is known now
        return self._selected

    def _sender(self) -> Sender:
        if self._sending is None:
            self._sending = sender_of(
                self._client, self._export, self._places, self._ledger, self._desk, self._selected
            )
        return self._sending

    def restated(self) -> list[Period]:
        """Periods delivered before that have changed since."""
        return self._restated.periods(self._desk.now())

    def open(self, now: datetime) -> list[Period]:
        """Periods whose delivery came to no end and is due again."""
        rows = self._ledger.open(self._client.client_id, self._export.name, now)
        return [self._calendar.at(start) for start in sorted({row.period_start for row in rows})]

    def preview(self, period: Period) -> list[dict[str, Any]]:
        """A few rows without what is about persons."""
        return preview(self._connection, self._selection(), period, self._table(period))

    def _table(self, period: Period) -> Sql:
        if period.start in self._copied:
            return self._copied[period.start]
        plain = sql("main.{table}", table=names([self._selection().dataset.name]))
        return self._slices.table(self._export, period) if self._slices else plain

    def deliver(self, period: Period, reason: str = "late") -> Outcome:
        """Bring one period to its buckets, or find what is there still right.

        Raises KeyMissing where lines of it wait for their key, and nothing else of its own. `reason`: why
        data that was delivered may have changed: `late`, `correction` or `erasure`.
        """
        gone = self._gone(period)
        if gone is not None:
            return gone
        self._hours.require_lines(self._client.client_id, *period.window)
        with self._desk.claim(self._client.client_id, self._export.name):
            for _ in range(_TURNS):
                outcome = self._bring_on(period, reason)
                if outcome is not None:
                    return outcome
        whose = f"{self._client.client_id} {self._export.name}"
        raise FootfallError(f"{whose} {period.name}: more than {_TURNS} turns")

    def together(self, periods: Sequence[Period]) -> list[Outcome]:
        """Deliver the first of these periods, in order, as many as go together. None was ever planned.

        Empty: the first one has to go by itself. Raises nothing of its own.
        """
        if self._alone_until is not None and periods[0].start < self._alone_until:
            return []
        with self._desk.claim(self._client.client_id, self._export.name):
            some = self._never_planned(periods[:PERIODS])
            if len(some) < LEAST:
                return []
            try:
                for each in some:
                    self._hours.require_lines(self._client.client_id, *each.window)
                self._copy_ahead(periods)
                blank: dict[str, bytes] = {}
                rows = self._first_rows(some, blank)
                if rows:
                    return send_together(self._sender(), rows, blank)
                self._alone_until = some[0].end  # which is too large
            except Exception:
                # What it is, each of them says by itself.
                self._alone_until = some[-1].end
            return []

    def _copy_ahead(self, periods: Sequence[Period]) -> None:
        """Read the rows of many small periods at once: each reading of years of files opens them all."""
        selection = self._selection()
        if self._slices is None or self._export.is_page:
            return
        filled, rows, end = [], 0, periods[0].start
        for period, found in zip(periods, self._digests.rows(selection, periods), strict=True):
            rows += found
            if rows > ROWS_AHEAD or period.start != end:
                break
            end = period.end
            if found:
                filled.append(period)
        if len(filled) < LEAST or filled[0].start in self._copied:
            return
        copy = self._slices.of_one(self._client.client_id, self._export, filled)
        self._copied = {period.start: copy for period in filled} if copy else {}

    def _never_planned(self, periods: Sequence[Period]) -> list[Period]:
        """These periods up to one of which the ledger knows anything, or whose rows are not kept any more.

        Nor is it one with an open part, which may arrive while they go together: their manifests name what
        has arrived when they are rendered.
        """
        whose = self._client.client_id, self._export.name
        known = set(self._ledger.starts(*whose, periods[0].start, periods[-1].start))
        if self._export.is_live:
            name, span = self._export.parts().name, (periods[0].start, periods[-1].end)
            parts = self._ledger.within(self._client.client_id, name, *span)
            known |= {self._calendar.at(row.period_start).start for row in parts if row.is_open}
        dataset = DATASETS[self._export.dataset]

        def is_new(period: Period) -> bool:
            return period.start not in known and not self._horizons.is_gone(dataset, period.start)

        return list(takewhile(is_new, periods))

    def _first_rows(self, periods: Iterable[Period], blank: dict[str, bytes]) -> list[LedgerRow]:
        """First revisions, rendered, of as many of these periods as go together. `blank` takes what files
        without rows hold, by key; the others wait in the outbox. None where the first is too large.
        """
        rows: list[LedgerRow] = []
        count = size = 0
        for period in periods:
            try:
                turn = self._with_facts(Turn(period, "late", ()))
                count += rows_of(turn.digest)
                if count > ROWS:
                    break
                row = self._first_row(turn, blank)
                size += row.bytes or 0
                if size > BYTES:
                    break
                require_free(self._sender(), row)
            except Exception:
                if not rows:
                    raise
                break  # it is told when its turn comes
            rows.append(row)
        return rows

    def _first_row(self, turn: Turn, blank: dict[str, bytes]) -> LedgerRow:
        """The first revision of a period, rendered and not in the ledger yet."""
        whose = self._client.client_id, self._export.name
        row = planned(*whose, turn.period.start, turn.period.cadence, self._desk.now())
        found = None
        if turn.digest == EMPTY and not self._export.is_page:
            found = self._files.blank(self._selection(), turn.period, self._prefix(turn, row.revision))
        if found is not None:
            rendered = Rendered(tuple(file for file, _ in found), (), 0, 0, 0)
            blank |= {file.key: data for file, data in found}
        else:
            rendered, folder = self._in_outbox(turn, row.revision)
            _name(rendered, folder)
        return replace(row, state=states.RENDERED, **self._said_of(row, rendered, turn))

    def _gone(self, period: Period) -> Outcome | None:
        """The outcome of a period whose rows are not kept any more: what was delivered stays what it is."""
        if not self._horizons.is_gone(DATASETS[self._export.dataset], period.start):
            return None
        rows = self._ledger.revisions(self._client.client_id, self._export.name, period.start)
        newest = next((row for row in reversed(rows) if row.is_delivered), None)
        if newest is not None:
            return self._sender().outcome(newest, "unchanged")
        since = self._horizons.events_from
        said = f"its events are kept since {since:%Y-%m-%d} only (retention of the client file)"
        return Outcome(period.start, "failed", trouble=Trouble("config", said))

    def _bring_on(self, period: Period, reason: str) -> Outcome | None:
        """One revision brought on. None: there is a further one to do."""
        found = self._ledger.revisions(self._client.client_id, self._export.name, period.start)
        turn = Turn(period, reason, tuple(found))
        try:
            turn = self._with_facts(turn)
            prepared = self._prepare(turn)
        except Exception as error:
            # A filter that fits no column, a full disk: noted in the ledger and told with all the others.
            return self._sender().failed(turn.pending or self._plan(turn), [error])
        if isinstance(prepared, Outcome):
            if turn.newest and turn.newest.hold:
                self._sender().notify(self._ledger.row(turn.newest.identity))
            return prepared
        row, is_behind = prepared
        now = self._desk.now()
        if row.not_before and now < row.not_before <= now + LONGEST_WAIT:
            trouble = Trouble("retry", f"the bucket asked to wait until {row.not_before}: {row.error}")
            return self._sender().outcome(row, "failed", trouble)
        try:
            self._look_for_ours(row, turn.revisions)
            outcome = self._sender().send(row)
        except Taken as taken:
            return self._take_over(taken, row)
        return None if outcome.status == "delivered" and is_behind else outcome

    def _with_facts(self, turn: Turn) -> Turn:
        selection = self._selection()
        return replace(
            turn,
            digest=self._digests.one(selection, turn.period),
            schema_id=selection.schema_id,
            is_incomplete=self._progress(turn.period).is_incomplete,
            zones_changed_in=self._zones.within(turn.period),
        )

    def _prepare(self, turn: Turn) -> _Prepared:
        """Do what states.NEXT says."""
        steps = {
            Step.FINISH: self._finish,
            Step.KEEP: self._keep,
            Step.SEND: self._as_it_waits,
            Step.LEAVE: self._leave,
            Step.RENDER: self._render,
        }
        pending = turn.pending
        facts = Facts(
            seen=self._seen(pending),
            is_newest_right=turn.is_as(turn.newest),
            is_pending_right=turn.is_as(pending),
            is_pending_whole=(
                pending is not None
                and pending.state == states.RENDERED
                and turn.is_as(pending)
                and self._sender().is_whole(pending)
            ),
        )
        return steps[next_step(pending.state if pending else "", facts)](turn)

    def _finish(self, turn: Turn) -> _Prepared:
        """Send as it is what the client may have seen."""
        pending = turn.pending
        assert pending is not None, "somebody has seen it"
        self._sender().recover(pending)
        return pending, not turn.is_as(pending)

    def _keep(self, turn: Turn) -> _Prepared:
        """Leave what the client has."""
        assert turn.newest is not None, "it is as would be delivered now"
        if turn.pending:
            self._drop(turn.pending)
        return self._sender().outcome(turn.newest, "unchanged")

    def _as_it_waits(self, turn: Turn) -> _Prepared:
        """Send what was rendered before."""
        assert turn.pending is not None, "it was rendered"
        return turn.pending, False

    def _leave(self, turn: Turn) -> _Prepared:
        """Give up what only our backup has: the client gets the newer data, and its number stays free."""
        assert turn.pending is not None, "our backup has it"
        self._drop(turn.pending)
        left = self._ledger.row(turn.pending.identity)
        return self._render(replace(turn, revisions=(*turn.revisions[:-1], left)))

    def _render(self, turn: Turn) -> _Prepared:
        """Make the files, in the number of the open revision or in the next one; keep what has the same."""
        pending, newest = turn.pending, turn.newest
        number = pending.revision if pending else turn.next_number
        rendered, folder = self._in_outbox(turn, number)
        if newest and turn.has_changed_nothing(rendered.files):
            shutil.rmtree(folder, ignore_errors=True)
            newest = self._ledger.record(newest, newest.state, digest=turn.digest, schema_id=turn.schema_id)
            if pending:
                self._drop(pending)
            return self._sender().outcome(newest, "unchanged")
        _name(rendered, folder)
        row = pending or self._plan(turn)
        if pending and pending.state == states.RENDERED:
            self._ledger.restart_copies(pending)
        return self._ledger.record(row, states.RENDERED, **self._said_of(row, rendered, turn)), False

    def _in_outbox(self, turn: Turn, number: int) -> tuple[Rendered, Path]:
        """The files of a revision, and the folder in which they wait."""
        folder = self._desk.outbox(self._client.client_id, self._export.name, turn.period.start, number)
        shutil.rmtree(folder, ignore_errors=True)
        return self._rendered(turn, self._prefix(turn, number), folder), folder

    def _prefix(self, turn: Turn, number: int) -> str:
        return folder_of(self._client.client_id, self._export, turn.period, number)

    def _said_of(self, row: LedgerRow, rendered: Rendered, turn: Turn) -> dict[str, Any]:
        """What the ledger says of a revision once it is rendered, by column."""
        return {
            "files": rendered.files,
            "rows": rendered.delivered,
            "bytes": sum(file.bytes for file in rendered.files),
            "digest": turn.digest,
            "schema_id": turn.schema_id,
            "manifest_key": self._prefix(turn, row.revision) + keys.MANIFEST_NAME,
            "manifest": self._manifest(row, rendered, turn).decode(),
        }

    def _rendered(self, turn: Turn, prefix: str, folder: Path) -> Rendered:
        selection = self._selection()
        if self._export.is_page:
            through = self._progress(turn.period).complete_through
            return render_pages(self._connection, selection, turn.period, prefix, folder, through)
        has_rows, table = turn.digest != EMPTY, self._table(turn.period)
        return self._files.render(selection, turn.period, prefix, folder, table, has_rows)

    def _seen(self, row: LedgerRow | None) -> Seen:
        """Who may have the manifest of an open revision already."""
        places = self._may_be_seen(row) if row else set()
        return Seen.BY_CLIENT if places - {BACKUP} else Seen.BY_US if places else Seen.BY_NOBODY

    def _may_be_seen(self, row: LedgerRow) -> set[str]:
        """The places where a manifest of this revision may lie already."""
        copies = self._ledger.copies(row)
        return {place for place, state in copies.items() if state in (states.VERIFIED, states.COMMITTED)}

    def _drop(self, row: LedgerRow) -> None:
        for place, state in self._ledger.copies(row).items():
            # A manifest that lies there, though nobody wrote down that it does, is a leaf of the log too.
            if state == states.VERIFIED and self._places[place].store().head(str(row.manifest_key)):
                self._ledger.record_copy(row, place, state, states.COMMITTED)
        self._ledger.record(row, states.SUPERSEDED, hold="", next_at=None)
        outbox = self._desk.outbox(row.client_id, row.export, row.period_start, row.revision)
        shutil.rmtree(outbox, ignore_errors=True)

    def _plan(self, turn: Turn) -> LedgerRow:
        return self._ledger.plan(
            self._client.client_id,
            self._export.name,
            turn.period.start,
            turn.next_number,
            cadence=turn.period.cadence,
            reason=turn.why(self._selected.schema_id if self._selected else None),
            supersedes=turn.newest.revision if turn.newest else None,
            places=(BACKUP, *self._export.destinations),
            now=self._desk.now(),
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

    def _manifest(self, row: LedgerRow, rendered: Rendered, turn: Turn) -> bytes:
        export, selection, period = self._export, self._selection(), turn.period
        return build(
            self._client.client_id,
            export,
            period,
            Revision(
                row.revision,
                turn.newest.revision if turn.newest else None,
                row.reason,
                row.planned_at,
                self._closed_parts(period) if export.is_live else None,
            ),
            Contents(
                rendered.files,
                selection.columns,
                selection.dialect,
                keys.schema_folder(export.name, selection.schema_id),
                self._receipts.of(
                    self._client.client_id,
                    period,
                    rows=rendered.rows,
                    delivered=rendered.delivered,
                    excluded=rendered.excluded,
                ),
            ),
            self._progress(period),
            software=self._desk.software,
            signer=self._desk.signer,
        )

    def _progress(self, period: Period) -> Progress:
        begin, end = period.window
        through = self._hours.complete_through(begin)
        return Progress(
            through,
            is_final=through is not None and through >= end + datasets.LATE_TOLERANCE,
            # An hour of the period is not ingested as one that was over; that of a part need not be.
            is_incomplete=not period.kind.is_part and (through is None or through < end),
        )

    def _closed_parts(self, hour: Period) -> tuple[str, ...]:
        """The manifests of an hour's parts, in order, those of earlier revisions included."""
        return tuple(str(row.manifest_key) for row in self._parts(hour) if row.is_delivered)

    def _parts(self, hour: Period) -> list[LedgerRow]:
        return self._ledger.within(self._client.client_id, self._export.parts().name, hour.start, hour.end)

    def drop_parts(self, hour: Period) -> None:
        """Let go of the parts of a live hour that is delivered, but for those that may be seen already."""
        with self._desk.claim(self._client.client_id, self._export.parts().name):
            for row in self._parts(hour):
                if row.is_open and self._seen(row) is not Seen.BY_CLIENT:
                    self._drop(row)


def _name(rendered: Rendered, folder: Path) -> None:
    """Let the files of a revision have their names in the outbox."""
    for file, path in zip(rendered.files, rendered.paths, strict=True):
        path.rename(folder / Path(file.key).name)
