"""When a delivery that failed is tried again: full jitter, at most 72 hours, then a look once a day."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from footfall.failures import Trouble
from orchestration.delivery.ledger import LONGEST_WAIT
from orchestration.delivery.states import BLOCKED, PARKED, WAITING

#: The first wait is up to this, and each further one up to twice the one before; shorter asks a store that
#: is down more often.
FIRST = timedelta(seconds=5)
LONGEST = timedelta(minutes=30)
#: How long it is tried; the rendered files are kept as long as it takes.
GIVE_UP = timedelta(hours=72)
#: How often a parked delivery looks whether its bucket is back.
PROBE = LONGEST_WAIT
#: How often one that waits for a person looks whether the person was there.
LOOK = timedelta(hours=1)


@dataclass(frozen=True)
class Hold:
    """What holds a copy up, and when it is tried next."""

    hold: str
    next_at: datetime


def hold(
    trouble: Trouble,
    attempts: int,
    failing_since: datetime,
    now: datetime,
    spread: Callable[[float, float], float] = random.uniform,
) -> Hold:
    """What follows from a failure. `attempts`: how many there were, this one included; at least 1."""
    if now - failing_since >= GIVE_UP:
        return Hold(PARKED, now + PROBE)
    if not trouble.is_retryable:
        return Hold(BLOCKED, now + LOOK)
    longest = min(LONGEST, FIRST * 2 ** min(attempts - 1, 20))
    wait = timedelta(seconds=spread(0, longest.total_seconds()))
    if trouble.retry_after is not None:
        wait = max(wait, min(timedelta(seconds=trouble.retry_after), PROBE))
    return Hold(WAITING, now + wait)
