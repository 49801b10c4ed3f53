"""Who holds an API key: a client, one site of it, or the operator, who may ask for all clients."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from footfall.clients import Client
from footfall.collecting import ApiKey


@dataclass(frozen=True)
class Holder:
    """A key and whose it is. `client_id`: None of the operator's."""

    key: ApiKey
    client_id: str | None

    @property
    def is_operator(self) -> bool:
        """Whether it may ask for every client."""
        return self.client_id is None


class Holders:
    """All keys that are valid, by their hash: the time a look takes says nothing of a key."""

    def __init__(self, clients: Iterable[Client], operator: Iterable[ApiKey]) -> None:
        self._holders = {key.sha256: Holder(key, each.client_id) for each in clients for key in each.api_keys}
        self._holders |= {key.sha256: Holder(key, None) for key in operator}

    def find(self, sha256: str, now: datetime) -> Holder | None:
        """The holder of a key; None where nobody has it, or its time is over."""
        found = self._holders.get(sha256)
        return found if found is not None and found.key.is_valid(now) else None
