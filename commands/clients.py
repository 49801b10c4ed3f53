"""`footfall clients`: the client files, and whether what they name can be delivered to."""

import json
from datetime import UTC, date, datetime

import click

from commands import installation
from commands.parameters import CLIENT, DAY
from commands.registry import known_client
from commands.state import with_settings
from footfall.allowed import Allowed
from footfall.clients import Client, registry_of
from footfall.probe import probe
from footfall.settings import Settings
from footfall.signatures import load_signer


@click.group(invoke_without_command=True)
@click.option("--schema", is_flag=True, help="Print the JSON schema of a client file.")
@click.pass_context
def command(context: click.Context, schema: bool) -> int:
    """Check the client files: those that are valid, and every mistake of the others."""
    return 0 if context.invoked_subcommand else _clients(schema)


@with_settings
def _clients(settings: Settings, schema: bool) -> int:
    if schema:
        print(json.dumps(Client.model_json_schema(), indent=2))
        return 0
    registry = registry_of(settings)
    for client in registry.clients:
        sites = ", ".join(site.site_id for site in client.sites)
        exports = ", ".join(f"{export.name} ({export.cadence})" for export in client.exports)
        print(f"{client.client_id}: {client.name}, {client.timezone}; sites: {sites}; exports: {exports}")
    for mistake in registry.mistakes:
        print(f"SET ASIDE  {mistake}")
    return 1 if registry.mistakes else 0


@command.command()
@click.argument("client_id", metavar="CLIENT", type=CLIENT)
@with_settings
def test(settings: Settings, client_id: str) -> int:
    """Prove a client's destinations, step by step."""
    client = known_client(settings, client_id)
    installation.prepare(settings)
    signer = load_signer(settings.home / "keys")
    allowed, taken = Allowed.of(settings), registry_of(settings).places_of_others(client.client_id)
    failed = False
    for name, destination in client.destinations().items():
        print(f"{client.client_id} {name}: {destination.url}")
        token = signer.derived(f"challenge:{destination.url}")
        for step in probe(destination, allowed, token, taken=taken):
            word = "ok   " if step.is_good else ("FAIL " if step.is_needed else "no   ")
            print(f"  {word} {step.name}: {step.said}")
            if step.missing:
                print(f"        missing: {step.missing}")
            failed = failed or (step.is_needed and not step.is_good)
    print("deliveries would arrive" if not failed else "deliveries would fail")
    return 1 if failed else 0


@command.command()
@click.argument("client_id", metavar="CLIENT", type=CLIENT)
@click.option("--from", "day", type=DAY, metavar="DAY", required=True, help="The first day in the new zone.")
@with_settings
def rezone(settings: Settings, client_id: str, day: str) -> int:
    """Take another time zone that a client's file names, though days were delivered in the one before.

    DAY, written 2026-11-20, begins where the day before ended: it is long or short, and every event is in one
    daily file. Days before it stay as they are.
    """
    from commands.zone_change import rezone as take

    for line in take(settings, client_id, date.fromisoformat(day), datetime.now(UTC)):
        print(line)
    return 0
