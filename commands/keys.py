"""`footfall keys`: API keys of a client, of one of its sites, or of the operator. Kept is the hash."""

import getpass
import json
import sys
from datetime import UTC, datetime, timedelta
from typing import get_args

import click

from commands import key_changes
from commands.key_changes import Keys
from commands.parameters import CLIENT, client, who
from commands.state import with_settings, with_state
from footfall.access.api_keys import key_hash
from footfall.collecting import Permission
from footfall.errors import FootfallError
from footfall.settings import Settings

_operator = click.option(
    "--operator", is_flag=True, help="A key of the operator: for all clients, at the API."
)

_whose_and_name = click.argument("words", metavar="[CLIENT] NAME", type=CLIENT, nargs=-1, required=True)


@click.group()
def command() -> None:
    """API keys of clients and of the operator: make, list, rotate, revoke; or hash one that exists."""


@command.command()
@click.argument("client_id", metavar="[CLIENT]", type=CLIENT, required=False)
@click.option(
    "--permission",
    "permissions",
    required=True,
    multiple=True,
    type=click.Choice(get_args(Permission)),
    help="What it may do; may be given again.",
)
@click.option("--label", default="key-1", metavar="NAME", help="Its name in logs and answers.")
@click.option(
    "--site", metavar="ID", help="The one site that it is for (needed to write where there are several)."
)
@click.option("--write", "is_written", is_flag=True, help="Put it into the client file too.")
@_operator
@who()
@with_state
def new(
    settings: Settings,
    client_id: str | None,
    permissions: tuple[str, ...],
    label: str,
    site: str | None,
    is_written: bool,
    operator: bool,
    by: str | None,
) -> int:
    """Make a key, shown once; what belongs into the client file is printed, or with --write put there."""
    keys = Keys.of(settings, _whose(client_id, operator), by or getpass.getuser())
    document = {"name": label, "permissions": list(permissions), **({"site_id": site} if site else {})}
    text, key = keys.new(document, datetime.now(UTC), is_written=is_written or operator)
    print(f"the key, shown only now:  {text}\n")
    if operator:
        print(f"in force at the API, for all clients: {key.name}")
    elif is_written:
        print(f"written to {keys.path}: keep it in git too")
    else:
        print(f"add to api_keys in {keys.path}:")
        print(f"  - {json.dumps(key_changes.written(key))}")
    return 0


@command.command("list")
@client()
@with_state
def list_(settings: Settings, client_id: str | None) -> int:
    """Every key: whose, what it may do, when it was last used."""
    lines = list(key_changes.lines(settings, client_id))
    print("\n".join(lines) or "no key yet: `footfall keys new` makes one")
    return 0


@command.command()
@_whose_and_name
@_operator
@who()
@with_state
def revoke(settings: Settings, words: tuple[str, ...], operator: bool, by: str | None) -> int:
    """Take a key away: out of the client file, or of the operator's."""
    client_id, name = _named(words, operator)
    keys = Keys.of(settings, client_id, by or getpass.getuser())
    keys.revoke(name, datetime.now(UTC))
    print(f"{name} is no key any more")
    if not operator:
        print(f"taken out of {keys.path}: out of git too")
    return 0


@command.command()
@_whose_and_name
@click.option(
    "--overlap-hours",
    type=click.IntRange(0, 24 * 90),
    default=24,
    show_default=True,
    help="Hours for which the key before is still valid, as NAME-old.",
)
@_operator
@who()
@with_state
def rotate(
    settings: Settings, words: tuple[str, ...], overlap_hours: int, operator: bool, by: str | None
) -> int:
    """Make a new key in the place of one, with the same name and permissions."""
    client_id, name = _named(words, operator)
    keys = Keys.of(settings, client_id, by or getpass.getuser())
    text, _ = keys.rotate(name, timedelta(hours=overlap_hours), datetime.now(UTC))
    print(f"the key, shown only now:  {text}\n")
    print(
        f"the one before is valid for {overlap_hours} hours more"
        if overlap_hours
        else "the one before is over"
    )
    if not operator:
        print(f"written to {keys.path}: keep it in git too")
    return 0


@command.command("hash")
@with_settings
def hash_(_settings: Settings) -> int:
    """Hash an existing key, read from stdin."""
    key = sys.stdin.readline().strip()
    if not key:
        raise FootfallError("give the key on stdin, so that it stays out of the shell's history")
    print(key_hash(key))
    return 0


def _named(words: tuple[str, ...], operator: bool) -> tuple[str | None, str]:
    if len(words) != (1 if operator else 2):
        raise FootfallError("say whose key it is and its name: CLIENT NAME, or --operator NAME")
    return (None, words[0]) if operator else (words[0], words[1])


def _whose(client_id: str | None, operator: bool) -> str | None:
    if operator == bool(client_id):
        raise FootfallError("say whose key it is: CLIENT, or --operator")
    return client_id
