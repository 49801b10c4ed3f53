"""The client files, read anew at each use: a change needs no restart for what is not an asset."""

from pathlib import Path

import dagster as dg

from footfall.clients import Client, Registry, load_registry
from footfall.errors import FootfallError


class Clients(dg.ConfigurableResource):
    """The folder of client files."""

    folder: str

    def registry(self) -> Registry:
        """All valid clients and all mistakes."""
        return load_registry(Path(self.folder))

    def client(self, client_id: str) -> Client:
        """One client. Raises FootfallError where its file is gone or has become invalid."""
        found = self.registry().client(client_id)
        if found is None:
            raise FootfallError(
                f"client {client_id!r} has no valid file in {self.folder}; `footfall clients` says why"
            )
        return found
