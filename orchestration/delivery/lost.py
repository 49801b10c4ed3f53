"""What buckets have lost of deliveries: looked for, fetched from another bucket, and put back as it was."""

import hashlib

from footfall.errors import FootfallError
from footfall.failures import Trouble, sorted_out
from footfall.manifest import DeliveredFile
from footfall.store import DifferentBytes, NotFound, ObjectStore, StoreError, holds, put_once
from orchestration.delivery.desk import Desk
from orchestration.delivery.ledger import Ledger, LedgerRow
from orchestration.delivery.log_book import LogBook
from orchestration.delivery.places import Place, Places

#: What a person does about an object that is not ours under a key of ours.
MOVE_IT = (
    "look at it and move it away, then `footfall deliveries replay`; where an earlier key of this "
    "installation signed it, put that key's public half into keys/public of the state folder"
)


class Lost:
    """Deliveries of the ledger, held against the buckets that they went to, a client after the other."""

    def __init__(self, ledger: Ledger, desk: Desk) -> None:
        self._ledger = ledger
        self._desk = desk
        #: Of the client of `_sizes_of`: bucket → key → size of what lies there, and what is to be gone: key
        #: and sha256. Years of one client's keys fit into memory, and those of all may not.
        self._sizes: dict[str, tuple[dict[str, int], set[tuple[str, str]]]] = {}
        self._sizes_of = ""

    def looked_for(self, row: LedgerRow, places: Places) -> tuple[str, Trouble | None]:
        """The root of a bucket that has lost what was delivered to it, and what is wrong with another."""
        lost, trouble = "", None
        for place in self._of(row, places):
            try:
                store = place.store()
                key, data = str(row.manifest_key), str(row.manifest).encode()
                if not holds(store, key, data):
                    trouble = sorted_out(DifferentBytes(store.url(key), MOVE_IT))
                sizes, gone = self._lying(row.client_id, place)
                for file in row.files:
                    if file.key not in sizes and (file.key, file.sha256) not in gone:
                        lost = store.url("")
                    if sizes.get(file.key, file.bytes) != file.bytes:
                        trouble = sorted_out(DifferentBytes(store.url(file.key), MOVE_IT))
            except NotFound:
                lost = store.url("")
            except StoreError as error:
                place.note(error)
                trouble = trouble or sorted_out(error)
            except FootfallError:
                pass  # a bucket that its client's file does not let us look at, which deliveries say
        return lost, trouble

    def signed_away(self, row: LedgerRow, place: Place) -> list[DeliveredFile]:
        """The files of a delivery that a record lets go in one bucket."""
        gone = LogBook(self._ledger, row.client_id, place.name).gone()
        return [file for file in row.files if (file.key, file.sha256) in gone]

    def put_back(self, row: LedgerRow, places: Places) -> None:
        """Put what is missing of a delivery into its buckets, the manifest last. Raises FootfallError.

        An erasure may sign a file away meanwhile: it signs before it removes, so what is not signed away once
        it is back, is removed by the erasure.
        """
        with self._desk.claim(row.client_id, row.export):
            for place in self._of(row, places):
                store = place.store()
                for file in row.files:
                    if store.head(file.key) is not None or file in self.signed_away(row, place):
                        continue
                    put_file(store, file.key, from_a_bucket(self._ledger, places, row, file))
                    if file in self.signed_away(row, place):
                        store.delete(file.key)
                put_once(store, str(row.manifest_key), str(row.manifest).encode())

    def _of(self, row: LedgerRow, places: Places) -> list[Place]:
        """Where it went, as far as the client's file still names it."""
        return [places[name] for name in self._ledger.copies(row) if name in places]

    def _lying(self, client_id: str, place: Place) -> tuple[dict[str, int], set[tuple[str, str]]]:
        """Sizes of what lay in a client's bucket when it was first asked, and what is to be gone there."""
        if client_id != self._sizes_of:
            self._sizes, self._sizes_of = {}, client_id
        if place.name not in self._sizes:
            sizes = {info.key: info.size for info in place.store().list("")}
            self._sizes[place.name] = sizes, LogBook(self._ledger, client_id, place.name).gone()
        return self._sizes[place.name]


def from_a_bucket(ledger: Ledger, places: Places, row: LedgerRow, file: DeliveredFile) -> bytes:
    """A file of a delivery from one of the buckets that have it. Raises StoreError where none has."""
    may_heal = None
    for name in ledger.copies(row):
        try:
            data = places[name].store().get(file.key, limit=file.bytes)
        except StoreError as error:
            may_heal = error if error.retryable else may_heal
            continue
        except (FootfallError, KeyError):
            continue
        if hashlib.sha256(data).hexdigest() == file.sha256:
            return data
    raise may_heal or NotFound(f"{file.key} is in no bucket and not in the outbox: it")


def put_file(store: ObjectStore, key: str, data: bytes) -> None:
    """Put a file whose key names its content. What differs there is read twice: reading can go wrong too."""
    try:
        put_once(store, key, data)
    except DifferentBytes:
        if not holds(store, key, data):
            raise DifferentBytes(store.url(key), MOVE_IT) from None
