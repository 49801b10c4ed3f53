"""Where Footfall's own durable state lies."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from footfall.errors import FootfallError
from footfall.hours import read_first_hour
from footfall.signatures import Signer, load_signer

if TYPE_CHECKING:
    from footfall.geo import GeoFile


class State(dg.ConfigurableResource[None]):
    """Files below the state folder that several parts share."""

    home: str
    """The state folder: outbox of deliveries, signing key."""
    ledger_path: str
    """The SQLite file of deliveries."""
    dbt_folder: str
    """Where each dbt invocation leaves its logs and artefacts, one folder a run."""

    geoip: str | None = None
    """A table of places in place of the one that is installed."""

    def geo(self) -> "GeoFile":
        """Where addresses are, as far as a table says."""
        from footfall.geo import GeoFile  # for those alone who read logs

        return GeoFile.of(Path(self.geoip) if self.geoip else None, self.folder())

    def places(self) -> str:
        """What table says where addresses are, or that none does, in a line."""
        from footfall.geo_tables import in_force

        try:
            return in_force(Path(self.geoip) if self.geoip else None, self.folder(), datetime.now(UTC))
        except FootfallError as error:
            return str(error)

    def listings(self) -> Path:
        """The SQLite file of what lay in each hour when it was ingested."""
        return Path(self.home) / "listings.sqlite"

    def probes(self) -> Path:
        """The file of what the last probe of each destination said."""
        return self.folder() / "probes.json"

    def ledger(self) -> Path:
        """The ledger's file."""
        return Path(self.ledger_path)

    def folder(self) -> Path:
        """The state folder."""
        return Path(self.home)

    def first_hour(self) -> datetime:
        """The first hour of the installation, as it is now: an import of older data lowers it."""
        return read_first_hour(self.folder() / "first_hour", datetime.now(UTC))

    def signer(self) -> Signer:
        """Who signs manifests. Raises FootfallError where the key cannot be used."""
        return load_signer(Path(self.home) / "keys")

    def dbt_target(self, run_id: str) -> Path:
        """The folder of one run's dbt artefacts."""
        return Path(self.dbt_folder) / run_id
