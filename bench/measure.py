"""What the benchmarks share: a row of the table, and a fair way to take turns."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table. `ratio` is ours by the reference: above 1 is more (of time, or of events/s)."""

    what: str
    ours: str
    reference: str
    ratio: float
    note: str


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def in_turns(ours: Callable[[], float], reference: Callable[[], float], rounds: int) -> tuple[float, float]:
    """Medians of two figures taken by turns, so that a busy moment of the machine hits both."""
    pairs = [(ours(), reference()) for _ in range(rounds)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)
