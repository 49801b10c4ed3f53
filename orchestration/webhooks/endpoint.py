"""One attempt to send one message: signed by Standard Webhooks, to a checked and pinned address.

https://www.standardwebhooks.com: headers webhook-id, webhook-timestamp, webhook-signature; only 2xx is
success; redirects are failures; 410 means "never again".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from standardwebhooks.webhooks import Webhook

from footfall.exchange import Unanswered, exchange
from footfall.guard import Forbidden, Resolve, Unresolved, checked

#: Seconds until a receiver must have answered. Standard Webhooks advises 15 to 30.
TIMEOUT_SECONDS = 20.0


class Outcome(Enum):
    """What an attempt came to."""

    DELIVERED = "delivered"
    RETRY = "retry"
    GONE = "gone"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True)
class Attempt:
    """The outcome, what to tell a person, and for how many seconds the receiver asked to be left alone."""

    outcome: Outcome
    said: str
    retry_after: int = 0


def headers(message_id: str, body: str, secrets: Sequence[str], now: datetime) -> dict[str, str]:
    """The headers of one attempt. Each secret signs, so that a receiver can change to the next one first."""
    moment = now.astimezone(UTC)
    signatures = " ".join(Webhook(secret).sign(message_id, moment, body) for secret in secrets)
    return {
        "content-type": "application/json",
        "user-agent": "footfall",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": signatures,
    }


def send(
    url: str,
    message_id: str,
    body: str,
    secrets: Sequence[str],
    now: datetime,
    *,
    allow_private: bool = False,
    resolve: Resolve | None = None,
) -> Attempt:
    """Post `body` once. Never raises: every failure is an Attempt. Nothing of the answer's body is kept."""
    try:
        target = checked(url, allow_private=allow_private, resolve=resolve)
    except Forbidden as error:
        return Attempt(Outcome.FORBIDDEN, str(error))
    except Unresolved as error:
        return Attempt(Outcome.RETRY, str(error))
    try:
        fields = headers(message_id, body, secrets, now)
        status, wait, _ = exchange(target, "POST", body.encode(), fields, TIMEOUT_SECONDS)
    except Unanswered as error:
        return Attempt(Outcome.RETRY, str(error))
    if 200 <= status < 300:
        return Attempt(Outcome.DELIVERED, f"{target.host} answered {status}")
    if status == 410:
        return Attempt(Outcome.GONE, f"{target.host} answered 410: it wants no more messages")
    return Attempt(Outcome.RETRY, f"{target.host} answered {status}", wait)
