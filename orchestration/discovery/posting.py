"""Send what is due from the outbox: a bounded piece of work, called again and again."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from footfall.guard import Resolve
from orchestration.discovery.database import transaction
from orchestration.webhooks import outbox
from orchestration.webhooks.endpoint import Outcome, send

#: Seconds after which a call starts no further message. A sensor tick must end within a minute; one attempt
#: takes 20 seconds at most.
BUDGET_SECONDS = 25.0


@dataclass(frozen=True)
class Endpoint:
    """Where billing messages go. Several secrets: the receiver is changing from one to the next."""

    url: str
    secrets: Sequence[str]
    allow_private: bool = False


@dataclass(frozen=True)
class Posted:
    """What a call came to."""

    delivered: int
    failed: int
    said: tuple[str, ...]


def post_due(
    connection: sqlite3.Connection,
    endpoint: Endpoint,
    now: Callable[[], datetime],
    *,
    budget_seconds: float = BUDGET_SECONDS,
    resolve: Resolve | None = None,
) -> Posted:
    """Try every message that is due, until the budget is spent. A crash leaves one due: it is sent again."""
    begun = time.monotonic()
    delivered = failed = 0
    said = []
    for message in outbox.due(connection, now()):
        if time.monotonic() - begun > budget_seconds:
            break
        attempt = send(
            endpoint.url,
            message.id,
            message.body,
            endpoint.secrets,
            now(),
            allow_private=endpoint.allow_private,
            resolve=resolve,
        )
        with transaction(connection):
            outbox.record(connection, message, attempt, now())
        if attempt.outcome is Outcome.DELIVERED:
            delivered += 1
            continue
        failed += 1
        said.append(f"{message.id}: {attempt.said}")
        if attempt.outcome is not Outcome.RETRY:
            break  # the endpoint is disabled
    return Posted(delivered, failed, tuple(said))
