"""What the ledger allows without the warehouse: send what waits, send again what was lost, believe buckets.

The hourly run plans and renders; this needs only the outbox, the buckets and the ledger.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime

from footfall import keys, manifest
from footfall.clients import Client, Export, Registry
from footfall.errors import FootfallError
from footfall.failures import Trouble, sorted_out
from footfall.found import ours, shown
from footfall.owners import require_owner
from footfall.store import NotFound, ObjectStore, StoreError
from footfall.survey import survey
from orchestration.delivery import states
from orchestration.delivery.desk import Desk
from orchestration.delivery.ledger import Ledger, LedgerRow
from orchestration.delivery.log_book import LogBook
from orchestration.delivery.log_writing import publish, restore, take_up
from orchestration.delivery.lost import Lost
from orchestration.delivery.places import BACKUP, Place, Places
from orchestration.delivery.pointer import point
from orchestration.delivery.send import Outcome, Sender, Taken


@dataclass(frozen=True)
class Wanted:
    """Which deliveries: None is all. Periods that begin in [start, end)."""

    client_id: str | None = None
    export: str | None = None
    start: datetime | None = None
    end: datetime | None = None

    def among(self, ledger: Ledger) -> Iterator[LedgerRow]:
        """Their rows, a few at a time."""
        return ledger.walk(self.client_id, self.export, self.start, self.end)

    def covers(self, client_id: str, export: str, period_start: datetime) -> bool:
        """Whether a period is one of them."""
        return (
            self.client_id in (None, client_id)
            and self.export in (None, export)
            and (self.start is None or period_start >= self.start)
            and (self.end is None or period_start < self.end)
        )


@dataclass(frozen=True)
class Mended:
    """What was put back into a bucket beside its deliveries, or why it could not be."""

    client_id: str
    place: str
    keys: tuple[str, ...] = ()
    trouble: Trouble | None = None


@dataclass(frozen=True)
class NotTaken:
    """Something in a client's bucket that is no delivery of ours, or a bucket that cannot be read."""

    where: str
    why: str

    def __str__(self) -> str:
        return f"{self.where}: {self.why}"


