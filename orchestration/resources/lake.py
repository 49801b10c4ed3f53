"""The lake: raw objects in, events and published marts out."""

from functools import cache

import dagster as dg

from footfall.durable import take_up_lake
from footfall.store import ObjectStore

#: Once a process for each lake: its version does not change while a program uses it.
_known = cache(take_up_lake)


class Lake(dg.ConfigurableResource[None]):
    """The object store with our keys."""

    url: str
    """`file:///folder` or `s3://bucket/prefix`."""
    s3_endpoint: str | None = None
    """Endpoint of an S3-compatible store; None for AWS."""

    def store(self) -> ObjectStore:
        """The lake as an object store."""
        return _known(self.url, self.s3_endpoint)
