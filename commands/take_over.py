"""`footfall clients take ID URL`: an installation of its own goes on with a client, by a bundle of `handoff`.

Everything is read and compared before anything is put. Lake and backup come first, the state folder at once,
the client's file last: who dies in between says it again. A later bundle adds its objects to the lake.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree

from commands.noting import noted
from commands.restore import put_in_place, require_empty, trusted_of
from footfall.durable import (
    FILE_STEPS,
    STEPS,
    VERSIONS_FILE,
    known_version,
    mark_lake,
    open_lake,
    require_known,
)
from footfall.durable import LAKE as LAKE_STATE
from footfall.errors import FootfallError
from footfall.handoffs import BACKUP, CLIENT, HOME, LAKE, MANIFEST, Bundle, Member, check, fetch, read
from footfall.hours import HOUR, floor, parse, run_command
from footfall.identities import History
from footfall.identity_files import change, read_histories, synchronise
from footfall.keys import LAKE_VERSION, hour_of
from footfall.private import keep_private
from footfall.settings import Settings
from footfall.signatures import GIVEN, load_signer, public_key, signed_by
from footfall.store import ObjectStore, address_of, open_store, put_once
from footfall.whole_files import sha256_of, written_beside


def take(settings: Settings, client_id: str, url: str, *, key: Path | None = None) -> int:
    """Go on with the client of a bundle. Returns the exit code. Raises FootfallError."""
    store = open_store(address_of(url), s3_endpoint=settings.s3_endpoint)
    bundle = read(store, client_id, trusted_of(key))
    for name, version in bundle.versions.items():
        known = known_version(name) if name in STEPS or name in FILE_STEPS else 0
        require_known(name, store.url(""), version, LAKE_STATE if name == "the lake" else known)
    lake = open_lake(settings.lake, settings.s3_endpoint, settings.home)
    if bundle.number > 1:
        return _add(settings, store, bundle, lake)
    _require_whole(store, bundle)
    client_file = settings.clients / f"{bundle.written_id}.yaml"
    if not client_file.exists() and _is_in_place(settings, bundle):
        with _writing(settings):
            return _finish(settings, store, bundle, lake, client_file, url)
    require_empty(settings)
    _require_alone(settings, lake, bundle, client_file)
    backup = open_store(f"{settings.backup.rstrip('/')}/{bundle.client_id}", s3_endpoint=settings.s3_endpoint)
    settings.home.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f"{settings.home.name}.taking-", dir=settings.home.parent))
    try:
        with _writing(settings):
            check(store, bundle, staging)
            for folder, target in ((LAKE, lake), (BACKUP, backup)):
                for key_, member in bundle.below(folder).items():
                    _copy(store, member, target, key_, staging)
            mark_lake(lake)
            home = staging / "home"
            _make_home(home, store, bundle)
            put_in_place(home, settings.home)
            return _finish(settings, store, bundle, lake, client_file, url)
    finally:
        rmtree(staging, ignore_errors=True)


@contextmanager
def _writing(settings: Settings) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FootfallError(
            f"{error.filename or settings.home} cannot be written: {error.strerror}"
        ) from None


def _is_in_place(settings: Settings, bundle: Bundle) -> bool:
    """Whether the state folder is that of the bundle, as who dies before the client's file leaves it."""
    members, given = bundle.below(HOME), settings.home / "keys" / GIVEN
    secrets = members.get(f"keys/{GIVEN}")
    entries = {VERSIONS_FILE, *(path.partition("/")[0] for path in members)}
    return (
        secrets is not None
        and all((settings.home / each).exists() for each in entries)
        and given.is_file()
        and sha256_of(given) == secrets.sha256
    )


def _finish(
    settings: Settings, store: ObjectStore, bundle: Bundle, lake: ObjectStore, client_file: Path, url: str
) -> int:
    """What follows the state folder, the client's file last."""
    keep_private(settings, is_first=True)
    synchronise(settings.home, lake)
    noted(
        settings,
        "clients.take",
        bundle.client_id,
        f"{url}, signed with the key {bundle.key_id}",
        outcome="done",
    )
    client_file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="footfall-take-") as scratch:
        fetch(store, bundle.below(CLIENT)[client_file.name], Path(scratch, "client.yaml"))
        written_beside(client_file, Path(scratch, "client.yaml").read_bytes()).replace(client_file)
    _say(settings, bundle, client_file)
    return 0


def _require_whole(store: ObjectStore, bundle: Bundle) -> None:
    """Raise FootfallError where a member is missing without which nobody can go on."""
    name = bundle.written_id
    there = {each.path for each in bundle.members}
    for path in (f"{CLIENT}{name}.yaml", f"{HOME}identities/{name}.json", f"{HOME}first_hour"):
        if path not in there:
            raise FootfallError(f"{store.url(MANIFEST)} names no {path}: have the bundle made again")


