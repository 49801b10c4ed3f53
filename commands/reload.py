"""`footfall reload`: let a running Dagster load the client files anew."""

import sys

import click

from commands.installation import prepare_models
from commands.state import with_state
from footfall.clients import registry_of
from footfall.settings import Settings


@click.command()
@with_state
def command(settings: Settings) -> int:
    """Let a running Dagster load the client files anew."""
    from orchestration.reloading import reload

    prepare_models(settings)
    for mistake in registry_of(settings).mistakes:
        print(f"set aside: {mistake}", file=sys.stderr)
    print(f"Dagster {reload(settings)}: {settings.clients}")
    return 0
