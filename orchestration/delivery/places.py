"""The buckets that one client's deliveries go to in one run, each opened when it is first needed."""

from collections.abc import Callable, Mapping

from footfall.delivered_places import BACKUP as BACKUP
from footfall.failures import sorted_out
from footfall.store import ObjectStore, StoreError


class Place:
    """One bucket. One that cannot be reached is not tried again in the same run: each try can take a
    minute, and everything else would wait for it.
    """

    def __init__(self, name: str, opening: Callable[[], ObjectStore]) -> None:
        self.name = name
        self._opening = opening
        self._store: ObjectStore | None = None
        self._unreachable: StoreError | None = None

    @property
    def is_backup(self) -> bool:
        """Whether it is ours and not the client's."""
        return self.name == BACKUP

    def store(self) -> ObjectStore:
        """The open store. Raises FootfallError where it cannot be opened."""
        if self._unreachable is not None:
            raise self._unreachable
        if self._store is None:
            self._store = self._opening()
        return self._store

    def note(self, error: Exception) -> None:
        """Remember an error that says that nobody answers."""
        if isinstance(error, StoreError) and error.code == "Connection" and sorted_out(error).is_retryable:
            self._unreachable = error


Places = dict[str, Place]


def places_of(openings: Mapping[str, Callable[[], ObjectStore]]) -> Places:
    """Places by name, none of them opened yet."""
    return {name: Place(name, opening) for name, opening in openings.items()}
