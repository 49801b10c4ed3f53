"""`footfall backup URL`: a snapshot of what the catalogue calls not to be lost, while everything runs."""

import secrets
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from commands.forgetting import put_hashes
from commands.ledger_work import known_owners
from commands.state import with_state
from footfall.catalogue.state import HOME, LAKE, Keep, Kind, Place, is_passing, place_of
from footfall.clients import registry_of
from footfall.durable import BrokenState, found_versions, open_lake
from footfall.errors import FootfallError
from footfall.keys import is_whole
from footfall.locations import folder, location
from footfall.raw_key_copies import put_beside
from footfall.settings import Settings
from footfall.signatures import load_signer, own_keys
from footfall.snapshots import CLIENTS, ROUTES, Writer, moment_of, remember, require_private, stores
from footfall.snapshots import HOME as OF_HOME
from footfall.store import NotFound, ObjectStore, address_of
from footfall.tombstones import in_force
from orchestration.privacy.waiting_requests import put_waiting
from orchestration.retention.copies import MEND_IT, Brought, bring_backup

#: Of the lake: what is written anew under its key, so that its size does not say whether it is the same.
_REWRITTEN = ("sources",)


@click.command()
@click.argument("url")
@click.option("--lake", is_flag=True, help="Also what of the lake cannot be made again.")
@with_state
def command(settings: Settings, url: str, lake: bool) -> int:
    """Write a snapshot of what must not be lost, while everything runs.

    URL is a folder, file:///folder, s3://bucket/prefix, gs:// or az://, for backups alone.
    """
    return backup(settings, url, lake=lake)


def backup(settings: Settings, url: str, *, lake: bool = False) -> int:
    """Write a new snapshot beside those that are there. Returns the exit code. Raises FootfallError."""
    url = address_of(url)
    if not settings.home.is_dir():
        raise FootfallError(f"there is no installation in {settings.home}; set FOOTFALL_HOME")
    snapshots, beside = stores(url, settings.s3_endpoint)
    require_own_place(settings, snapshots.url(""), beside.url(""))
    signer = load_signer(settings.home / "keys")
    require_private(snapshots)
    source = open_lake(settings.lake, settings.s3_endpoint, settings.home)
    said: dict[str, Any] = {"has_raw": next(iter(source.list("raw/")), None) is not None, "objects": 0}
    copied, damaged, brought = 0, list[str](), Brought()
    name = f"{moment_of(datetime.now(UTC))}-{secrets.token_hex(2)}"
    writer = Writer(snapshots, name)
    with TemporaryDirectory(prefix="footfall-backup-") as scratch:
        for path, file in _files(settings, Path(scratch)):
            try:
                writer.add(path, file)
            except FileNotFoundError:
                continue  # a file of the outbox that has arrived meanwhile
            except OSError as error:
                raise FootfallError(f"{file} cannot be read: {error.strerror}") from None
    if lake:  # after the ledger: whatever it says was delivered is of objects that are copied now
        require_private(beside)
        said["objects"], copied, damaged = _copy_lake(source, beside)
        trusted, stones = own_keys(settings.home / "keys"), in_force(settings.home, source)
        brought = bring_backup(settings, url, source, known_owners(settings), trusted, stones)
        said["objects"] += brought.stored
        copied += brought.new
    put_beside(settings.home, url, settings.s3_endpoint)
    found = found_versions(settings.home)
    versions = {place.name: found.get(place.name, 0) for place in HOME if _has_version(place)}
    writer.finish(signer, versions, said)
    # So that an erasure finds it, and a restore of an earlier snapshot beside it knows who was erased.
    remember(settings.home, url)
    put_hashes(settings, url)
    put_waiting(settings, url, in_force(settings.home, source))
    size = sum(each.bytes for each in writer.files)
    print(f"snapshot {name}: {len(writer.files)} files, {size} bytes, signed with the key {signer.key_id}")
    if lake:
        print(f"lake: {said['objects']} objects, {copied} of them new")
        if brought.removed > 0:
            print(f"lake: {brought.removed} objects of the copy went, as in the lake")
    elif settings.lake.startswith("file://") and said["has_raw"]:
        print(f"the lake {settings.lake} is a folder and is not in it: copy it too, or say --lake")
    print(f"back by: footfall restore {shlex.quote(url)} --at {name}")
    for key in damaged:
        print(f"DAMAGED  {source.url(key)} is not what was written; an earlier copy of it was kept")
    for each in brought.damaged:
        print(f"DAMAGED  {each} {MEND_IT}")
    for key in brought.only_here:
        print(
            f"LOST  {source.url(key)} is gone, and no rule removed it; {beside.url(key)} is kept: put it "
            "back, or remove the copy where a person has removed the object"
        )
    return 1 if damaged or brought.damaged or brought.only_here else 0


