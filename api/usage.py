"""Usage by UTC day, as the nightly count wrote it into the lake."""

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

from footfall.keys import usage_object
from footfall.store import NotFound, ObjectStore

#: Days read at a time: a year of them in turn takes a store seconds.
_AT_A_TIME = 16


def usage_of(
    lake: ObjectStore, client_id: str, first: date, last: date
) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of a client from `first` to `last`, and the days that are not counted yet. Raises StoreError."""
    days = [(first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]

    def rows(day: str) -> list[dict[str, Any]] | None:
        try:
            text = lake.get(usage_object(day)).decode()
        except NotFound:
            return None
        return [
            {**row, "rows": int(row["rows"]), "bytes": int(row["bytes"])}
            for row in csv.DictReader(io.StringIO(text))
            if row["client_id"] == client_id
        ]

    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        by_day = dict(zip(days, pool.map(rows, days), strict=True))
    found = [row for of_day in by_day.values() for row in of_day or ()]
    return found, [day for day, of_day in by_day.items() if of_day is None]
