"""`footfall webhooks`: billing messages."""

import json
import sys
from datetime import UTC, datetime

import click

from commands.state import with_installation
from footfall.errors import FootfallError
from footfall.settings import Settings
from orchestration.discovery.database import registry, transaction
from orchestration.discovery.posting import Endpoint, post_due
from orchestration.webhooks import outbox


@click.group()
def command() -> None:
    """Billing messages: what was told of domains, and what is still to be."""


@command.command("list")
@click.option("--after", type=click.IntRange(min=0), default=0, metavar="SEQUENCE", help="Later ones only.")
@with_installation
def list_(settings: Settings, after: int) -> int:
    """Every message, as JSON lines: the truth for a receiver that missed some."""
    with registry(settings.registry) as database:
        for message in outbox.listing(database, after):
            shown = {
                "sequence": message.sequence,
                "id": message.id,
                "state": message.state,
                "attempts": message.attempts,
                "said": message.said,
                "message": json.loads(message.body),
            }
            print(json.dumps(shown))
        why = outbox.disabled(database)
    if why:
        print(f"the endpoint is disabled: {why}; `footfall webhooks replay` uses it again", file=sys.stderr)
    return 0


@command.command()
@click.argument("message_id", metavar="[ID]", required=False)
@with_installation
def replay(settings: Settings, message_id: str | None) -> int:
    """Send a message again, or all that did not arrive; uses a disabled endpoint again."""
    with registry(settings.registry) as database, transaction(database):
        count = outbox.replay(database, datetime.now(UTC), message_id)
    if message_id and not count:
        raise FootfallError(f"there is no message {message_id}; `footfall webhooks list` shows them")
    print(f"{count} messages will be sent again")
    return 0


@command.command()
@with_installation
def send(settings: Settings) -> int:
    """Send what is due, without waiting for the sensor."""
    if not settings.billing_webhook or not settings.billing_secrets:
        raise FootfallError("set FOOTFALL_BILLING_WEBHOOK and FOOTFALL_BILLING_SECRET first")
    endpoint = Endpoint(settings.billing_webhook, settings.billing_secrets, settings.webhook_private)
    with registry(settings.registry) as database:
        posted = post_due(database, endpoint, lambda: datetime.now(UTC))
    print(f"{posted.delivered} delivered, {posted.failed} failed")
    for said in posted.said:
        print(said, file=sys.stderr)
    return 1 if posted.failed else 0
