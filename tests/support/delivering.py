"""One client's warehouse, buckets and ledger, all of which a test can look into and break."""

import json
from datetime import timedelta
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.orchestration_builders import EVENTS, HOUR, TroubledStore, client, warehouse

from footfall.signatures import Signer
from footfall.verify import verify_bucket
from orchestration.delivery.deliver import Deliverer
from orchestration.delivery.desk import Desk
from orchestration.delivery.digests import Digests
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.log_writing import publish
from orchestration.delivery.places import Place
from orchestration.delivery.progress import IngestedHours
from orchestration.delivery.receipts import Receipts

NOW = HOUR + timedelta(hours=1, minutes=5)
FOLDER = "events/dt=2026-11-20/hour=14/rev={:04d}/"
MANIFEST = FOLDER + "_manifest.json"


@cache
def signer() -> Signer:
    """One key for all tests of a process."""
    return Signer(Ed25519PrivateKey.generate())


def with_receipts(connection):
    """The warehouse, with receipts as of an ingest that kept every event."""
    connection.execute(
        """
        CREATE SCHEMA ingest;
        CREATE VIEW ingest.event_index AS SELECT *, false AS is_duplicate FROM main.events;
        CREATE TABLE ingest.quarantine (client_id VARCHAR, received_at TIMESTAMPTZ, reason VARCHAR);
        CREATE VIEW ingest.receipts AS
        SELECT received_hour, client_id, site_id, NULL AS reason, count(*) AS kept, 0 AS duplicates,
            0 AS quarantined
        FROM main.events GROUP BY ALL
        """
    )
    return connection


class Setting:
    """One client's warehouse, buckets and ledger."""

    def __init__(self, folder):
        self.folder = folder
        self.connection = with_receipts(warehouse())
        self.journal = []
        self.destination = TroubledStore("destination", self.journal)
        self.backup = TroubledStore("backup", self.journal)
        self.ledger = Ledger(folder / "ledger.sqlite")
        self.now = NOW
        self.hours = [HOUR]
        self.posts = []
        self.hook_is_down = False

    def desk(self):
        return Desk(
            self.folder,
            signer(),
            {"footfall": "test"},
            now=lambda: self.now,
            spread=lambda _low, high: high,
            post=self._post,
        )

    def ingested(self):
        return IngestedHours(self.hours, HOUR - timedelta(hours=48))

    def _post(self, url, body, headers):
        if self.hook_is_down:
            raise OSError("nobody answers")
        self.posts.append((url, json.loads(body), headers))

    def places(self):
        return {
            "backup": Place("backup", lambda: self.backup),
            "main": Place("main", lambda: self.destination),
        }

    def deliverer(self, export=EVENTS, owner=None, since=None):
        return Deliverer(
            self.connection,
            owner or client(),
            export,
            self.places(),
            self.ledger,
            self.desk(),
            hours=self.ingested(),
            digests=Digests(self.connection, since),
            receipts=Receipts(self.connection),
        )

    def deliver(self, start=HOUR, export=EVENTS, *reason, **arguments):
        owner = arguments.setdefault("owner", client())
        return self.deliverer(export, **arguments).deliver(owner.calendar(export).at(start), *reason)

    def restated(self, export=EVENTS, **arguments):
        return [period.start for period in self.deliverer(export, **arguments).restated()]

    def manifest(self, revision, store=None):
        return json.loads((store or self.destination).objects[MANIFEST.format(revision)])

    def states(self):
        return [(row.revision, row.state) for row in self.ledger.all()]

    def data(self, store=None):
        """Files and manifests of a bucket, without what lies beside them."""
        return {
            key: value
            for key, value in (store or self.destination).objects.items()
            if not key.startswith("_") and not key.endswith(("_latest.json", "README.txt"))
        }

    def publish(self):
        """The logs of the buckets, as a run's end writes them."""
        publish(self.ledger, self.desk(), client(), self.places())

    def problems(self):
        """What `footfall verify` would say about both buckets, at the end of the run."""
        self.publish()
        return verify_bucket(self.destination).problems + verify_bucket(self.backup).problems
