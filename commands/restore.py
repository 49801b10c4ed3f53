"""`footfall restore URL`: a snapshot of `footfall backup` into an empty state folder, checked first."""

import sqlite3
import tempfile
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree

import click

from commands.forgetting import clean_texts, drop_waiting, hashes_of
from commands.state import with_settings
from footfall import keys
from footfall.catalogue.state import HOME, Kind
from footfall.durable import FILE_STEPS, STEPS, known_version, open_lake, require_known, require_known_state
from footfall.errors import FootfallError
from footfall.hours import floor, parse, run_command
from footfall.keys import LAKE_VERSION, is_whole
from footfall.mounts import remote_here
from footfall.private import keep_private
from footfall.raw_key_copies import take_back
from footfall.raw_keys import give_keys, keys_of
from footfall.sealed import frames_of
from footfall.settings import Settings
from footfall.signatures import load_signer, own_keys, public_key
from footfall.snapshots import CLIENTS, ROUTES, Snapshot, fetch, least_of, names, read, stores
from footfall.snapshots import HOME as OF_HOME
from footfall.sql import confined
from footfall.store import NotFound, ObjectStore, address_of
from footfall.tombstones import Tombstones
from orchestration.ingest.erased import rewrite
from orchestration.ingest.late_fields import clean_enrichments
from orchestration.privacy.erasure_carried import forget_carried
from orchestration.privacy.waiting_requests import take_back as take_back_requests
from orchestration.retention.copies import without_erased

#: What may lie in a state folder before: neither is made by a restore.
KEPT = ("lake", "buckets")


# Not with_state: taking up would write into the folder, which must be empty.
@click.command()
@click.argument("url")
@click.option("--at", metavar="NAME", help="The snapshot (default: the newest whole one).")
@click.option(
    "--key", type=click.Path(path_type=Path), metavar="PEM", help="Public key that must have signed it."
)
@click.option(
    "--keep-clients", "keeps_clients", is_flag=True, help="Leave client files and routes that are there."
)
@with_settings
def command(settings: Settings, url: str, at: str | None, key: Path | None, keeps_clients: bool) -> int:
    """Put a snapshot of `footfall backup` into an empty state folder, checked whole before it is used.

    URL is what `footfall backup` was given.
    """
    return restore(settings, url, at, key=key, keeps_clients=keeps_clients)


def restore(
    settings: Settings,
    url: str,
    at: str | None = None,
    *,
    key: Path | None = None,
    keeps_clients: bool = False,
) -> int:
    """Put a snapshot back, or leave everything as it is. Returns the exit code. Raises FootfallError."""
    url = address_of(url)
    require_empty(settings)
    snapshots, beside = stores(url, settings.s3_endpoint)
    snapshot = read(snapshots, _chosen(snapshots, at), trusted_of(key))
    for name, version in snapshot.versions.items():
        known = known_version(name) if name in STEPS or name in FILE_STEPS else 0
        require_known(name, snapshots.url(f"{snapshot.name}/"), version, known)
    lake = open_lake(settings.lake, settings.s3_endpoint)
    wants_lake = _wants_lake(settings, snapshot, lake)
    least = least_of(url, settings.s3_endpoint, snapshot) if wants_lake else 0
    settings.home.parent.mkdir(parents=True, exist_ok=True)
    # Beside the state folder, so that it can take its place at once.
    staging = Path(tempfile.mkdtemp(prefix=f"{settings.home.name}.restoring-", dir=settings.home.parent))
    try:
        for file in snapshot.files:
            fetch(snapshots, snapshot, file, staging / file.path)
        (staging / OF_HOME).mkdir(exist_ok=True, mode=0o700)
        _require_sound(staging / OF_HOME, snapshot.key_id)
        theirs = _client_files(settings, staging, keeps_clients)
        give_keys(lake, staging / OF_HOME)
        said = take_back(staging / OF_HOME, url, settings.s3_endpoint, lake)
        stones = hashes_of(url, settings.s3_endpoint, staging / OF_HOME, lake)
        waiting = take_back_requests(staging / OF_HOME, url, settings.s3_endpoint, stones)
        drop_waiting(staging / OF_HOME, stones.clients)
        clean_texts(staging / OF_HOME, stones)
        put_back, damaged = _put_back_lake(beside, lake, least, stones) if wants_lake else (0, set())
        if put_back:
            if stones:
                damaged |= {*without_erased(lake, stones)}
                damaged |= _forget_carried(lake, staging / OF_HOME / "keys", stones)
            _finish_lake(beside, lake)
        put_in_place(staging / OF_HOME, settings.home)
        for source, target in theirs:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    except OSError as error:
        raise FootfallError(
            f"{error.filename or settings.home} cannot be written: {error.strerror}"
        ) from None
    finally:
        rmtree(staging, ignore_errors=True)
    keep_private(settings, is_first=False)
    print(f"restored {snapshot.name}: {len(snapshot.files)} files; the key {snapshot.key_id} signs as before")
    if put_back:
        print(f"lake: {put_back} objects put back into {settings.lake}")
    for line in said:
        print(line)
    for lost in sorted(damaged):
        print(
            f"DAMAGED  {beside.url(lost)} is not what was written: put another copy of it to {lake.url(lost)}"
        )
    if waiting:
        print(f"{waiting} requests of visitors wait again; some may be decided: `footfall privacy requests`")
    print("not in it: erasures that went on; see docs/operations.md")
    first = settings.first_hour_file
    if first.exists():
        now = datetime.now(UTC)
        print("next, before `footfall up`: the warehouse is made again from the lake by")
        print(f"  {run_command(parse(first.read_text().strip()), floor(now), now)}")
    return 1 if damaged else 0


