"""What decides the rows of an hour beside its raw objects."""

import hashlib
import json
from functools import cache

from footfall.catalogue.ingested import COLUMN_TYPES
from footfall.event import LINE_VERSION
from orchestration.ingest.enrichment.tables import enrichment_version


@cache
def ingest_version() -> str:
    """The newest stored line that is understood, the rules of enrichment, and the tables' columns.

    With another version an hour that is ingested again may have other rows.
    """
    columns = hashlib.sha256(json.dumps(COLUMN_TYPES).encode()).hexdigest()[:8]
    return f"line{LINE_VERSION}-{enrichment_version()}-tables{columns}"
