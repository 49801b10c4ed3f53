"""The lake: raw objects in, events and published marts out."""

from functools import cache
from pathlib import Path

import dagster as dg

from footfall.durable import take_up_lake
from footfall.hour_files import HourFiles
from footfall.settings import Settings
from footfall.store import ObjectStore

#: Once a process for each lake: its version does not change while a program uses it.
_known = cache(take_up_lake)


class Lake(dg.ConfigurableResource[None]):
    """The object store with our keys."""

    url: str
    """`file:///folder`, `s3://bucket/prefix`, `gs://…` or `az://…`."""
    s3_endpoint: str | None = None
    """Endpoint of an S3-compatible store; None for AWS."""
    cache: str = ""
    """Where copies of its hours lie, unless it is a folder."""
    cache_bytes: int = 0
    """How many bytes of copies of the lake are kept beside what a run reads."""
    home: str = ""
    """The state folder, whose keys open raw objects that are sealed."""

    @classmethod
    def of(cls, settings: Settings) -> "Lake":
        """That of an installation."""
        return cls(
            url=settings.lake,
            s3_endpoint=settings.s3_endpoint,
            cache=str(settings.cache),
            cache_bytes=settings.cache_mb * 1_000_000,
            home=str(settings.home),
        )

    def store(self) -> ObjectStore:
        """The lake as an object store."""
        return _known(self.url, self.s3_endpoint, Path(self.home) if self.home else None)

    def files(self) -> HourFiles:
        """Its Parquet of hours as local files."""
        return HourFiles(self.store(), Path(self.cache), self.cache_bytes)