def require_empty(settings: Settings) -> None:
    home = settings.home
    kind = remote_here(home)
    if kind is not None:
        raise FootfallError(f"the state folder {home} is on {kind}; set FOOTFALL_HOME to a local disk")
    try:
        there = sorted(path.name for path in home.iterdir()) if home.exists() else []
    except OSError as error:
        raise FootfallError(f"the state folder {home} cannot be read: {error.strerror}") from None
    if others := [name for name in there if name not in KEPT]:
        raise FootfallError(
            f"{home} is not empty (it has {', '.join(others[:5])}): a restore writes over nothing; move it "
            "away or set FOOTFALL_HOME to a new folder"
        )


def _chosen(snapshots: ObjectStore, at: str | None) -> str:
    whole, halves = names(snapshots)
    for name in halves:
        print(f"{name} has no manifest: a backup that did not come to its end, passed over")
    if not whole:
        raise FootfallError(f"there is no snapshot in {snapshots.url('')}")
    if at is not None and at not in whole:
        raise FootfallError(f"there is no whole snapshot {at!r}; there are: {', '.join(whole[-10:])}")
    return at or whole[-1]


def trusted_of(key: Path | None) -> dict[str, bytes] | None:
    if key is None:
        return None
    try:
        return dict([public_key(key.read_bytes())])
    except (OSError, ValueError) as error:
        raise FootfallError(f"--key {key}: {error}") from None


def _wants_lake(settings: Settings, snapshot: Snapshot, lake: ObjectStore) -> bool:
    """Whether the lake is to be put back. Raises FootfallError where it is gone and not in the backup.

    Hours that are run over an empty lake would take back what was delivered.
    """
    if snapshot.lake.get("objects"):
        return lake.head(LAKE_VERSION) is None
    if snapshot.lake.get("has_raw") and next(iter(lake.list("raw/")), None) is None:
        raise FootfallError(
            f"the lake {settings.lake} has no raw objects, and {snapshot.name} was made without --lake: "
            "put the lake back first, or set FOOTFALL_LAKE to where it is"
        )
    return False


