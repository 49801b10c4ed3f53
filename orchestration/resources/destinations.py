"""Where deliveries go: each client's own bucket, and the backup bucket for metering."""

from pathlib import Path

import dagster as dg

from footfall.clients import Client
from footfall.store import ObjectStore, open_store


class Destinations(dg.ConfigurableResource):
    """Opens the stores that deliveries are put to."""

    home: str
    """State folder; stands for ${FOOTFALL_HOME} in a client's destination URL."""
    backup_url: str
    """The backup bucket; every client has a folder of its own in it."""
    s3_endpoint: str | None = None
    """Endpoint of the backup bucket's store, where it is not AWS."""

    def of(self, client: Client) -> ObjectStore:
        """The bucket that the client owns."""
        return open_store(
            client.destination.resolved_url(Path(self.home)), s3_endpoint=client.destination.endpoint
        )

    def backup_of(self, client: Client) -> ObjectStore:
        """The client's folder in the backup bucket."""
        return open_store(f"{self.backup_url.rstrip('/')}/{client.client_id}", s3_endpoint=self.s3_endpoint)
