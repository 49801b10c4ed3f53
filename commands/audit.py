"""`footfall audit`: what people and programs did and looked at; its export, and whether it was changed."""

import json
import sys
from pathlib import Path

import click

from commands.parameters import DAY, client
from commands.state import with_state
from footfall.access import audit
from footfall.durable import open_lake
from footfall.errors import FootfallError
from footfall.settings import Settings
from footfall.signatures import load_signer, own_keys
from footfall.store import StoreError


@click.group()
def command() -> None:
    """Acts on data of people, and on the installation: list, export, verify."""


@command.command("list")
@client()
@click.option("--since", type=DAY, metavar="DAY", help="Of this day (UTC) and later.")
@click.option("--act", metavar="NAME", help="Only acts that begin so, such as privacy or visitors.")
@with_state
def list_(settings: Settings, client_id: str | None, since: str | None, act: str | None) -> int:
    """Every act, the oldest first."""
    for line in audit.lines(settings.audit, client_id):
        if (since and line["at"] < since) or (act and not line["act"].startswith(act)):
            continue
        print(
            f"{line['at']}  {line['who']:20} {line['door']:8} {line['act']:22} {line['client'] or '-':16} "
            f"{json.dumps(line['subject'], ensure_ascii=False)}  {line['outcome']}"
        )
    return 0


@command.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@with_state
def export(settings: Settings, file: Path) -> int:
    """Copy the log with its head and the public keys into FILE, a line each: others can verify it so."""
    if file.exists():
        raise FootfallError(f"{file} is there already; name another file")
    _require_sound(settings)
    head = settings.audit.with_name(audit.HEAD)
    keys = {name: pem.decode() for name, pem in _trusted(settings).items()}
    with file.open("x", encoding="utf-8") as out:
        out.write(json.dumps({"record": "audit-keys", "keys": keys}) + "\n")
        if head.exists():
            out.write(head.read_text(encoding="utf-8"))
        if settings.audit.exists():
            out.write(settings.audit.read_text(encoding="utf-8"))
    print(f"written to {file}")
    return 0


@command.command("verify")
@with_state
def verify(settings: Settings) -> int:
    """Whether no line was changed, left out, put in or cut off, by the key and by the heads in the lake."""
    try:
        lake = open_lake(settings.lake, settings.s3_endpoint, settings.home)
        checked = audit.verify(settings.audit, _trusted(settings), lake)
    except StoreError as error:
        print(f"footfall audit: without the heads in the lake: {error}", file=sys.stderr)
        checked = audit.verify(settings.audit, _trusted(settings))
    for line in checked.wrong:
        print(f"WRONG {line}")
    older = f", {checked.unsigned} of before there was a chain" if checked.unsigned else ""
    print(f"{checked.lines} lines{older}; {len(checked.wrong) or 'nothing'} wrong")
    return 1 if checked.wrong else 0


def _require_sound(settings: Settings) -> None:
    wrong = audit.verify(settings.audit, _trusted(settings)).wrong
    if wrong:
        raise FootfallError(f"the log was changed ({wrong[0]}); `footfall audit verify` says all")


def _trusted(settings: Settings) -> dict[str, bytes]:
    load_signer(settings.home / "keys")
    return own_keys(settings.home / "keys")
