"""Looking at every part of the system, so that a part that cannot be looked at hides no other."""

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from orchestration.alerting.alert import KINDS, Alert


@dataclass(frozen=True)
class Source:
    """A part of the system: what it is called, the kinds of alert it can have, and how it is looked at."""

    name: str
    kinds: frozenset[str]
    look: Callable[[], Iterable[Alert]]


@dataclass(frozen=True)
class Seen:
    """What holds, and the kinds of which that can be said: the others are neither opened nor resolved."""

    holding: tuple[Alert, ...]
    kinds: frozenset[str]


def look_at(sources: Iterable[Source]) -> Seen:
    """Ask every source. One that raises is an alert of its own; what was told of its kinds stays as it is."""
    holding: list[Alert] = []
    kinds: set[str] = {"watch_failing"}
    for source in sources:
        assert source.kinds <= KINDS.keys(), source.name
        try:
            holding += source.look()
            kinds |= source.kinds
        except Exception as error:  # whatever it is: a mistake in one look must not silence all the others
            facts = {"error": f"{type(error).__name__}: {error}", "at": _place(error)}
            holding.append(
                Alert("watch_failing", "", source.name, f"{source.name} cannot be looked at", facts)
            )
    return Seen(tuple(holding), frozenset(kinds))


def _place(error: Exception) -> str:
    """File and line in which it was raised."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.filename}:{last.lineno}"
