"""`footfall clients handoff ID URL`: a bundle by which another installation goes on with a client, whose time
here ends.

The end comes first: from then on no run delivers anything of the client here, and the bundle says all that
was delivered. Whoever dies in between says it again. What collectors take here later goes by the same command
once more, as a later bundle, until nothing came.
"""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from commands.backup import require_own_place
from commands.client_rows import copy_rows
from commands.ledger_work import Installation
from commands.noting import noted
from commands.owners import entered, history_of, unless_newer
from footfall.catalogue import handing_over
from footfall.clients import Client, registry_of
from footfall.durable import LAKE as LAKE_STATE
from footfall.durable import known_version
from footfall.errors import FootfallError
from footfall.event import timestamp
from footfall.handoffs import (
    BACKUP,
    CLIENT,
    HOME,
    LAKE,
    MANIFEST,
    README,
    Bundle,
    Writer,
    folders,
    is_member,
    parsed,
    text_for_people,
)
from footfall.hours import HOUR, floor
from footfall.identities import History, Identity
from footfall.identity_files import change, synchronise
from footfall.keys import hour_of
from footfall.locations import HOME as HOME_VARIABLE
from footfall.published.opening import remove_published
from footfall.retention.records import read_states
from footfall.settings import Settings
from footfall.signatures import GIVEN, PUBLIC, challenge_purpose, hash_purpose
from footfall.snapshots import require_private
from footfall.sql import open_database
from footfall.store import ObjectStore, address_of, open_store
from footfall.strict_yaml import NotYaml, read_yaml
from footfall.tombstones import FILE, KEY, as_lines, in_force
from footfall.whole_files import written_beside
from orchestration.delivery import states
from orchestration.delivery.redeliver import as_line
from orchestration.ingest.of_client import Part, Unread, enrichments_of, raw_of, rows_of_client
from orchestration.privacy.erasure_book import ErasureBook
from orchestration.privacy.request_book import RequestBook
from orchestration.retention.left import hours_of

#: The line of a client file that names its key over raw lines.
_RAW_KEY = re.compile(rb"(?m)^raw_key:.*\n?")

#: Below the state folder: manifests of the bundles that were made, by identity.
FOLDER = "handoffs"


def handoff(settings: Settings, client_id: str, url: str) -> int:
    """Write the bundle and end the client here. Returns the exit code. Raises FootfallError."""
    url = address_of(url)
    lake, at = entered(settings)
    history = history_of(at, client_id)
    given, last = _made_before(settings, at, history), history.identities[-1]
    if history.current is None and not last.is_handed_over:
        raise FootfallError(f"{client_id} has ended, and no file of that id came since")
    store = open_store(url, s3_endpoint=settings.s3_endpoint)
    require_own_place(settings, store.url(""))
    require_private(store)
    _require_empty(store, last.name)
    client, text = (None, b"") if given else _file_of(settings, at, history)
    _require_nobody_waits(settings, last.name)
    noted(settings, "clients.handoff", last.name, url)
    now = datetime.now(UTC)
    if history.current is not None:
        _end(settings, lake, at, history, now)
    with TemporaryDirectory(prefix="footfall-handoff-") as scratch:
        house = _House(settings, at, lake, last.name, Path(scratch), Writer(store, last.name, Path(scratch)))
        unread = house.put_lines(set().union(*(each.below(LAKE) for each in given)))
        if given and not house.writer.members:
            _leave(settings, at, lake, last.name)  # who died after the bundle before did not
            print(f"nothing of {last.name} came since the bundle of {given[-1].made_at}")
            return _told(unread)
        if client is not None:
            house.put_whole(client, text)
        house.put_keys(client)
        made_at, number = timestamp(now), len(given) + 1
        key_id = at.desk.signer.key_id
        members = house.writer.members.values()
        house.writer.add(README, text_for_people(last.name, url, made_at, key_id, members).encode())
        data = house.writer.finish(at.desk.signer, number, made_at, _versions())
    _remember(settings, last.name, number, data)
    _leave(settings, at, lake, last.name)
    _say(at, house.writer, url, number)
    return _told(unread)


def _told(unread: list[str]) -> int:
    for key in unread:
        print(f"DAMAGED  {key} cannot be read, so nobody knows what of it is this client's")
    return 1 if unread else 0


def _say(at: Installation, writer: Writer, url: str, number: int) -> None:
    members = writer.members.values()
    size = sum(each.bytes for each in members)
    client_id, key_id = writer.client_id, at.desk.signer.key_id
    what = "bundle" if number == 1 else f"later bundle {number}"
    print(
        f"{what} of {client_id} in {url}: {len(members)} members, {size} bytes, signed with the key {key_id}"
    )
    if any(path == f"{HOME}{KEY}" for path in writer.members):
        print("it holds the key that erased persons are hashed with; hashes of other clients are not in it")
    written = client_id.partition(".")[0]
    print(f"on the other machine: footfall clients take {written} {url}")
    if number == 1:
        print(f"{client_id} has ended here: remove its file, and let its pages send to the other machine")
    print("what collectors here still hold or take goes by the same command, into another folder")