def _has_version(place: Place) -> bool:
    return place.keep is Keep.BACKUP and (place.has_version or place.kind is Kind.SQLITE)


def require_own_place(settings: Settings, *urls: str) -> None:
    """Raise FootfallError where a backup would lie in what it is a backup of, or in what others read."""
    taken = {"the state folder, and is lost with it": folder(settings.home)}
    for what, url in (("the lake", settings.lake), ("the backup bucket", settings.backup)):
        taken[what] = location(url, settings.home, settings.s3_endpoint)
    for client, places in registry_of(settings).places.items():
        for name, place in places.items():
            taken[f"{name} of the client {client}, who would read the keys"] = place
    for url in urls:
        for what, place in taken.items():
            if location(url, settings.home, settings.s3_endpoint).overlaps(place):
                raise FootfallError(f"{url} lies in {what}; name a place that is for backups alone")


def _files(settings: Settings, scratch: Path) -> Iterator[tuple[str, Path]]:
    """Path in the snapshot and where to read it, each as it is when it is asked for."""
    for place in HOME:
        path = settings.home / place.name
        if place.keep is not Keep.BACKUP or not path.exists():
            continue
        if place.kind is Kind.SQLITE:
            copy_database(place.name, path, scratch / place.name)
            yield f"{OF_HOME}{place.name}", scratch / place.name
            (scratch / place.name).unlink()
        elif place.kind is Kind.FOLDER:
            for file in sorted(path.rglob("*")):
                within = file.relative_to(settings.home).as_posix()
                if file.is_file() and not is_passing(within) and place_of(within) is place:
                    yield f"{OF_HOME}{within}", file
        else:
            yield f"{OF_HOME}{place.name}", path
    for file in sorted(settings.clients.glob("*.yaml")):
        yield f"{CLIENTS}{file.name}", file
    if settings.alert_routes is not None and settings.alert_routes.exists():
        yield ROUTES, settings.alert_routes


def copy_database(name: str, path: Path, copy: Path) -> None:
    """A SQLite file as it is at one moment, whoever writes to it. Raises BrokenState where it is damaged."""
    try:
        with closing(sqlite3.connect(path, timeout=60)) as there, closing(sqlite3.connect(copy)) as here:
            there.backup(here)
            here.execute("PRAGMA journal_mode = DELETE")
            [(found,)] = here.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.DatabaseError as error:
        raise BrokenState(name, path, error) from None
    if found != "ok":
        raise BrokenState(name, path, found)


def _copy_lake(lake: ObjectStore, copies: ObjectStore) -> tuple[int, int, list[str]]:
    """Copy what of the lake cannot be made again and is not there yet.

    Returns (objects, new ones, keys of what is damaged in the lake); no copy is replaced by a damaged one.
    """
    objects = new = 0
    damaged = []
    for place in LAKE:
        if place.keep is not Keep.LAKE:
            continue
        prefix = place.title
        there = {info.key: info.size for info in copies.list(prefix)}
        for info in lake.list(prefix):
            if place.name in _REWRITTEN or there.get(info.key) != info.size:
                try:
                    data = lake.get(info.key)
                except NotFound:
                    continue  # written anew under another name meanwhile
                is_damaged = not is_whole(info.key, data)
                if is_damaged:
                    damaged.append(info.key)
                if info.key not in there or not is_damaged:
                    copies.put(info.key, data)
                    new += info.key not in there
            objects += 1
    return objects, new, damaged
