"""Waiting for what comes later: the one place where tests look at the clock.

What another process or thread does after an answer, a signal or a file may take its time on a busy machine.
A test that passes waits no longer than it must; so the end is generous, and never what is asserted.
"""

import time
from collections.abc import Callable
from typing import TypeVar

#: Seconds after which something is said never to come.
PATIENCE = 180.0

T = TypeVar("T")


def wait_until(
    holds: Callable[[], T],
    never: str | Callable[[], object] = "it never came to be",
    *,
    seconds: float = PATIENCE,
    every: float = 0.05,
) -> T:
    """What `holds` gives, once that is something. Fails with what `never` says; `holds` may fail earlier."""
    give_up = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < give_up, never() if callable(never) else never
        time.sleep(every)
    return found


def wait_until_it_works(
    act: Callable[[], T],
    refused: type[Exception] | tuple[type[Exception], ...],
    *,
    seconds: float = PATIENCE,
    every: float = 0.05,
) -> T:
    """What `act` gives, once it raises none of these errors any more. The last one is raised in the end."""
    give_up = time.monotonic() + seconds
    while True:
        try:
            return act()
        except refused:
            if time.monotonic() >= give_up:
                raise
        time.sleep(every)
