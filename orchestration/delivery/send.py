"""A rendered delivery into its buckets: put, read back, manifest, pointer. Every step may be repeated.

Needs no warehouse: what was rendered waits in the outbox, so that a bucket which is down for a day holds up
nothing and is caught up with by itself. The backup comes first and does not depend on the client's bucket,
nor one bucket of the client on another.
"""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from footfall import keys
from footfall.bucket_log import origin
from footfall.clients import Client, Export
from footfall.errors import FootfallError
from footfall.failures import ConfigError, Kind, Trouble, sorted_out
from footfall.fields import CHANNEL
from footfall.manifest import DeliveredFile, ReadManifest
from footfall.report.letter import Letter
from footfall.store import (
    DifferentBytes,
    NotFound,
    ObjectStore,
    StoreError,
    TooLarge,
    put_once,
)
from footfall.swapping import swap_unless
from orchestration.delivery import states
from orchestration.delivery.desk import Desk
from orchestration.delivery.ledger import Ledger, LedgerRow
from orchestration.delivery.log_book import LogBook
from orchestration.delivery.log_writing import require_own_log
from orchestration.delivery.lost import from_a_bucket, put_file
from orchestration.delivery.manifest_there import manifest_there
from orchestration.delivery.pages import MARK, readme
from orchestration.delivery.places import BACKUP, Place, Places
from orchestration.delivery.pointer import point
from orchestration.delivery.retrying import hold

#: Bytes that are read of a page; a table of some thousand columns.
_PAGE_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Outcome:
    """What became of one period: `delivered`, `unchanged` (nothing to send) or `failed` with its trouble."""

    period_start: datetime
    status: str
    revision: int = 0
    reason: str = ""
    rows: int = 0
    bytes: int = 0
    files: tuple[DeliveredFile, ...] = ()
    manifest_url: str = ""
    trouble: Trouble | None = None
    next_at: datetime | None = None

    @property
    def error(self) -> str:
        """The failure's text; empty without one."""
        return self.trouble.text if self.trouble else ""


class Taken(Exception):
    """Another manifest of ours lies where this one belongs: the ledger does not know it, or was lost."""

    def __init__(self, place: Place, data: bytes, document: ReadManifest) -> None:
        super().__init__(place.name)
        self.place = place
        self.data = data
        self.document = document