class Redelivery:
    """Deliveries of all clients, one after the other."""

    def __init__(
        self, registry: Registry, places_of: Callable[[Client], Places], ledger: Ledger, desk: Desk
    ) -> None:
        self._registry = registry
        self._places_of = places_of
        self._ledger = ledger
        self._desk = desk
        self._places: dict[str, Places] = {}
        self._lost = Lost(ledger, desk)

    def due(self) -> Iterator[tuple[LedgerRow, Outcome]]:
        """Try again what is due by now, as the hourly run would."""
        clients = set()
        for row in self._ledger.unfinished(self._desk.now()):
            if row.client_id in self._registry.stopped:
                continue
            clients.add(row.client_id)
            yield row, self._bring(row)
        for client in self._registry.clients:
            if client.client_id in clients:
                publish(self._ledger, self._desk, client, self._of(client))

    def replay(self, wanted: Wanted) -> Iterator[tuple[LedgerRow, Outcome]]:
        """Try at once whatever did not arrive, and send again what its bucket has lost."""
        told: set[str] = set()
        for row in wanted.among(self._ledger):
            if row.state == states.SUPERSEDED:
                continue
            if row.client_id in self._registry.stopped:
                if row.client_id not in told:
                    stopped = Trouble("owner", self._registry.stopped[row.client_id])
                    yield row, Outcome(row.period_start, "failed", row.revision, trouble=stopped)
                told.add(row.client_id)
                continue
            if row.is_open:
                yield row, self._bring(self._ledger.release(row))
                continue
            client = self._registry.client(row.client_id)
            # Of a client that no file names any more nobody can look at a bucket.
            lost, trouble = self._lost.looked_for(row, self._of(client) if client else {})
            if trouble:
                yield row, Outcome(row.period_start, "failed", row.revision, trouble=trouble)
            elif lost:
                self._ledger.forget_written(lost)
                yield row, self._again(row)
            elif row.hold:
                yield row, self._bring(self._ledger.release(row))

    def _again(self, row: LedgerRow) -> Outcome:
        """Bring once more what a bucket has lost of a delivery.

        What no client file orders any more, what went to a bucket that none names, and what was signed away
        in part is no delivery now: what is missing is put back object by object; its row stays as it is.
        """
        client, names = self._registry.client(row.client_id), self._ledger.copies(row).keys()
        places = self._of(client) if client else {}
        is_ordered = client is not None and client.export(row.export) is not None and names <= places.keys()
        if is_ordered and not any(self._lost.signed_away(row, places[name]) for name in names):
            return self._bring(self._ledger.reopen(self._ledger.release(row)))
        try:
            self._lost.put_back(row, places)
        except FootfallError as error:
            return Outcome(row.period_start, "failed", row.revision, trouble=sorted_out(error))
        return Outcome(row.period_start, "delivered", row.revision, row.reason, row.rows or 0, row.bytes or 0)

    def mend(self, wanted: Wanted) -> Iterator[Mended]:
        """Put back what buckets lost beside their deliveries: schemas, keys, pages, pointers and the log."""
        for client in self._registry.clients:
            is_stopped = client.client_id in self._registry.stopped
            if is_stopped or wanted.client_id not in (None, client.client_id):
                continue
            troubles = publish(self._ledger, self._desk, client, self._of(client))
            for error in troubles:
                yield Mended(client.client_id, "log", (), sorted_out(error))
            for name, place in self._of(client).items():
                book = LogBook(self._ledger, client.client_id, name)
                if troubles or not book.tip.size:
                    continue
                put: list[str] = []
                trouble = None
                try:
                    for key in restore(book, place, self._desk):
                        put.append(key)
                    put += [] if place.is_backup else self._point(client, place)
                except Exception as error:
                    # Anything: trouble with one bucket must not keep the others from theirs.
                    place.note(error)
                    trouble = sorted_out(error)
                if put or trouble:
                    yield Mended(client.client_id, name, tuple(put), trouble)

    def _point(self, client: Client, place: Place) -> Iterator[str]:
        """Make each pointer name the newest period again, also of what is ordered no more."""
        store = place.store()
        for _, export in sorted(self._ledger.exports(client.client_id)):
            newest = self._ledger.newest_in(client.client_id, export, place.name)
            if newest is None:
                continue
            before = store.read_tagged(keys.latest(export))
            point(store, newest, str(newest.manifest).encode(), self._desk.own_keys)
            if store.read_tagged(keys.latest(export)) != before:
                yield keys.latest(export)

    def believe(self, wanted: Wanted) -> Iterator[LedgerRow | NotTaken]:
        """Take our own manifests in the clients' buckets into the ledger: a ledger that was lost is back.

        The buckets are their owners'. Only what a key of ours signed for that client, export, period and
        revision is taken; whatever else is there is told of, and holds up nobody.
        """
        for client in self._registry.clients:
            if wanted.client_id not in (None, client.client_id):
                continue
            if client.client_id in self._registry.stopped:
                yield NotTaken(client.client_id, self._registry.stopped[client.client_id])
                continue
            troubles: list[Exception] = []
            for name, place in self._of(client).items():
                try:
                    take_up(LogBook(self._ledger, client.client_id, name), place, self._desk)
                except Exception as error:
                    troubles.append(error)
            told = set()
            for each in self._believe_manifests(client, wanted):
                told |= {each.why} if isinstance(each, NotTaken) else set()
                yield each
            troubles += publish(self._ledger, self._desk, client, self._of(client))
            for text in dict.fromkeys(sorted_out(trouble).text for trouble in troubles):
                if text not in told:
                    yield NotTaken(f"{client.client_id} log", text)

    def _believe_manifests(self, client: Client, wanted: Wanted) -> Iterator[LedgerRow | NotTaken]:
        for name in client.destinations():
            try:
                store = self._of(client)[name].store()
                found = survey(store)
                for key, what in found.oddities:
                    if key.endswith(keys.MANIFEST_NAME):
                        yield NotTaken(store.url(shown(key)), what)
                for key in found.sizes:
                    if key.endswith(f"/{keys.MANIFEST_NAME}"):
                        yield from self._look_at(client, store, key, wanted)
            except Exception as error:
                # Anything: one client's bucket must not keep the others from their deliveries.
                yield NotTaken(f"{client.client_id} {name}", sorted_out(error).text)

    def _look_at(
        self, client: Client, store: ObjectStore, key: str, wanted: Wanted
    ) -> Iterator[LedgerRow | NotTaken]:
        try:
            data = store.get(key, limit=manifest.MAX_BYTES)
            document = ours(data, key, self._desk.own_keys)
            if document.client_id != client.client_id:
                raise ValueError(f"is of the client {document.client_id}")
            export = client.export(document.export)
            if export is not None:  # else it is of an export that the client file had once
                row = self._believe(client, export, key, data, document, wanted)
                if row is not None:
                    yield row
        except StoreError as error:
            if error.code == "Connection":
                raise
            yield NotTaken(store.url(key), str(error))
        except (ValueError, FootfallError) as error:
            yield NotTaken(store.url(key), str(error))

    def _believe(
        self,
        client: Client,
        export: Export,
        key: str,
        data: bytes,
        document: manifest.ReadManifest,
        wanted: Wanted,
    ) -> LedgerRow | None:
        """The row of a manifest that is new to the ledger. Raises FootfallError where it goes wrong."""
        start = datetime.fromisoformat(document.period.start)
        if not wanted.covers(client.client_id, export.name, start):
            return None
        with self._desk.claim(client.client_id, export.name):
            known = self._ledger.revisions(client.client_id, export.name, start)
            if any(row.revision == document.revision for row in known):
                return None
            row = self._ledger.plan(
                client.client_id,
                export.name,
                start,
                document.revision,
                cadence=document.cadence,
                reason=document.reason,
                supersedes=document.supersedes,
                places=(BACKUP, *export.destinations),
                now=self._desk.now(),
            )
            row = self._ledger.adopt(
                row.identity,
                cadence=document.cadence,
                document=document,
                manifest_key=key,
                manifest=data.decode(),
                places=(BACKUP, *export.destinations),
                now=self._desk.now(),
            )
            try:
                self._sender(row).recover(row)
            except NotFound:
                # The next run delivers the period under the next number.
                self._ledger.record(row, states.SUPERSEDED, hold="", next_at=None)
                raise
            outcome = self._bring(row, is_claimed=True)
            if outcome.status == "failed":
                raise FootfallError(outcome.error)
            return self._ledger.row(row.identity)

    def _of(self, client: Client) -> Places:
        if client.client_id not in self._places:
            self._places[client.client_id] = self._places_of(client)
        return self._places[client.client_id]

    def _sender(self, row: LedgerRow) -> Sender:
        """Raises FootfallError where the client or the export is gone, or the client is another's."""
        require_owner(self._registry, row.client_id)
        client = self._registry.client(row.client_id)
        export = client.export(row.export) if client else None
        if client is None or export is None:
            raise FootfallError(f"{row.client_id} {row.export} is in no valid client file any more")
        beside = {keys.public_key(self._desk.signer.key_id): self._desk.signer.public_pem}
        return Sender(client, export, self._of(client), self._ledger, self._desk, beside)

    def _bring(self, row: LedgerRow, *, is_claimed: bool = False) -> Outcome:
        try:
            sender = self._sender(row)
            if row.state == states.PLANNED:
                return sender.outcome(row, "failed", Trouble("config", row.error or "was never rendered"))
            claim = self._desk.claim(row.client_id, row.export, waits=not row.is_delivered)
            with nullcontext(True) if is_claimed else claim as is_held:
                if not is_held:  # whoever holds it tells of it, and nobody else's rows wait for that
                    return sender.outcome(row, "unchanged")
                return self._bring_on(sender, row, self._ledger.row(row.identity))
        except Taken as taken:
            text = f"{taken.place.name} has another manifest there; the next hourly run takes it over"
            return Outcome(row.period_start, "failed", row.revision, trouble=Trouble("retry", text))
        except FootfallError as error:
            return Outcome(row.period_start, "failed", row.revision, trouble=sorted_out(error))

    def _bring_on(self, sender: Sender, was: LedgerRow, row: LedgerRow) -> Outcome:
        """The same under the claim. `was`: the row before that, which others may have brought on since."""
        unchanged = sender.outcome(row, "unchanged")
        if was.is_delivered:
            if row.state == states.NOTIFIED or row.next_at != was.next_at:
                return unchanged
            sender.notify(row)
            return sender.outcome(row, "delivered")
        if not row.is_open:
            return unchanged
        try:
            sender.recover(row)
        except NotFound:
            places = self._ledger.copies(row).values()
            if (
                not row.hold
                and row.committed_at is None
                and {states.VERIFIED, states.COMMITTED}.isdisjoint(places)
            ):
                return unchanged  # nobody can have seen it: the export's next run renders it again
            raise
        return sender.send(row)


def as_line(row: LedgerRow) -> str:
    """One row for a terminal."""
    error = f"  {row.error}" if row.error and row.hold else ""
    again = f"  next {row.next_at:%Y-%m-%dT%H:%MZ}" if row.next_at and row.hold else ""
    return (
        f"{row.client_id}  {row.export}  {row.period_start:%Y-%m-%dT%H:%MZ}  rev {row.revision}  "
        f"{row.shown}  {row.reason}  {row.rows if row.rows is not None else '-'} rows{again}{error}"
    )


def as_json(row: LedgerRow) -> str:
    """One row for a program."""
    return json.dumps(
        {
            "client_id": row.client_id,
            "export": row.export,
            "period_start": row.period_start.isoformat(),
            "revision": row.revision,
            "state": row.state,
            "hold": row.hold,
            "kind": row.kind,
            "error": row.error,
            "reason": row.reason,
            "rows": row.rows,
            "bytes": row.bytes,
            "attempts": row.attempts,
            "next_at": row.next_at.isoformat() if row.next_at else None,
            "manifest_key": row.manifest_key,
        }
    )