def _put_back_lake(
    copies: ObjectStore, lake: ObjectStore, least: int, stones: Tombstones
) -> tuple[int, set[str]]:
    """All but the lake's version. Returns (objects, keys of those that are damaged in the backup).

    Ingest reports the hours of damaged ones.
    Whoever was erased since does not come back.
    """
    found, sealed = [info.key for info in copies.list("")], set[str]()
    if len(found) < least:
        raise FootfallError(f"{copies.url('')} holds {len(found)} objects of the lake, of {least} at least")
    damaged = set[str]()
    for key in found:
        if key == LAKE_VERSION:
            continue
        data = copies.get(key)
        if not is_whole(key, data):
            damaged.add(key)
        lake.put(key, data)
        hour = keys.hour_of(key) if stones else None
        if key.startswith("raw/") and (frames := frames_of(data)):
            sealed |= {each.key for each in frames[1]}
        if hour is not None and key.startswith("raw/"):
            rewrite(lake, [key], hour, stones)
        elif hour is not None and key.startswith(keys.ENRICHMENTS):
            damaged.update(clean_enrichments(lake, hour, stones))
    ring = keys_of(lake)
    for each in sorted(sealed):
        if ring is not None and ring.is_missing(each):
            print(
                f"lines of the lake are sealed with the key {each}, which is not beside the backup: they wait"
            )
    return len(found), damaged


def _finish_lake(copies: ObjectStore, lake: ObjectStore) -> None:
    """Put its version: a lake without it may be half of one, or not clean, and is put back once more."""
    with suppress(NotFound):
        lake.put(LAKE_VERSION, copies.get(LAKE_VERSION))


def _forget_carried(lake: ObjectStore, keys_folder: Path, stones: Tombstones) -> set[str]:
    """Returns keys of what is damaged, and stays as it is."""
    damaged = set[str]()
    with confined("footfall-restore-") as (connection, folder):
        forget_carried(
            connection,
            lake,
            load_signer(keys_folder),
            own_keys(keys_folder),
            stones,
            by="footfall restore",
            now=datetime.now(UTC),
            folder=folder,
            damaged=damaged,
        )
    return damaged


def _require_sound(home: Path, key_id: str) -> None:
    """Raise FootfallError where a file is damaged or of a newer program, or the key is another one."""
    for place in HOME:
        path = home / place.name
        if place.kind is Kind.SQLITE and path.exists():
            try:
                with closing(sqlite3.connect(path)) as database:
                    [(found,)] = database.execute("PRAGMA quick_check(1)").fetchall()
            except sqlite3.DatabaseError as error:
                found = error
            if found != "ok":
                raise FootfallError(
                    f"the snapshot's {place.name} is damaged ({found}); take another with --at"
                )
    require_known_state(home)
    if not (home / "keys" / "signing-key.pem").exists() or load_signer(home / "keys").key_id != key_id:
        raise FootfallError(f"the snapshot lacks the key {key_id}, which signed it; take another with --at")


def _client_files(settings: Settings, staging: Path, keeps: bool) -> list[tuple[Path, Path]]:
    """What is to be copied and where to. Raises FootfallError where other client files are there already."""
    wanted = [(path, settings.clients / path.name) for path in sorted((staging / CLIENTS).glob("*"))]
    if (staging / ROUTES).exists() and settings.alert_routes is not None:
        wanted.append((staging / ROUTES, settings.alert_routes))
    names = {target for _, target in wanted}
    others = [path for path in settings.clients.glob("*.yaml") if path not in names]
    different = [
        target for source, target in wanted if target.exists() and target.read_bytes() != source.read_bytes()
    ]
    if keeps:
        is_there = any(settings.clients.glob("*.yaml"))
        return [] if is_there else wanted
    if others or different:
        listed = ", ".join(str(path) for path in sorted([*others, *different])[:5])
        raise FootfallError(
            f"these are not as in the snapshot: {listed}; move them away, or keep them with --keep-clients"
        )
    return wanted


def put_in_place(restored: Path, home: Path) -> None:
    """At once where the folder is new; else entry by entry, what is most precious first."""
    if not home.exists() or not any(home.iterdir()):
        if home.exists():
            home.rmdir()
        restored.rename(home)
        return
    order = [place.name for place in HOME]
    for path in sorted(restored.iterdir(), key=lambda path: order.index(path.name)):
        path.rename(home / path.name)
