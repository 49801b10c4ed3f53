"""`footfall privacy key`: keys of clients over their raw lines, made, listed and destroyed."""

import getpass
from datetime import UTC, datetime

import click

from commands.noting import noted
from commands.parameters import CLIENT, client, who
from commands.registry import known_identity, require_clients
from commands.state import with_installation, with_state
from footfall.durable import open_lake
from footfall.errors import FootfallError
from footfall.raw_key_copies import found_beside, put_beside
from footfall.raw_keys import Held, KeyRing, is_key_id
from footfall.retention import holds
from footfall.settings import Settings
from footfall.signatures import own_keys
from footfall.snapshots import remembered, require_there


@click.group("key")
def command() -> None:
    """Keys of clients over their raw lines: who destroys one destroys what was sealed with it."""


@command.command()
@client(required=True, text="Whose raw lines it is for.")
@who()
@with_installation
def new(settings: Settings, client_id: str, by: str | None) -> int:
    """Make a key, and print the line of the client file. The keys before it go on to open what is theirs."""
    name = known_identity(settings, client_id)
    if require_clients(settings).client(name) is None:
        raise FootfallError(f"{name} has ended: nothing of it is stored any more")
    noted(settings, "privacy.raw_key", name, "a new one", by)
    key = KeyRing(settings.home).make(name)
    away = []
    for url in remembered(settings.home):
        try:
            require_there(settings.home, url, settings.s3_endpoint)
            put_beside(settings.home, url, settings.s3_endpoint)
        except (FootfallError, OSError) as error:
            away.append(f"it is not beside the backup {url} ({error}): run `footfall backup {url}`")
    print(
        f"made {key.id} in {KeyRing(settings.home).folder / name}; what is sealed with it is lost without it"
    )
    for line in (
        away or [] if remembered(settings.home) else ["it is in no backup: run `footfall backup URL`"]
    ):
        print(line)
    print(
        "from now on what is imported for it is sealed; what is collected, with this line in the client file:"
    )
    print(f"raw_key: {key.text}")
    return 0


@command.command("list")
@client()
@with_state
def list_command(settings: Settings, client_id: str | None) -> int:
    """Every key, and which were destroyed."""
    ring = KeyRing(settings.home)
    for each in ring.held():
        if client_id is not None and each.client_id != client_id:
            continue
        public = ring.public(each.id)
        said = public.text if public else _gone(each)
        print(f"{each.client_id}  {each.id}  {said}")
    return 0


def _gone(held: Held) -> str:
    gone = held.gone or {}
    return f"destroyed {gone.get('at', '')} by {gone.get('by', '')}: {gone.get('why', '')}"


@command.command()
@click.argument("client_id", metavar="CLIENT", type=CLIENT)
@click.option(
    "--key", "key_id", metavar="ID", help="This key alone; of a client that has not ended, a lost one."
)
@click.option("--reason", default="", metavar="TEXT", help="Why; it stands in the audit log.")
@click.option("--even-so", is_flag=True, help="A lost one: although a backup, where it may lie, is away.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@who()
@with_installation
def shred(
    settings: Settings,
    client_id: str,
    key_id: str | None,
    reason: str,
    *,
    even_so: bool,
    yes: bool,
    by: str | None,
) -> int:
    """Destroy the keys of a client that has ended, here and beside every backup: at once, and for good.

    A client that goes on keeps its keys, but for one that is lost: its hours go on without these lines. A
    lost one is looked for beside every backup first, and put back from there.
    Exit code 1 where a copy is left; run it again.
    """
    from orchestration.retention.raw_key_shredding import shred_key

    lake = open_lake(settings.lake, settings.s3_endpoint, settings.home)
    registry = require_clients(settings)
    name = known_identity(settings, client_id)
    found = [each for each in KeyRing(settings.home).held() if each.client_id == name]
    goes_on = registry.client(name) is not None
    if key_id is not None:
        found = [each for each in found if each.id == key_id] or [_lost(settings, name, key_id)]
    if goes_on and (key_id is None or any(each.path.exists() and each.gone is None for each in found)):
        raise FootfallError(
            f"{name} has not ended: its keys open what is stored of it; end it first (`footfall clients end "
            f"{name}`), or name a key that is lost with --key"
        )
    held = [each for each in holds.read(lake, own_keys(settings.home / "keys")) if each.is_active]
    for hold in held:
        if hold.client_id == name:
            raise FootfallError(f"{name} is held ({hold.id}, {hold.reason}): nothing of it may be destroyed")
    if not found:
        print(f"{name} has no key over its raw lines")
        return 0
    if goes_on and key_id is not None and found[0].gone is None:
        where, away = found_beside(settings.home, settings.s3_endpoint, name, key_id)
        if where:
            print(f"put back from {where}: it was not lost, and nothing was destroyed")
            return 0
        if away and not even_so:
            raise FootfallError(
                f"{away[0]}; the key may lie there: mount it, or say --even-so where no copy is left"
            )
    if not yes and not click.confirm(
        f"destroy {len(found)} keys of {name}? Nobody can undo it", default=False
    ):
        return 1
    left = []
    for each in found:
        noted(settings, "privacy.raw_key_shred", name, f"{each.id}: {reason}", by)
        now = datetime.now(UTC)
        left += shred_key(settings, lake, each, by=by or getpass.getuser(), why=reason, at=now)
        print(f"destroyed {each.id} of {name}")
    if not goes_on:
        KeyRing(settings.home).forget_current(name)
    for line in left:
        print(f"LEFT  {line}")
    return 1 if left else 0


def _lost(settings: Settings, name: str, key_id: str) -> Held:
    if not is_key_id(key_id):
        raise FootfallError(f"{key_id!r} is no key: it has 16 hex digits")
    others = {each.client_id for each in KeyRing(settings.home).held() if each.id == key_id} - {name}
    if others:
        raise FootfallError(f"{key_id} is a key of {', '.join(sorted(others))}, and not of {name}")
    return Held(name, key_id, KeyRing(settings.home).folder / name / f"{key_id}.pem", None)
