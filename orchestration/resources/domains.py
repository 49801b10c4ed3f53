"""The registry of domains: one SQLite file, which sensors and commands may open while a run writes."""

from datetime import timedelta
from pathlib import Path

import dagster as dg

from footfall.settings import Settings


class DomainRegistry(dg.ConfigurableResource[None]):
    """Domains, notices and billing messages."""

    path: str
    """The SQLite file (orchestration.discovery.database)."""
    grace_hours: int = 24
    """Hours between a domain's verification and its bill."""

    @classmethod
    def of(cls, settings: Settings) -> "DomainRegistry":
        """That of an installation."""
        return cls(path=str(settings.registry), grace_hours=settings.billing_grace_hours)

    def file(self) -> Path:
        """The registry's file."""
        return Path(self.path)

    @property
    def grace(self) -> timedelta:
        """The time between verification and bill."""
        return timedelta(hours=self.grace_hours)
