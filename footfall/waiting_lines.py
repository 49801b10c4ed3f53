"""Sealed lines of an hour that are not ingested, because their key is missing."""

import json
from collections.abc import Sequence
from typing import NamedTuple


class Waiting(NamedTuple):
    """Sealed lines of an hour whose key is missing. `object`: one that has some of them."""

    client_id: str
    key_id: str
    lines: int
    object: str

    @property
    def text(self) -> str:
        """What is the matter, and what to do."""
        return (
            f"{self.lines} lines of {self.client_id} wait for the key {self.key_id}, and its deliveries of "
            f"this hour with them: put it back into keys/raw/{self.client_id} from `raw-keys/` beside your "
            "backup; where it is lost for good: `footfall privacy key shred "
            f"{self.client_id} --key {self.key_id}`"
        )


def waiting_in(text: str | None) -> tuple[Waiting, ...]:
    """What waits in an hour, from its text in the warehouse."""
    return tuple(Waiting(*each) for each in json.loads(text)) if text else ()


def waiting_text(waiting: Sequence[Waiting]) -> str | None:
    """The same the other way; None for nothing."""
    return json.dumps([list(each) for each in waiting]) if waiting else None