def _versions() -> dict[str, int]:
    names = [*handing_over.databases(), "keys", "identities", "outbox", "first_hour", "last-good-clients"]
    return {"the lake": LAKE_STATE, **{name: known_version(name) for name in names}}


def _require_empty(store: ObjectStore, client_id: str) -> None:
    """Raise FootfallError where something lies there; what is left of a bundle without an end goes."""
    there = [info.key for info in store.list("")]
    if MANIFEST in there:
        raise FootfallError(f"{store.url('')} holds a bundle already: name a new folder")
    if strange := [key for key in there if not is_member(key, client_id)]:
        raise FootfallError(f"{store.url('')} is not empty (it has {strange[0]}): name a new folder")
    for key in there:
        store.delete(key)


def _file_of(settings: Settings, at: Installation, history: History) -> tuple[Client, bytes]:
    """The client and the bytes of its file. Raises FootfallError where it cannot go as it is."""
    path = settings.clients / f"{history.client_id}.yaml"
    name = history.identities[-1].name
    found = at.registry.client(history.name)
    is_waiting = history.current is not None and history.name in at.registry.stopped
    if found is None or is_waiting or not path.exists():
        raise FootfallError(
            f"{path} is not in force (`footfall clients` says why): put the file of {name} there, as it was "
            "last delivered, then say it again"
        )
    text = path.read_bytes()
    if HOME_VARIABLE.encode() in text:
        raise FootfallError(
            f"{path} names a place by {HOME_VARIABLE}, which is another one on the other machine: write the "
            "whole address of a bucket that both machines reach"
        )
    return found.model_copy(update={"client_id": name}), _without_raw_key(path, text)


def _without_raw_key(path: Path, text: bytes) -> bytes:
    """A client file without its key over raw lines, which stays here: there it gets one of there.

    Raises FootfallError where the key is written so that its line alone cannot be taken out.
    """
    left = _RAW_KEY.sub(b"", text)
    try:
        before, after = read_yaml(text.decode()), read_yaml(left.decode())
        is_same = {key: each for key, each in before.items() if key != "raw_key"} == after
    except (NotYaml, UnicodeDecodeError, AttributeError):
        is_same = False
    if not is_same:
        raise FootfallError(
            f"{path}: write `raw_key: …` on one line of its own, or take it out, then say it again"
        )
    return left


def _require_nobody_waits(settings: Settings, client_id: str) -> None:
    if not (settings.home / "erasures.sqlite").exists():
        return
    for each in ErasureBook(settings.home).all():
        if each.client_id == client_id and each.finished_at is None:
            raise FootfallError(
                f"the erasure {each.id} of {client_id} is not finished: `footfall privacy resume {each.id}` "
                "first"
            )
    for asked in RequestBook(settings.home).all():
        if asked.client_id == client_id and asked.decision is None:
            raise FootfallError(
                f"the request {asked.id} of a visitor of {client_id} waits: `footfall privacy confirm` it, "
                "or `refuse` it, first"
            )


def _end(settings: Settings, lake: ObjectStore, at: Installation, history: History, now: datetime) -> None:
    """From here on nothing is delivered. Deliveries that go on come to their end first."""
    name = history.name
    with ExitStack() as claims:
        for _, export in sorted(at.ledger.exports(name)):
            claims.enter_context(at.desk.claim(name, export))
        change(
            settings.home,
            history.client_id,
            lambda found: unless_newer(found, history).ended(now, is_handed_over=True),
        )
        synchronise(settings.home, lake)


def _leave(settings: Settings, at: Installation, lake: ObjectStore, name: str) -> None:
    """What the other installation goes on with ends here: waiting deliveries, published tables."""
    for row in at.ledger.unfinished():
        if row.client_id == name:
            state = states.SUPERSEDED if row.is_open else row.state
            at.ledger.record(row, state, hold="", next_at=None)
            if row.is_open:
                print(f"goes on there: {as_line(row)}")
    shutil.rmtree(settings.home / "outbox" / name, ignore_errors=True)
    remove_published(lake, name)
    settings.cache_of(name).remove()


def _made_before(settings: Settings, at: Installation, history: History) -> list[Bundle]:
    """The bundles of its last identity, oldest first. Raises FootfallError."""
    folder = settings.home / FOLDER / history.identities[-1].name
    return [
        parsed(path.read_bytes(), str(path), lambda _: at.desk.own_keys)
        for path in sorted(folder.glob("*.json"))
    ]


def _remember(settings: Settings, name: str, number: int, data: bytes) -> None:
    path = settings.home / FOLDER / name / f"{number:04d}.json"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    written_beside(path, data).replace(path)


