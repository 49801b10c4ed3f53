"""`footfall keys`: API keys of a client. What is stored of one is its hash, in the client file."""

import json
import sys

import click
from pydantic import ValidationError

from commands.parameters import CLIENT
from commands.registry import known_client
from commands.state import with_settings
from footfall.access.api_keys import key_hash, new_key
from footfall.clients import Client
from footfall.errors import FootfallError
from footfall.identities import written_id
from footfall.settings import Settings


@click.group()
def command() -> None:
    """API keys of a client: make one, or hash one that exists."""


@command.command()
@click.argument("client_id", metavar="CLIENT", type=CLIENT)
@click.option(
    "--permission",
    "permissions",
    required=True,
    multiple=True,
    type=click.Choice(["read", "write", "admin"]),
    help="What it may do; may be given again.",
)
@click.option("--label", default="key-1", metavar="NAME", help="Its name in logs and answers.")
@click.option(
    "--site", metavar="ID", help="The site that its events belong to (default: the client's only one)."
)
@with_settings
def new(
    settings: Settings, client_id: str, permissions: tuple[str, ...], label: str, site: str | None
) -> int:
    """Make a key, show it once, and print what belongs into the client file."""
    client = known_client(settings, client_id)
    in_file = written_id(client.client_id)
    key = new_key()
    written = {
        "name": label,
        "sha256": key_hash(key),
        "permissions": list(permissions),
        **({"site_id": site} if site else {}),
    }
    try:  # the client as it would be with the key, so that a mistake shows before the key is handed out
        document = client.model_dump(mode="json", exclude_unset=True)
        keys = [*document.get("api_keys", []), written]
        Client.model_validate({**document, "client_id": in_file, "api_keys": keys})
    except ValidationError as error:
        raise FootfallError(error.errors(include_input=False)[0]["msg"]) from None
    print(f"the key, shown only now:  {key}\n")
    print(f"add to api_keys in {settings.clients / f'{in_file}.yaml'}:")
    print(f"  - {json.dumps(written)}")
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
