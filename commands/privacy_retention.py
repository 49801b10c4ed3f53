"""`footfall privacy retain`, `hold`, `ledger`: rules of client files applied, held up, and what went."""

import getpass
import json
import os
import sys
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import click

from commands.apart import run_apart
from commands.noting import noted
from commands.parameters import CLIENT, DAY, client, who
from commands.processes import stop_on_signals
from commands.registry import known_identity
from commands.state import with_installation, with_state
from footfall.durable import take_up_lake
from footfall.errors import FootfallError
from footfall.retention import holds, records
from footfall.settings import Settings
from footfall.signatures import load_signer, own_keys
from footfall.store import ObjectStore

if TYPE_CHECKING:
    from orchestration.retention.retain import Retained

_json = click.option("--json", "is_json", is_flag=True, help="As JSON, for programs.")


@click.command("retain")
@client()
@click.option("--dry-run", "is_dry", is_flag=True, help="Say what would go, and remove nothing.")
@_json
@with_installation
def retain_command(settings: Settings, client_id: str | None, is_dry: bool, is_json: bool) -> int:
    """Remove what is older than the client files say, as the job `retention` does each day.

    Exit code 1 where anything older is left afterwards.
    """
    if not is_dry:
        noted(settings, "privacy.retain", client_id or "", "by the client files")
    chosen = [known_identity(settings, client_id)] if client_id else None
    return run_apart(dict(os.environ), lambda: _retain(settings, chosen, is_dry, is_json))


def _retain(settings: Settings, chosen: list[str] | None, is_dry: bool, is_json: bool) -> int:
    from orchestration.defs.retention.making import house_of
    from orchestration.retention.retain import retain

    stop_on_signals()

    def say(text: str) -> None:
        print(f"footfall privacy retain: {text}", file=sys.stderr)

    try:
        done = retain(house_of(settings, getpass.getuser(), say), chosen, is_dry=is_dry)
    except FootfallError as error:
        print(f"footfall privacy retain: {error}", file=sys.stderr)
        return 1
    for each in done:
        print(_as_json(each) if is_json else "\n".join(_lines(each, is_dry)))
    return 1 if any(each.left for each in done) else 0


def _as_json(each: "Retained") -> str:
    return json.dumps(
        {
            "client_id": each.client_id,
            "kept_since": {kind: at.isoformat() for kind, at in each.horizons.items()},
            "removed": each.removed,
            "blocked": each.blocked,
            "left": each.left,
        }
    )


def _lines(each: "Retained", is_dry: bool) -> list[str]:
    kept = ", ".join(f"{kind} since {at:%Y-%m-%d}" for kind, at in each.horizons.items())
    lines = [f"{each.client_id}: {kept or 'all is kept'}"]
    for went in each.removed:
        where = f" of {went['place']}" if "place" in went else ""
        verb = "would go" if is_dry else "went"
        lines.append(
            f"  {went['class']}{where}: {went['objects']} objects, {went['rows']} rows, "
            f"{went['bytes']} bytes {verb}"
        )
    lines += [f"  {kind} is kept longer: {why}" for kind, why in each.blocked.items()]
    lines += [f"  LEFT {line}" for line in each.left]
    return lines


@click.command("ledger")
@click.argument("client_id", metavar="CLIENT", type=CLIENT)
@_json
@with_state
def ledger_command(settings: Settings, client_id: str, is_json: bool) -> int:
    """What was decided about a client's data and what went by it, from the signed records in the lake."""
    found = records.ledger(_lake(settings), known_identity(settings, client_id), _trusted(settings))
    for each in found:
        print(json.dumps(each) if is_json else _record(each))
    if not found and not is_json:
        print("nothing was removed by a rule")
    return 0


def _record(each: dict[str, object]) -> str:
    begin = f"{each['number']:>6}  {each['at']}"
    if each["record"] == "retention":
        horizons = each["horizons"]
        assert isinstance(horizons, dict), "records.decide wrote it"
        kept = ", ".join(f"{kind} since {str(at)[:10]}" for kind, at in horizons.items())
        return f"{begin}  decided by {each['by']}: {kept}"
    removed, left = each["removed"], each["left"]
    assert isinstance(removed, list), "records.note_removed wrote it"
    assert isinstance(left, list), "records.note_removed wrote it"
    went = ", ".join(f"{one['class']} {one['objects']} objects {one['rows']} rows" for one in removed)
    return f"{begin}  removed: {went or 'nothing'}" + (f"; LEFT {len(left)}" if left else "")


