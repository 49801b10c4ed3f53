"""Deliveries with their log, made by what makes them, without a warehouse: files are what a test says."""

import hashlib
import json
from datetime import timedelta
from functools import partial

from support.manifests import HOUR, a_manifest, signer
from support.orchestration_builders import EVENTS, SESSIONS, client

from footfall import keys
from footfall.bucket_log import RemovedKey, removal
from footfall.catalogue.periods import calendar
from footfall.event import timestamp
from footfall.manifest import DeliveredFile, Receipt
from footfall.store import LocalStore
from orchestration.delivery import states
from orchestration.delivery.desk import Desk
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.log_book import LogBook
from orchestration.delivery.log_writing import publish
from orchestration.delivery.places import Place
from orchestration.delivery.send import Sender

ONE = timedelta(hours=1)
SCHEMA = "_schema/{}/abc/"


class Logged:
    """A client's bucket and the backup below a folder, a ledger, and runs that deliver to both."""

    def __init__(
        self, folder, client_id="acme", exports=(EVENTS, SESSIONS), ledger="ledger.sqlite", main=None
    ):
        self.folder = folder
        self.client = client(client_id, url=(folder / "main").as_uri(), exports=exports)
        self.stores = {"backup": LocalStore(folder / "backup"), "main": main or LocalStore(folder / "main")}
        self.now = HOUR
        self.desk = Desk(folder / "home", signer(), now=lambda: self.now, post=lambda *_: None)
        self.ledger = Ledger(folder / "home" / ledger)

    def places(self):
        return {name: Place(name, partial(self.stores.__getitem__, name)) for name in self.stores}

    def sender(self, export):
        folder = SCHEMA.format(export.name)
        beside = {keys.public_key(signer().key_id): signer().public_pem}
        beside[f"{folder}athena.sql"] = f"CREATE TABLE {export.name} (event_id string);\n".encode()
        beside[f"{folder}schema.json"] = json.dumps({"columns": ["event_id"]}).encode()
        pages = {f"{folder}columns.md": b"<!-- This file is written by Footfall --> | event_id |\n"}
        return Sender(self.client, export, self.places(), self.ledger, self.desk, beside, pages)

    def plan(self, export, start=HOUR, revision=1, data=b"event_id\n1\n"):
        """A revision as it waits when it is rendered."""
        period = calendar("hourly").at(start)
        prefix = keys.revision_prefix(export.name, period, revision)
        sha256 = hashlib.sha256(data).hexdigest()
        key = prefix + keys.file_name(export.name, period, sha256, "csv")
        file = DeliveredFile(key, len(data), sha256, data.count(b"\n") - 1)
        receipt = Receipt(file.rows, file.rows, 0, {}, file.rows, file.rows, 0)
        row = self.ledger.plan(
            self.client.client_id,
            export.name,
            start,
            revision,
            cadence="hourly",
            reason="initial",
            supersedes=None,
            places=tuple(self.stores),
            now=self.now,
        )
        path = self.desk.outbox(row.client_id, row.export, start, revision) / key.rpartition("/")[2]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        manifest = a_manifest(
            file,
            revision,
            start,
            client_id=row.client_id,
            export=export,
            planned_at=self.now,
            receipt=receipt,
        )
        return self.ledger.record(
            row,
            states.RENDERED,
            files=(file,),
            rows=file.rows,
            bytes=file.bytes,
            manifest_key=prefix + keys.MANIFEST_NAME,
            manifest=manifest.decode(),
        )

    def deliver(self, export, start=HOUR, revision=1, data=b"event_id\n1\n"):
        """One revision in both buckets."""
        outcome = self.sender(export).send(self.plan(export, start, revision, data))
        assert outcome.status == "delivered", outcome.error

    def run(self, n=0, **more):
        """The run of the n-th hour: a delivery of each export, and the logs. Returns what went wrong."""
        start = HOUR + n * ONE
        self.now = start + ONE + timedelta(minutes=5)
        for export in self.client.exports:
            self.deliver(export, start, **more)
        return self.publish()

    def publish(self):
        return publish(self.ledger, self.desk, self.client, self.places())

    def book(self, place="main"):
        return LogBook(self.ledger, self.client.client_id, place)

    def remove(self, kind, identifier, objects, until, place="main"):
        """Write a record of removal of objects (key → bytes) into the log, as whoever removes will."""
        gone = [RemovedKey(k, hashlib.sha256(d).hexdigest(), timestamp(until)) for k, d in objects.items()]
        key, data = removal(
            kind,
            identifier,
            self.client.client_id,
            gone,
            decided_at=self.now,
            decided_by="a person",
            rows=1,
            signer=signer(),
        )
        self.book(place).note(key, data)
        assert self.publish() == []
        return key
