"""`footfall replay quarantine`: what was quarantined, again, under the rules of today."""

from datetime import UTC, datetime

import click

from commands.parameters import hours, require_range
from commands.state import with_installation
from footfall.clients import registry_of
from footfall.durable import open_lake
from footfall.hours import HOUR, between, run_command
from footfall.settings import Settings


@click.group()
def command() -> None:
    """Quarantined lines again, under the rules of today."""


@command.command()
@hours(required=True)
@click.option("--reason", help="Of one reason only, such as malformed_json.")
@with_installation
def quarantine(settings: Settings, start: datetime, end: datetime, reason: str | None) -> int:
    """Make events of what was refused in these hours of receipt and would be taken today."""
    from orchestration.ingest.replay import replay_quarantine

    require_range(start, end)
    lake = open_lake(settings.lake, settings.s3_endpoint, settings.home)
    done = replay_quarantine(lake, registry_of(settings), between(start, end), reason)
    for hour in done:
        print(
            f"{hour.hour:%Y-%m-%dT%H}: {hour.rows} quarantined, {hour.events} events made of them, "
            f"{hour.refused} still refused"
        )
    changed = [hour.hour for hour in done if hour.key]
    if not changed:
        print("nothing has become an event")
        return 0
    print(f"next: {run_command(min(changed), max(changed) + HOUR, datetime.now(UTC))}")
    print("or wait for the sensor of late objects")
    return 0
