"""What lies in hours of the lake, looked at with few requests: S3 asks money for each."""

from datetime import UTC, date, datetime

from footfall.keys import raw_day_prefix, raw_prefix
from footfall.store import LocalStore, ObjectInfo, ObjectStore
from orchestration.ingest.hour import listing_digest

#: Objects of a day up to which it is listed at once: as many requests as listing each of its hours takes.
#: A day of more is listed by hours, so that a look that ran out of time goes on where it ended.
DAY_OBJECTS = 24_000


class Looks:
    """Digests of hours, for one look over many of them."""

    def __init__(self, store: ObjectStore, day_objects: int = DAY_OBJECTS) -> None:
        self._store = store
        self._most = 0 if isinstance(store, LocalStore) else day_objects
        #: Day → its objects in order; None where they are too many.
        self._days: dict[date, list[ObjectInfo] | None] = {}

    def digest(self, hour: datetime) -> str:
        """As `listing_digest` of the hour's objects. Raises StoreError."""
        prefix, day = raw_prefix(hour), hour.astimezone(UTC).date()
        if day not in self._days:
            self._days[day] = self._listed(hour)
        of_day = self._days[day]
        if of_day is None:
            return listing_digest(list(self._store.list(prefix)))
        return listing_digest([info for info in of_day if info.key.startswith(prefix)])

    def _listed(self, hour: datetime) -> list[ObjectInfo] | None:
        found: list[ObjectInfo] = []
        if self._most:
            for info in self._store.list(raw_day_prefix(hour)):
                found.append(info)
                if len(found) > self._most:
                    return None
        return found if self._most else None
