"""`footfall clients`: the client files, and whether what they name can be delivered to."""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

import click

from commands import installation
from commands.parameters import CLIENT, DAY
from commands.registry import known_client
from commands.state import with_installation, with_settings
from footfall.allowed import Allowed
from footfall.catalogue.formats import CSV, OF_TABLES
from footfall.clients import Client, registry_of
from footfall.hours import HOUR, floor
from footfall.owners import require_owner
from footfall.probe import Step, probe, probe_source
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
    for client_id, history in registry.histories.items():
        for each in history.identities:
            if each.ended_at:
                how = "handed over" if each.is_handed_over else "ended     "
                print(f"{how} {each.name}: on {each.ended_at:%Y-%m-%d %H:%M} UTC; {each.last}")
        if history.current and not (settings.clients / f"{client_id}.yaml").exists():
            print(f"no file    {history.name}: the id is its own until `footfall clients end {client_id}`")
    for mistake in registry.mistakes:
        print(f"SET ASIDE  {mistake}")
    for client_id, why in registry.stopped.items():
        print(f"STOPPED    {client_id}: {why}")
    return 1 if registry.mistakes or registry.stopped else 0


@command.command()
@click.option("--id", "client_id", metavar="ID", help="The client's id.")
@click.option("--name", help="What people call it.")
@click.option("--timezone", metavar="ZONE", help="Where its days begin, such as Europe/Paris.")
@click.option(
    "--domain", "domains", multiple=True, metavar="HOST", help="A host of its site; as often as needed."
)
@click.option("--bucket", metavar="URL", help="Where its files go.")
@click.option(
    "--export",
    "exports",
    multiple=True,
    metavar="DATASET[:CADENCE]",
    help="What is delivered; as often as needed.",
)
@click.option("--format", "form", type=click.Choice([*OF_TABLES]), default=CSV.name, show_default=True)
@with_settings
def new(
    settings: Settings,
    client_id: str | None,
    name: str | None,
    timezone: str | None,
    domains: tuple[str, ...],
    bucket: str | None,
    exports: tuple[str, ...],
    form: str,
) -> int:
    """Write the file of a new client; what no option says is asked for."""
    from commands.new_client import Answers
    from commands.new_client import new as write

    return write(settings, Answers(client_id, name, timezone, domains, bucket, exports, form))


@command.command()
@click.argument("client_id", metavar="ID", type=CLIENT)
@with_installation
def moved(settings: Settings, client_id: str) -> int:
    """The owner is the same: deliver to the new file's buckets."""
    from commands import owners

    return owners.moved(settings, client_id)


@command.command()
@click.argument("client_id", metavar="ID", type=CLIENT)
@click.option("--give-up", "gives_up", is_flag=True, help="Also what has not arrived; it is never sent.")
@with_installation
def end(settings: Settings, client_id: str, gives_up: bool) -> int:
    """The owner's time is over: nothing more is delivered, and the id is free for another."""
    from commands import owners

    return owners.end(settings, client_id, gives_up=gives_up)


@command.command()
@click.argument("client_id", metavar="ID", type=CLIENT)
@click.argument("url")
@with_installation
def handoff(settings: Settings, client_id: str, url: str) -> int:
    """Write a bundle by which another installation goes on with a client, and end it here.

    URL is a new folder, file:///folder, s3://bucket/prefix, gs:// or az://. Said again into another one, it
    writes what came here since.
    """
    from commands.handoff import handoff as give

    return give(settings, client_id, url)


# Not with_state: taking up would write into the folder, which must be empty.
@command.command()
@click.argument("client_id", metavar="ID")
@click.argument("url")
@click.option(
    "--key", type=click.Path(path_type=Path), metavar="PEM", help="Public key that must have signed it."
)
@with_settings
def take(settings: Settings, client_id: str, url: str, key: Path | None) -> int:
    """Go on with a client from a bundle of `handoff`, in an installation of its own.

    URL is what `footfall clients handoff` was given. The state folder, the lake and the folder of client
    files must be new; a later bundle is added to what is there.
    """
    from commands.take_over import take as begin

    return begin(settings, client_id, url, key=key)


@command.command()
@click.argument("client_id", metavar="CLIENT", type=CLIENT)
@with_settings
def test(settings: Settings, client_id: str) -> int:
    """Prove a client's destinations and sources, step by step."""
    client = known_client(settings, client_id)
    registry = registry_of(settings)
    require_owner(registry, client.client_id)
    installation.prepare(settings)
    signer = load_signer(settings.home / "keys")
    allowed, taken = Allowed.of(settings), registry.places_of_others(client.client_id)
    failed = False
    for name, destination in client.destinations().items():
        print(f"{client.client_id} {name}: {destination.url}")
        token = signer.challenge(destination.url)
        failed = _fails(probe(destination, allowed, token, taken=taken)) or failed
    print("deliveries would arrive" if not failed else "deliveries would fail")
    unread = False
    hour = floor(datetime.now(UTC)) - HOUR
    for source in client.sources:
        print(f"{client.client_id} source {source.name}: {source.url}")
        steps = probe_source(source, allowed, hour, s3_endpoint=settings.s3_endpoint, taken=taken)
        unread = _fails(steps) or unread
    if client.sources:
        print("logs would not be read" if unread else "logs would be read")
    return 1 if failed or unread else 0


def _fails(steps: Iterable[Step]) -> bool:
    """Say each step; whether one failed that is needed."""
    failed = False
    for step in steps:
        word = "ok   " if step.is_good else ("FAIL " if step.is_needed else "no   ")
        print(f"  {word} {step.name}: {step.said}")
        if step.missing:
            print(f"        missing: {step.missing}")
        failed = failed or (step.is_needed and not step.is_good)
    return failed


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
