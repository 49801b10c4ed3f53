"""What counts of a request once its lines are durable."""

from collections.abc import Sequence
from typing import NamedTuple

from collector.targets import Target
from footfall.event import Refused


class Taken(NamedTuple):
    """Events taken, refusals, the lines and whose they are."""

    events: int
    refusals: Sequence[Refused]
    target: Target | None
    payload: bytes
    #: From the request: its route, when it came (monotonic seconds), and its Origin header.
    route: str
    started: float
    origin: bytes