class _House:
    """What goes, put member by member."""

    def __init__(
        self,
        settings: Settings,
        at: Installation,
        lake: ObjectStore,
        name: str,
        scratch: Path,
        writer: Writer,
    ) -> None:
        self._settings, self._at, self._lake, self._scratch = settings, at, lake, scratch
        self._name, self.writer = name, writer
        self._registry = registry_of(settings)

    @property
    def _written_id(self) -> str:
        return self._name.partition(".")[0]

    def put_lines(self, known: set[str]) -> list[str]:
        """Put raw lines and enrichments but for objects that are `known`. Returns what cannot be read."""
        unread = []
        for part in self._lines():
            if isinstance(part, Unread):
                unread.append(self._lake.url(part.key))
            elif part.key not in known:
                self._put(part)
        return unread

    def _lines(self) -> Iterator[Part | Unread]:
        folder = self._scratch / "hours"
        folder.mkdir()
        with open_database() as connection:
            for hour in hours_of(self._lake, "raw/"):
                yield from raw_of(connection, self._lake, hour, self._registry, self._name, folder)
        for hour in hours_of(self._lake, "enrichments/"):
            yield from enrichments_of(self._lake, hour, self._name)

    def _put(self, part: Part) -> None:
        path = f"{LAKE}{part.key}"
        if part.data is None:
            self.writer.copy(path, self._lake, part.key)
        else:
            self.writer.add(path, part.data)

    def put_keys(self, client: Client | None) -> None:
        """Public halves, by which what was signed here is known there; and the client's own secrets."""
        for name, pem in self._at.desk.own_keys.items():
            self.writer.add(f"{HOME}keys/{PUBLIC}/{name}.pem", pem)
        if client is None:
            return
        purposes = [
            hash_purpose(self._name),
            *(challenge_purpose(each.url) for each in client.destinations().values()),
        ]
        secrets = {purpose: self._at.desk.signer.derived(purpose) for purpose in purposes}
        self.writer.add(f"{HOME}keys/{GIVEN}", json.dumps(secrets, indent=1).encode() + b"\n")

    def put_whole(self, client: Client, text: bytes) -> None:
        """All that goes but for lines and keys."""
        self.writer.add(f"{CLIENT}{self._written_id}.yaml", text)
        self.writer.add(f"{HOME}last-good-clients/{self._written_id}.yaml", text)
        self._put_rows_of_gone_hours()
        for place in handing_over.objects_of_lake():
            for name in folders(place, self._name):
                for info in list(self._lake.list(f"{place}/client={name}/")):
                    self.writer.copy(f"{LAKE}{info.key}", self._lake, info.key)
        backup = open_store(
            f"{self._settings.backup.rstrip('/')}/{self._name}", s3_endpoint=self._settings.s3_endpoint
        )
        for info in list(backup.list("")):
            self.writer.copy(f"{BACKUP}{info.key}", backup, info.key)
        self._put_state(client)

    def _put_rows_of_gone_hours(self) -> None:
        state = read_states(self._lake, self._at.desk.own_keys).get(self._name)
        until = state.horizon("raw") if state else None
        if until is None:
            return
        folder = self._scratch / "rows"
        folder.mkdir()
        hours = {hour for place in ("events/", "quarantine/") for hour in hours_of(self._lake, place)}
        with open_database() as connection:
            for hour in sorted(hour for hour in hours if hour < until):
                for part in rows_of_client(connection, self._lake, hour, self._name, folder):
                    self._put(part)

    def _put_state(self, client: Client) -> None:
        home = self._settings.home
        roots = [each.resolved_url(home) for each in client.destinations().values()]
        for name in handing_over.databases():
            if (home / name).exists():
                copy_rows(home / name, self._scratch / name, self._name, roots)
                self.writer.add_file(f"{HOME}{name}", self._scratch / name)
        waiting = home / "outbox" / self._name
        for path in sorted(waiting.rglob("*")):
            if path.is_file():
                self.writer.add_file(f"{HOME}{path.relative_to(home).as_posix()}", path)
        history = self._at.registry.histories[self._written_id]
        before = History(self._written_id, history.version, (*history.identities[:-1], self._open(history)))
        document = self._at.desk.signer.sign(before.alone().as_document())
        data = json.dumps(document, indent=1).encode() + b"\n"
        self.writer.add(f"{HOME}identities/{self._written_id}.json", data)
        self.writer.add(f"{HOME}first_hour", f"{self._first_hour():%Y-%m-%dT%H}\n".encode())
        stones = [
            stone for stone in in_force(home, self._lake).stones.values() if stone.client == self._written_id
        ]
        if stones:
            self.writer.add(f"{HOME}{FILE}", as_lines(stones))
            self.writer.add(f"{HOME}{KEY}", (home / KEY).read_bytes())

    def _open(self, history: History) -> Identity:
        """The identity as it was before it ended here."""
        last = history.identities[-1]
        return Identity(last.name, last.made_at, last.last, last.sites)

    def _first_hour(self) -> datetime:
        """The first hour that says something of the client; now, where none does."""
        raw = (path for path in self.writer.members if path.startswith(f"{LAKE}raw/"))
        lines = [hour for path in raw if (hour := hour_of(path))]
        starts = [
            self._at.ledger.first_period(self._name, export)
            for _, export in self._at.ledger.exports(self._name)
        ]
        return min(
            [*lines, *(floor(start) for start in starts if start)], default=floor(datetime.now(UTC)) - HOUR
        )