@click.group("hold")
def hold_command() -> None:
    """Legal holds: what nobody may remove until somebody lets it go."""


@hold_command.command("add")
@client(required=True, text="Whose data is held.")
@click.option("--since", type=DAY, metavar="DAY", help="What was received from this day on; else all.")
@click.option("--reason", required=True, help="Why, for whoever asks in years.")
@who()
@with_state
def hold_add(settings: Settings, client_id: str, since: str | None, reason: str, by: str | None) -> int:
    """Hold a client's data: retention removes nothing of it."""
    name = known_identity(settings, client_id)
    noted(settings, "privacy.hold", name, f"{since or 'all'}: {reason}", by)
    hold = holds.add(
        _lake(settings),
        load_signer(settings.home / "keys"),
        name,
        reason=reason,
        by=by or getpass.getuser(),
        now=datetime.now(UTC),
        since=date.fromisoformat(since) if since else None,
    )
    print(f"held: {hold.id}, of {name}, {_since(hold)}; `footfall privacy hold release {hold.id}` lets it go")
    return 0


@hold_command.command("list")
@client()
@_json
@with_state
def hold_list(settings: Settings, client_id: str | None, is_json: bool) -> int:
    """All holds, those that were let go too."""
    found = [each for each in _holds(settings) if client_id in (None, each.client_id)]
    for each in found:
        if is_json:
            print(json.dumps({**vars(each), "since": each.since.isoformat() if each.since else None}))
            continue
        let_go = f"released {each.released_at} by {each.released_by}" if each.released_at else "holds"
        print(f"{each.id}  {each.client_id}  {each.at} by {each.by}  {_since(each)}  {let_go}  {each.reason}")
    if not found and not is_json:
        print("nothing is held")
    return 0


@hold_command.command("release")
@click.argument("hold_id", metavar="ID")
@who()
@with_state
def hold_release(settings: Settings, hold_id: str, by: str | None) -> int:
    """Let a hold go; the next run of retention removes what is past its time."""
    hold = next((each for each in _holds(settings) if each.id == hold_id), None)
    if hold is None:
        raise FootfallError(f"there is no hold {hold_id!r}; `footfall privacy hold list` shows all")
    noted(settings, "privacy.release", hold.client_id, hold.id, by)
    holds.release(
        _lake(settings),
        load_signer(settings.home / "keys"),
        hold,
        by=by or getpass.getuser(),
        now=datetime.now(UTC),
    )
    print(f"released: {hold.id}, of {hold.client_id}")
    return 0


def _since(hold: holds.Hold) -> str:
    return f"received since {hold.since}" if hold.since else "all of it"


def _holds(settings: Settings) -> list[holds.Hold]:
    return holds.read(_lake(settings), _trusted(settings))


def _lake(settings: Settings) -> ObjectStore:
    return take_up_lake(settings.lake, settings.s3_endpoint, settings.home)


def _trusted(settings: Settings) -> dict[str, bytes]:
    load_signer(settings.home / "keys")
    return own_keys(settings.home / "keys")


@click.command("lifecycle")
@click.option("--bucket", metavar="NAME", help="Of this bucket only.")
@click.option("--json", "is_json", is_flag=True, help="The rules, as `aws s3api` and a CDK take them.")
@with_state
def lifecycle_command(settings: Settings, bucket: str | None, is_json: bool) -> int:
    """The lifecycle rules that each bucket should have, by the client files; and what it lacks of them.

    With --json the rules alone, and no bucket is asked. Else exit code 1 where a bucket has others.
    """
    from commands.bucket_rules import bucket_rules, compare

    if is_json:
        rules = [each for each, _ in bucket_rules(settings) if bucket in (None, each.bucket)]
        document = {each.bucket: {**each.configuration, "Of": dict(each.of)} for each in rules}
        print(json.dumps(document if bucket is None else rules[0].configuration if rules else {}, indent=2))
        return 0
    found = [each for each in compare(settings) if bucket in (None, each.rules.bucket)]
    for each in found:
        what = ", ".join(each.rules.of.values())
        said = each.unknown or f"{len(each.wrong) or 'nothing'} wrong"
        print(f"{each.rules.bucket}  {what}: {said}")
        for line in each.wrong:
            print(f"  {line}")
    if not found:
        print("no bucket of this installation is on S3")
    return 1 if any(each.wrong or each.unknown for each in found) else 0


COMMANDS = (retain_command, ledger_command, hold_command, lifecycle_command)
