"""Where deliveries go: each client's own buckets, and the backup bucket for metering."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from footfall.allowed import Allowed
from footfall.clients import Client, Destination
from footfall.destinations import open_destination, require_folder, require_ownership
from footfall.locations import Location
from footfall.store import ObjectStore, open_store

Opening = Callable[[], ObjectStore]


class Destinations(dg.ConfigurableResource[None]):
    """Opens the stores that deliveries are put to."""

    home: str
    """State folder; stands for ${FOOTFALL_HOME} in a client's destination URL."""
    rules: dict[str, Any] | None = None
    """What the operator allows client files to name (footfall.allowed), as plain values."""
    backup_url: str
    """The backup bucket; every client has a folder of its own in it."""
    s3_endpoint: str | None = None
    """Endpoint of the backup bucket's store, where it is not AWS."""

    def backup(self) -> ObjectStore:
        """The whole backup bucket, with every client in it."""
        return open_store(self.backup_url, s3_endpoint=self.s3_endpoint)

    def backup_of(self, client_id: str) -> dict[str, Opening]:
        """What opens a client's folder in the backup, by its name."""
        folder = f"{self.backup_url.rstrip('/')}/{client_id}"
        return {"backup": lambda: open_store(folder, s3_endpoint=self.s3_endpoint)}

    def openings(
        self,
        client: Client,
        token: Callable[[str], str],
        is_new: Callable[[str], bool] = lambda _root: False,
        *,
        taken: Sequence[Location] = (),
    ) -> dict[str, Opening]:
        """Name → what opens it, of the client's folder in the backup (`backup`) and its own buckets.

        `token`: URL → what its owner must put into the client file where that is asked for. `is_new`: whether
        nothing was ever delivered to a bucket; then a folder of the state folder is made. No other bucket is.
        `taken`: the places of other clients.
        """
        allowed = (
            Allowed.from_config(self.rules)
            if self.rules
            else Allowed(Path(self.home), backup=self.backup_url, s3_endpoint=self.s3_endpoint)
        )

        def opened(destination: Destination) -> Opening:
            def opening() -> ObjectStore:
                store = open_destination(destination, allowed, taken=taken)
                require_folder(destination, Path(self.home), may_make=is_new(store.url("")))
                require_ownership(destination, store, token(destination.url))
                return store

            return opening

        return {
            **self.backup_of(client.client_id),
            **{name: opened(destination) for name, destination in client.destinations().items()},
        }