@dataclass(frozen=True)
class Sender:
    """Brings deliveries of one export to its buckets."""

    client: Client
    export: Export
    places: Places
    ledger: Ledger
    desk: Desk
    #: Objects that never change and belong beside the data: key → bytes, of DDL and the public key.
    beside: Mapping[str, bytes] = field(default_factory=dict)
    #: Pages for people beside them, replaced where their text has changed.
    pages: Mapping[str, bytes] = field(default_factory=dict)
    #: Places where all of it is known to lie.
    _complete: set[str] = field(default_factory=set)

    def send(self, row: LedgerRow) -> Outcome:
        """Bring a rendered delivery on, as far as it goes. Raises Taken, and no StoreError."""
        errors: dict[str, Exception] = {}
        copies = self.ledger.copies(row)
        for name in sorted(copies, key=lambda place: place != BACKUP):
            place = self.places.get(name)
            try:
                if place is None:
                    raise ConfigError(f"the client file has no destination {name!r} any more")
                self._bring(row, place, copies[name])
            except Taken:
                raise
            except Exception as error:
                # Anything: trouble with one bucket must not keep the others from their copies.
                errors[name] = error
                if place is not None:
                    place.note(error)
        if errors:
            return self.failed(row, list(errors.values()))
        return self.arrived([row])[0]

    def arrived(self, rows: Sequence[LedgerRow]) -> list[Outcome]:
        """Note deliveries that are in all their buckets, and tell whom the export names."""
        now = self.desk.now()
        facts: dict[str, Any] = {
            "hold": "",
            "kind": None,
            "error": None,
            "next_at": None,
            "not_before": None,
            "failing_since": None,
            "attempts": rows[0].attempts + 1,
            "committed_at": now,
        }
        # Whom to tell is an intent too: a process that dies here leaves it to the next one.
        intent = facts | {"hold": states.WAITING, "kind": "retry", "next_at": now}
        outcomes = []
        for is_told, said in ((False, facts), (True, intent)):
            some = [row for row in rows if self._is_told(row) is is_told]
            if some:
                self.ledger.record_all(some, states.COMMITTED, **said)
            for row in (replace(row, state=states.COMMITTED, **said) for row in some):
                shutil.rmtree(self._outbox(row), ignore_errors=True)
                outcomes.append(self.outcome(row, "delivered"))
                try:
                    self.notify(row)
                except Exception:
                    pass  # it has arrived all the same, and the intent stays
        return sorted(outcomes, key=lambda outcome: outcome.period_start)

    def _is_told(self, row: LedgerRow) -> bool:
        """Whether anybody waits for a delivery to be told of."""
        if not self.export.notify:
            return False
        return not self.client.is_history(self.client.calendar(self.export).at(row.period_start))

    def notify(self, row: LedgerRow) -> None:
        """Tell whom the export names. What nobody answers is told again later, with the same id.

        Under the claim of the export: of two who tell the same, the second finds it told.
        """
        if not (row.hold or self._is_told(row)):
            return
        row = self.ledger.row(row.identity)
        if row.state == states.NOTIFIED:
            return
        if not self._is_told(row):  # since the client file says otherwise
            self.ledger.record(row, row.state, hold="", kind=None, error=None, next_at=None)
            return
        facts = {
            "type": "delivery.committed",
            "client_id": row.client_id,
            "export": row.export,
            "period_start": row.period_start.isoformat(),
            "revision": row.revision,
            "reason": row.reason,
            "rows": row.rows,
            "manifest": row.manifest_key,
        }
        message_id = hashlib.sha256(repr(row.identity).encode()).hexdigest()[:32]
        try:
            for whom in self.export.notify:
                if whom.startswith(CHANNEL):
                    self._mail(row, whom.removeprefix(CHANNEL))
                else:
                    self.desk.announce(whom, message_id, facts)
        except (OSError, ValueError, FootfallError) as error:
            # What must not be asked waits for a person, who mends the client file or lists the host.
            kind: Kind = "config" if isinstance(error, FootfallError) else "retry"
            trouble = Trouble(kind, f"nobody could be notified: {error}")
            self.ledger.record(row, row.state, **self._held(row, trouble))
        else:
            self.ledger.record(row, states.NOTIFIED, hold="", kind=None, error=None, next_at=None)

    def _mail(self, row: LedgerRow, route: str) -> None:
        """The pages of a report, as they lie in the buckets, by a route of alerts."""
        for file in row.files:
            letter = Letter(Path(file.key).name, from_a_bucket(self.ledger, self.places, row, file))
            self.desk.mail(route, row.client_id, letter)

    def failed(self, row: LedgerRow, errors: list[Exception]) -> Outcome:
        """Note a failure and when it is tried again. What needs a person counts more than what heals."""
        found = sorted((sorted_out(error) for error in errors), key=lambda t: t.is_retryable)
        waits = [t.retry_after for t in found if t.retry_after is not None]
        text = "; ".join(dict.fromkeys(t.text for t in found))
        trouble = Trouble(found[0].kind, text, max(waits, default=None))
        held = self._held(row, trouble)
        row = self.ledger.record(row, row.state, **held)
        return self.outcome(row, "failed", trouble)

    def _held(self, row: LedgerRow, trouble: Trouble) -> dict[str, Any]:
        now = self.desk.now()
        since = row.failing_since or now
        held = hold(trouble, row.attempts + 1, since, now, self.desk.spread)
        return {
            "hold": held.hold,
            "kind": trouble.kind,
            "error": trouble.text,
            "attempts": row.attempts + 1,
            "failing_since": since,
            "next_at": held.next_at,
            "not_before": held.next_at if trouble.retry_after is not None else None,
        }

    def outcome(self, row: LedgerRow, status: str, trouble: Trouble | None = None) -> Outcome:
        """A row as what became of it."""
        url = ""
        if row.manifest_key and not trouble and self.export.destinations[0] in self.places:
            try:
                url = self.places[self.export.destinations[0]].store().url(row.manifest_key)
            except FootfallError:
                url = row.manifest_key
        return Outcome(
            period_start=row.period_start,
            status=status,
            revision=row.revision,
            reason=row.reason,
            rows=row.rows or 0,
            bytes=row.bytes or 0,
            files=row.files,
            manifest_url=url,
            trouble=trouble,
            next_at=row.next_at,
        )

    def recover(self, row: LedgerRow) -> None:
        """Make sure that every file of a delivery waits in the outbox, fetching it from a bucket if it must.

        Raises StoreError where no bucket has it.
        """
        folder = self._outbox(row)
        for file in row.files:
            path = folder / Path(file.key).name
            if path.is_file() and path.stat().st_size == file.bytes:
                continue
            folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(from_a_bucket(self.ledger, self.places, row, file))

    def is_whole(self, row: LedgerRow) -> bool:
        """Whether the outbox holds a delivery's files, or a bucket in which they were verified."""
        if {states.VERIFIED, states.COMMITTED}.isdisjoint(self.ledger.copies(row).values()):
            folder = self._outbox(row)
            return all(
                (path := folder / Path(file.key).name).is_file() and path.stat().st_size == file.bytes
                for file in row.files
            )
        try:
            self.recover(row)
        except StoreError:
            return False
        return True

    def _outbox(self, row: LedgerRow) -> Path:
        return self.desk.outbox(row.client_id, row.export, row.period_start, row.revision)

    def content(self, row: LedgerRow, file: DeliveredFile) -> bytes:
        """The bytes of a file that waits in the outbox. Raises StoreError where no bucket has them either."""
        path = self._outbox(row) / Path(file.key).name
        data = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(data).hexdigest() != file.sha256:
            path.unlink(missing_ok=True)
            self.recover(row)
            data = path.read_bytes()
        return data

    def _bring(self, row: LedgerRow, place: Place, state: str) -> None:
        """One copy from where it is to its end."""
        if state == states.COMMITTED:
            return
        store = place.store()
        assert row.manifest is not None and row.manifest_key is not None, "it was rendered"
        if state == states.RENDERED:
            for file in row.files:
                put_file(store, file.key, self.content(row, file))
            self.ledger.record_copy(row, place.name, state, states.PUT)
            state = states.PUT
        if state == states.PUT:
            self.read_back(row, place, store)
            self.put_beside(place, store)
            self.ledger.record_copy(row, place.name, state, states.VERIFIED)
            state = states.VERIFIED
        data = row.manifest.encode()
        try:
            put_once(store, row.manifest_key, data)
        except DifferentBytes:
            there, document = manifest_there(store, row, self.desk.own_keys)
            raise Taken(place, there, document) from None
        if not place.is_backup:
            point(store, row, data, self.desk.own_keys)
        self.ledger.record_copy(row, place.name, state, states.COMMITTED)

    def read_back(self, row: LedgerRow, place: Place, store: ObjectStore) -> None:
        """Raise StoreError unless the files of a delivery that were put are what lies there."""
        for file in row.files:
            try:
                is_same = hashlib.sha256(store.get(file.key, limit=file.bytes)).hexdigest() == file.sha256
            except TooLarge:
                is_same = False
            except NotFound:
                self.ledger.record_copy(row, place.name, states.PUT, states.RENDERED)
                raise StoreError(
                    f"{store.url(file.key)} is gone after it was put", retryable=True, code="Changed"
                ) from None
            if not is_same:
                raise StoreError(
                    f"{store.url(file.key)} reads back differently", retryable=True, code="BadDigest"
                )

    def put_beside(self, place: Place, store: ObjectStore) -> None:
        """Schemas, the public key and pages for people, once for each bucket."""
        if place.name in self._complete:
            return
        name = origin(self.client.client_id, place.name)
        own = f"{store.url('')}#log-of-{name}"
        if not self.ledger.was_written(own):
            require_own_log(store, self.desk.own_keys, name)
            self.ledger.note_written(own)
        for key, data in self.beside.items():
            if place.is_backup and not key.startswith("_keys/"):
                continue
            mark = f"{store.url(key)}#leaf"
            if not self.ledger.was_written(mark):
                self._put_schema(place, store, key, data)
                self.ledger.note_written(mark)
        if not place.is_backup:
            page = readme(self.client, place.name, self.desk.signer.key_id)
            for key, data in {keys.README: page, **self.pages}.items():
                self._put_page(place, store, key, data)
        self._complete.add(place.name)

    def _put_schema(self, place: Place, store: ObjectStore, key: str, data: bytes) -> None:
        """Put what never changes, and note it in the bucket's log.

        Where other bytes lie, the log says whether an earlier version of ours put them; what they say is
        right all the same then, and they stay. What no log knows, anybody may have put.
        """
        book = LogBook(self.ledger, self.client.client_id, place.name)
        try:
            put_once(store, key, data)
        except DifferentBytes:
            if book.newest(key) is not None:
                return
            try:
                store.put(key, data)
            except StoreError as error:
                if error.retryable:
                    raise
                return  # a store that replaces nothing: the data does not wait for it
        book.note(key, data)

    def _put_page(self, place: Place, store: ObjectStore, key: str, data: bytes) -> None:
        """Write a page unless its text is there. One that somebody else wrote under the name stays."""
        url = f"{store.url(key)}#"
        text = f"{url}leaf-{hashlib.sha256(data).hexdigest()[:16]}"
        if self.ledger.was_written(text):
            return
        try:
            is_there = swap_unless(
                store, key, data, limit=_PAGE_BYTES, stays=lambda there: MARK.encode() not in there
            )
            if is_there:
                LogBook(self.ledger, self.client.client_id, place.name).note(key, data)
        except StoreError as error:
            if error.retryable:
                raise
            # Too large to be ours, or a store that replaces nothing: the data does not wait for a page.
        self.ledger.forget_written(url)
        self.ledger.note_written(text)
