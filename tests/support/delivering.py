"""One client's warehouse, buckets and ledger, all of which a test can look into and break."""

import json
from datetime import timedelta

from support.orchestration_builders import EVENTS, HOUR, TroubledStore, client, warehouse

from footfall.manifest import verify_bucket
from orchestration.delivery.deliver import Buckets, Deliverer
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.progress import IngestedHours

NOW = HOUR + timedelta(hours=1, minutes=5)
FILE = "events/dt=2026-11-20/hour=14/rev={:04d}/events-20261120T14Z.csv"
MANIFEST = "events/dt=2026-11-20/hour=14/rev={:04d}/_manifest.json"


class Setting:
    """One client's warehouse, buckets and ledger."""

    def __init__(self, folder):
        self.connection = warehouse()
        self.journal = []
        self.destination = TroubledStore("destination", self.journal)
        self.backup = TroubledStore("backup", self.journal)
        self.ledger = Ledger(folder / "ledger.sqlite")
        self.now = NOW
        self.hours = [HOUR]

    def deliverer(self, export=EVENTS, owner=None):
        return Deliverer(
            self.connection,
            owner or client(),
            export,
            Buckets(self.destination, self.backup),
            self.ledger,
            hours=IngestedHours(self.hours, HOUR - timedelta(hours=48)),
            now=lambda: self.now,
        )

    def deliver(self, start=HOUR):
        return self.deliverer().deliver(start)

    def restated(self):
        return self.deliverer().restated()

    def manifest(self, revision, store=None):
        return json.loads((store or self.destination).objects[MANIFEST.format(revision)])

    def states(self):
        return [(row.revision, row.state) for row in self.ledger.all()]

    def problems(self):
        """What `footfall verify` would say about both buckets."""
        return verify_bucket(self.destination).problems + verify_bucket(self.backup).problems
