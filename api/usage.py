"""Usage by UTC day, as the nightly count wrote it into the lake."""

import csv
import io
from datetime import date, timedelta
from typing import Any

from footfall.keys import usage_object
from footfall.store import NotFound, ObjectStore


def usage_of(
    lake: ObjectStore, client_id: str, first: date, last: date
) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of a client from `first` to `last`, and the days that are not counted yet. Raises StoreError."""
    found, missing = [], []
    for number in range((last - first).days + 1):
        day = (first + timedelta(days=number)).isoformat()
        try:
            text = lake.get(usage_object(day)).decode()
        except NotFound:
            missing.append(day)
            continue
        for row in csv.DictReader(io.StringIO(text)):
            if row["client_id"] == client_id:
                found.append({**row, "rows": int(row["rows"]), "bytes": int(row["bytes"])})
    return found, missing
