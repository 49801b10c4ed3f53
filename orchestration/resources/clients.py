"""The client files, read anew at each use: a change needs no restart for what is not an asset."""

from pathlib import Path
from typing import Any

import dagster as dg

from footfall.allowed import Allowed
from footfall.clients import Client, Registry, load_registry, registry_at
from footfall.errors import FootfallError
from footfall.owners import require_owner


class Clients(dg.ConfigurableResource[None]):
    """The folder of client files."""

    folder: str
    rules: dict[str, Any] | None = None
    """What the operator allows them to name (footfall.allowed), as plain values."""
    last_good: str | None = None
    """Folder of the client files as they last were in force."""
    ledger: str | None = None
    """What was delivered, whose days a file keeps."""

    def allowed(self) -> Allowed:
        """What the operator allows client files to name."""
        return Allowed.from_config(self.rules) if self.rules else Allowed.unknown()

    def registry(self) -> Registry:
        """All valid clients and all mistakes."""
        if self.last_good is None:
            return load_registry(Path(self.folder), self.allowed())
        ledger = Path(self.ledger) if self.ledger else None
        return registry_at(Path(self.folder), self.allowed(), Path(self.last_good), ledger)

    def client(self, client_id: str) -> Client:
        """One client. Raises FootfallError where its file is gone, invalid or another owner's."""
        registry = self.registry()
        require_owner(registry, client_id)
        found = registry.client(client_id)
        if found is None:
            raise FootfallError(
                f"client {client_id!r} has no valid file in {self.folder}; `footfall clients` says why"
            )
        return found