def _require_alone(settings: Settings, lake: ObjectStore, bundle: Bundle, path: Path) -> None:
    """Raise FootfallError where another client than that of the file `path`, or an older lake, is here."""
    others = [str(each) for each in sorted(settings.clients.glob("*.yaml")) if each != path]
    if others:
        raise FootfallError(
            f"{settings.clients} has other clients' files ({', '.join(others[:3])}): a client is taken by an "
            "installation of its own; set FOOTFALL_CLIENTS to a new folder"
        )
    known = bundle.below(LAKE).keys()
    strange = next((info.key for info in lake.list("raw/") if info.key not in known), None)
    if (
        strange is None
        and lake.head(LAKE_VERSION) is not None
        and any(True for _ in lake.list("identities/"))
    ):
        strange = "identities/"
    if strange is not None:
        raise FootfallError(
            f"the lake {settings.lake} is not empty (it has {strange}): set FOOTFALL_LAKE to a new place"
        )


def _copy(store: ObjectStore, member: Member, target: ObjectStore, key: str, staging: Path) -> None:
    fetch(store, member, staging / "object")
    target.put_file(key, staging / "object")
    (staging / "object").unlink()


def _make_home(home: Path, store: ObjectStore, bundle: Bundle) -> None:
    """The state folder: what the bundle has for it, a key of its own, and identities signed with that."""
    home.mkdir(mode=0o700)
    for path, member in bundle.below(HOME).items():
        fetch(store, member, home / path)
        (home / path).chmod(0o600)
    versions = {name: version for name, version in bundle.versions.items() if name in FILE_STEPS}
    (home / VERSIONS_FILE).write_text(json.dumps(versions, indent=1) + "\n")
    load_signer(home / "keys")
    try:
        parse((home / "first_hour").read_text().strip())
    except (ValueError, FootfallError):
        raise FootfallError("first_hour of the bundle is no hour: have the bundle made again") from None
    theirs = home / "identities" / f"{bundle.written_id}.json"
    try:
        document = json.loads(theirs.read_bytes())
        # It came through the manifest's digest; whose it is, its own signature says too.
        signed_by(document, {bundle.key_id: _key_of(home, bundle)})
        history = History.of_document(document)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise FootfallError(f"identities of the bundle are damaged: {error}") from None
    theirs.unlink()
    change(home, bundle.written_id, lambda _: history)


def _key_of(home: Path, bundle: Bundle) -> bytes:
    return public_key((home / "keys" / "public" / f"{bundle.key_id}.pem").read_bytes())[1]


def _say(settings: Settings, bundle: Bundle, client_file: Path) -> None:
    raw = sum(path.startswith("raw/") for path in bundle.below(LAKE))
    print(
        f"taken: {bundle.client_id}, {len(bundle.members)} members, {raw} raw objects; its file is "
        f"{client_file}"
    )
    print(
        f"this installation signs with a key of its own, {load_signer(settings.home / 'keys').key_id}; "
        f"hashed columns stay as they were, and what {bundle.key_id} signed is known here"
    )
    now = datetime.now(UTC)
    first = parse(settings.first_hour_file.read_text().strip())
    print("next, before `footfall up`: the warehouse is made of the lake by")
    print(f"  {run_command(first, floor(now), now)}")


def _add(settings: Settings, store: ObjectStore, bundle: Bundle, lake: ObjectStore) -> int:
    """Add what came to the old installation later. Lines that are here already are the same objects."""
    history = read_histories(settings.home / "identities").get(bundle.written_id)
    if history is None or history.current is None or history.current.name != bundle.client_id:
        raise FootfallError(
            f"{store.url('')} is the later bundle {bundle.number} of {bundle.client_id}, who is not here: "
            "take the first one before"
        )
    keep_private(settings, is_first=False)
    with tempfile.TemporaryDirectory(prefix="footfall-take-") as scratch:
        check(store, bundle, Path(scratch))
        added = []
        for key, member in bundle.below(LAKE).items():
            if lake.head(key) is None:
                fetch(store, member, Path(scratch, "object"))
                put_once(lake, key, Path(scratch, "object").read_bytes())
                added.append(key)
    noted(
        settings,
        "clients.take",
        bundle.client_id,
        f"later bundle {bundle.number}: {len(added)} objects",
        outcome="done",
    )
    print(f"taken: {len(added)} objects of {bundle.client_id}, of {len(bundle.below(LAKE))}")
    hours = sorted({hour for key in added if (hour := hour_of(f"/{key}"))})
    if hours:
        now = datetime.now(UTC)
        print("a running Dagster runs their hours by itself, those of the last 7 days; else:")
        print(f"  {run_command(hours[0], hours[-1] + HOUR, now)}")
    return 0
