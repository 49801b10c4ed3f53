"""One round of alerting: conditions → tellings → sent → written down, for every route by itself."""

import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from footfall.errors import FootfallError
from orchestration.alerting.alert import Alert
from orchestration.alerting.book import (
    note_failure,
    note_history,
    note_success,
    silences,
    told_to,
    write,
)
from orchestration.alerting.causes import fold
from orchestration.alerting.channel import NotTold, tell
from orchestration.alerting.life import Telling, What, after, openings, tellings
from orchestration.alerting.message import title
from orchestration.alerting.routes import Route

#: Seconds after which a round begins no further message; the next round goes on. A sensor's tick must end
#: within a minute, one message takes ten seconds at most.
BUDGET_SECONDS = 30.0

#: How the history calls a message.
WORDS: Mapping[What, str] = {
    "firing": "told",
    "reminder": "told again",
    "resolved": "all-clear told",
}

Tell = Callable[[str, Telling, str], None]


@dataclass(frozen=True)
class Round:
    """What a round did."""

    sent: int
    failures: tuple[str, ...]


def go_round(
    connection: sqlite3.Connection,
    routes: Sequence[Route],
    holding: Iterable[Alert],
    environ: Mapping[str, str],
    runbook: str,
    now: datetime,
    *,
    kinds: frozenset[str],
    send: Tell = tell,
    budget_seconds: float = BUDGET_SECONDS,
) -> Round:
    """Tell each route what it has not been told yet, of the `kinds` that the caller looked at and tells.

    Of other kinds `holding` may have alerts that are the cause of these.

    A route that fails keeps its state: it is told at a later round. What was sent is written down at once, so
    that a crash repeats one message at most; what is to be opened is written down before, so that whoever
    heard of it hears of its end.
    """
    begun = time.monotonic()
    alerts = list(holding)
    known = silences(connection)
    sent = 0
    failures: list[str] = []
    for route in routes:
        told = {key: t for key, t in told_to(connection, route.name).items() if t.alert.kind in kinds}
        # By route: one that is not told of the cause is told of what follows from it.
        folded = fold(alert for alert in alerts if route.takes(alert))
        held = [alert for alert in folded.alerts if alert.kind in kinds]
        messages, noted = tellings(held, told, now, folded.inside.keys(), known)
        noted |= openings(messages, told, now)
        write(connection, route.name, noted)
        told = {**told, **noted}
        for message in messages:
            if time.monotonic() - begun > budget_seconds:
                return Round(sent, (*failures, "out of time; the next round goes on"))
            try:
                send(route.address(environ), message, runbook)
            except (NotTold, FootfallError) as error:
                note_failure(connection, route.name, str(error), now)
                failures.append(f"{route.name}: {error}")
                break
            write(connection, route.name, after(message, told, now))
            keys = [alert.key for alert in message.alerts]
            note_history(connection, keys, f"{WORDS[message.what]} {route.name}", title(message), now)
            note_success(connection, route.name)
            sent += 1
    return Round(sent, tuple(failures))
