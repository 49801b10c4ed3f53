"""`footfall privacy`: erase a person, see what became of it, give out what is held; what is kept how long."""

import getpass
import json
import os
import sys
from pathlib import Path

import click

from commands import privacy_requests, privacy_retention, raw_key
from commands.apart import ask_apart, run_apart
from commands.parameters import client, who
from commands.state import with_installation, with_state
from footfall.errors import FootfallError
from footfall.settings import Settings


@click.group()
def command() -> None:
    """Persons: erase them, prove it, and give out what is held of them."""


@command.command()
@client(required=True, text="Whose person it is.")
@click.option("--visitor", "visitors", multiple=True, metavar="ID", help="A visitor id, or a browser's own.")
@click.option("--user", "users", multiple=True, metavar="ID", help="An id by which the client knows him.")
@click.option("--session", "sessions", multiple=True, metavar="ID", help="One session, and no more.")
@click.option("--event", "events", multiple=True, metavar="ID", help="One event, and no more.")
@click.option(
    "--from",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="More of them, a line each: `visitor ID`, `user ID`, `session ID` or `event ID`.",
)
@click.option("--only", is_flag=True, help="These ids alone, and none that they are linked to.")
@click.option("--opt-out", is_flag=True, help="Keep nothing of what they do later, either.")
@click.option("--reason", default="", metavar="TEXT", help="Why; it stands in the audit log.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@who("Who asked for it; the user of this machine unless told.")
@with_installation
def erase(
    settings: Settings,
    client_id: str,
    visitors: tuple[str, ...],
    users: tuple[str, ...],
    sessions: tuple[str, ...],
    events: tuple[str, ...],
    file: Path | None,
    *,
    only: bool,
    opt_out: bool,
    reason: str,
    dry_run: bool,
    yes: bool,
    by: str | None,
) -> int:
    """Erase persons from every layer, deliveries included, with a certificate. Shows it first, and asks.

    May be stopped, or die, and gone on with: `footfall privacy resume`.
    """
    from commands import privacy_work as work

    named = {"visitor": visitors, "user": users, "session": sessions, "event": events}
    asked = work.asked_of(named, file)
    # Apart, for the erasure is a copy of this process, which must have asked no store by then.
    plan = ask_apart(dict(os.environ), lambda: work.plan(settings, client_id, asked, is_linked=not only))
    for line in plan.lines:
        print(line)
    if dry_run:
        if plan.held:
            print(f"HELD  {plan.held}")
        return 1 if plan.held else 0
    if (
        not plan.held
        and not yes
        and not click.confirm("erase all of it? It does not come back", default=False)
    ):
        print("nothing was done")
        return 1
    name = work.begin(settings, plan, reason=reason, by=by or getpass.getuser(), is_for_good=opt_out)
    print(f"erasure {name}: due by {work.due(settings, name)}; if it is stopped: footfall privacy resume")
    return run_apart(dict(os.environ), lambda: work.apart(settings, name))


@command.command()
@click.argument("name", required=False, metavar="[ERASURE]")
@with_installation
def resume(settings: Settings, name: str | None) -> int:
    """Go on with erasures that are not finished: all of them, or one."""
    from commands import privacy_work as work

    return run_apart(dict(os.environ), lambda: work.apart(settings, name))


@command.command()
@click.option("--json", "is_json", is_flag=True, help="One JSON object a line.")
@with_state
def erasures(settings: Settings, is_json: bool) -> int:
    """Every erasure: how far it came, what is outstanding, until when it is due."""
    from commands import privacy_work as work

    found = work.listing(settings)
    for each in found:
        print(json.dumps(each) if is_json else work.as_line(each))
    if not found and not is_json:
        print("nobody was erased yet")
    return 0


@command.command()
@client(required=True, text="Whose person it is.")
@click.option("--visitor", "visitors", multiple=True, metavar="ID", help="A visitor id, or a browser's own.")
@click.option("--user", "users", multiple=True, metavar="ID", help="An id by which the client knows him.")
@click.option("--only", is_flag=True, help="These ids alone, and none that they are linked to.")
@click.option(
    "--to",
    "path",
    required=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="A new file that ends in .zip, or a new folder.",
)
@who("Who asked for it; the user of this machine unless told.")
@with_installation
def export(
    settings: Settings,
    client_id: str,
    visitors: tuple[str, ...],
    users: tuple[str, ...],
    path: Path,
    *,
    only: bool,
    by: str | None,
) -> int:
    """All that is held of a person, as JSON and CSV, with what each field means and who received it."""
    from commands import privacy_work as work

    asked = work.asked_of({"visitor": visitors, "user": users}, None)
    said = work.export(settings, client_id, asked, path, is_linked=not only, by=by or getpass.getuser())
    print(said)
    return 0


@command.command()
@client(text="Of this client only.")
@with_state
def tombstones(settings: Settings, client_id: str | None) -> int:
    """How many ids are kept from coming back, by client and kind of id."""
    from commands import privacy_work as work

    for line in work.count_stones(settings, client_id):
        print(line)
    return 0


@command.command()
@click.argument("name", metavar="ERASURE|FILE")
@click.option("--verify", "is_verified", is_flag=True, help="Check its signature, and say what it says.")
@click.option("--looked-for", "ids", multiple=True, metavar="ID", help="Was this id looked for?")
@click.option(
    "--key", type=click.Path(path_type=Path), metavar="PEM", help="Public key that must have signed it."
)
@with_state
def certificate(
    settings: Settings, name: str, is_verified: bool, ids: tuple[str, ...], key: Path | None
) -> int:
    """The signed certificate of an erasure, as JSON; or whether one is right."""
    from commands import privacy_work as work

    data = work.certificate_of(settings, name)
    if not is_verified and not ids:
        sys.stdout.write(data.decode())
        return 0
    try:
        lines, is_good = work.verified(settings, data, ids, key)
    except ValueError as error:
        raise FootfallError(f"the certificate {name}: {error}") from None
    for line in lines:
        print(line)
    return 0 if is_good else 1


for _each in (*privacy_requests.COMMANDS, *privacy_retention.COMMANDS, raw_key.command):
    command.add_command(_each)
