"""The lake: raw objects in, events and published marts out."""

import dagster as dg

from footfall.store import ObjectStore, open_store


class Lake(dg.ConfigurableResource):
    """The object store with our keys."""

    url: str
    """`file:///folder` or `s3://bucket/prefix`."""
    s3_endpoint: str | None = None
    """Endpoint of an S3-compatible store; None for AWS."""

    def store(self) -> ObjectStore:
        """The lake as an object store."""
        return open_store(self.url, s3_endpoint=self.s3_endpoint)
