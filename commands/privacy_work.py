"""What `footfall privacy` does about erasures: the parts of an installation, given to the job."""

import fcntl
import functools
import importlib.metadata
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from commands.erasure_status import holds_against
from commands.forgetting import forget_backups
from commands.ledger_work import Installation
from commands.noting import noted
from commands.processes import stop_on_signals
from footfall.access import audit
from footfall.clients import Client
from footfall.errors import FootfallError
from footfall.owners import named
from footfall.retention.holds import refusal
from footfall.settings import Settings
from footfall.signatures import own_keys, public_key
from footfall.store import NotFound
from footfall.tombstones import Kind, in_force
from footfall.unseen import escaped
from orchestration.delivery.horizons import Horizons, horizons_of
from orchestration.delivery.ledger import Ledger
from orchestration.history import engine_of
from orchestration.modelling.project import prepare
from orchestration.privacy.certificate import checked, looks_for
from orchestration.privacy.erasure import carry_out
from orchestration.privacy.erasure_book import Erasure, ErasureBook, status
from orchestration.privacy.erasure_delivered import rows_to_search
from orchestration.privacy.erasure_house import House
from orchestration.privacy.person import Asked, Person, resolve
from orchestration.privacy.person_export import gather, recipients, write
from orchestration.privacy.request_book import RequestBook
from orchestration.resources.lake import Lake
from orchestration.resources.warehouse import Warehouse

#: Ids of a kind that are shown before an erasure; of more their number.
_SHOWN = 20


@dataclass(frozen=True)
class Plan:
    """Who is meant, and what an erasure would do, a line each. `held`: why nothing is done; empty: it is."""

    person: Person
    whom: tuple[str, ...]
    work: tuple[str, ...]
    held: str = ""

    @property
    def lines(self) -> tuple[str, ...]:
        """Both, for whoever decides about an erasure."""
        return (*self.whom, *self.work)


def asked_of(named_ids: Mapping[str, Sequence[str]], file: Path | None) -> list[Asked]:
    """The ids that somebody named, on the command line and in a file. Raises FootfallError."""
    found = [Asked(kind, each) for kind, ids in named_ids.items() for each in ids]  # type: ignore[arg-type]
    if file is not None:
        found += _from_file(file)
    if not found:
        raise FootfallError("name somebody: --visitor ID, --user ID, --session ID, --event ID or --from FILE")
    if any(not each.value.strip() for each in found):
        raise FootfallError("an id is never empty")
    return list(dict.fromkeys(found))


def _from_file(file: Path) -> Iterator[Asked]:
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FootfallError(f"{file} cannot be read: {error}") from None
    for number, line in enumerate(lines, 1):
        kind, _, value = line.strip().partition(" ")
        if not kind:
            continue
        if kind not in get_args(Kind) or not value.strip():
            raise FootfallError(
                f"{file}, line {number}: expected `visitor ID`, `user ID`, `session ID` or `event ID`"
            )
        yield Asked(kind, value.strip())  # type: ignore[arg-type]


def client_of(at: Installation, client_id: str) -> Client:
    """Raises FootfallError where no valid file is of the client, and it has not ended."""
    name = named(at.registry, client_id)
    found = at.registry.client(name) or at.registry.ended_client(name)
    if found is None:
        raise FootfallError(f"no client {client_id!r} has a valid file; `footfall clients` lists them")
    return found


def plan(settings: Settings, client_id: str, asked: Sequence[Asked], *, is_linked: bool) -> Plan:
    """Find who is meant and where, and change nothing. Raises FootfallError."""
    at = Installation(settings)
    client = client_of(at, client_id)
    with Warehouse(database=str(settings.warehouse)).connect() as connection:
        person = resolve(connection, client, asked, is_linked=is_linked, is_naming=is_linked)
        horizons = horizons_of(connection, client.client_id)
    held = refusal(holds_against(settings, client.client_id, person.received))
    return Plan(person, tuple(_whom(person)), tuple(_work(at, client, person, horizons)), held)


def _whom(person: Person) -> Iterator[str]:
    for kind, ids in person.ids.items():
        shown = ", ".join(map(escaped, ids[:_SHOWN])) + (
            f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
        )
        yield f"{kind} ids: {shown}"
    span = ""
    if person.first and person.last:
        span = f", from {person.first:%Y-%m-%d} to {person.last:%Y-%m-%d}"
    yield f"events: {len(person.events)} in {len(person.sessions)} sessions{span}"
    yield f"quarantined lines: {person.quarantined}"


def _work(at: Installation, client: Client, person: Person, horizons: Horizons) -> Iterator[str]:
    if person.named_by_others:
        yield f"events of others that name them, which go too: {person.named_by_others}"
    yield f"hours to be written anew: {len({*person.hours, *person.enriched})}"
    rows = rows_to_search(at.ledger, client, person.first, horizons)
    periods = {(row.export, row.period_start) for row in rows}
    size = sum(file.bytes for row in rows for file in row.files)
    yield (
        f"delivered files to be searched: {sum(len(row.files) for row in rows)} of {len(periods)} periods, "
        f"{size} bytes"
    )
    if not person.events and not person.quarantined:
        yield "nothing of them is stored; an erasure would keep what arrives late"


def begin(settings: Settings, found: Plan, *, reason: str, by: str, is_for_good: bool) -> str:
    """Write an erasure down. Returns its name. Raises FootfallError."""
    _require_free(settings, found, by)
    now = datetime.now(UTC)
    erasure = ErasureBook(settings.home).begin(
        found.person, reason=reason, asked_by=by, now=now, is_for_good=is_for_good
    )
    _note_begun(settings, found, erasure.id, reason, by)
    return erasure.id


def begin_asked(settings: Settings, found: Plan, request: str, by: str) -> str:
    """The same of a visitor's request, which is confirmed by it. Raises Decided, FootfallError."""
    _require_free(settings, found, by)
    done = RequestBook(settings.home).erase(request, found.person, by, datetime.now(UTC))
    _note_begun(settings, found, str(done.erasure), f"request {request}", by)
    return str(done.erasure)


def _require_free(settings: Settings, found: Plan, by: str) -> None:
    if found.held:
        client_id, asked = found.person.client, f"{len(found.person.asked)} ids"
        noted(settings, "privacy.erase", client_id, asked, by, f"refused: {found.held}")
        raise FootfallError(found.held)


def _note_begun(settings: Settings, found: Plan, erasure: str, reason: str, by: str) -> None:
    asked = f"asked for {len(found.person.asked)} ids{': ' + reason if reason else ''}"
    noted(settings, "privacy.erase", found.person.client, erasure, by, asked)


def due(settings: Settings, name: str) -> str:
    """Until when an erasure has to be done: a day."""
    return f"{ErasureBook(settings.home).get(name).deadline:%Y-%m-%d}"


def house_of(settings: Settings, edge: Callable[[str], None] = lambda _: None) -> House:
    """The parts of an installation that an erasure goes through. Raises FootfallError."""
    at = Installation(settings)
    lake = Lake.of(settings)
    return House(
        home=settings.home,
        spool=settings.spool,
        cache=settings.cache,
        listings=at.state.listings(),
        lake=lake.store(),
        files=lake.files(),
        warehouse=Warehouse(database=str(settings.warehouse)),
        registry=at.registry,
        ledger=Ledger(settings.ledger),
        desk=at.desk,
        places=at.places,
        first_hour=at.state.first_hour(),
        prepared=functools.partial(prepare, settings.home),
        published_days=settings.published_days,
        cache_of=settings.cache_of,
        forget_backups=functools.partial(forget_backups, settings, at.registry),
        version=importlib.metadata.version("footfall"),
        edge=edge,
        postgres=functools.partial(engine_of, settings.postgres) if settings.postgres else None,
    )


def apart(settings: Settings, name: str | None) -> int:
    """`carry_out_all` in a process of its own: what goes wrong is said in one line. Returns the exit code."""
    stop_on_signals()
    try:
        return carry_out_all(settings, name)
    except FootfallError as error:
        print(f"footfall privacy: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("footfall privacy: stopped; `footfall privacy resume` goes on", file=sys.stderr)
        return 130


def carry_out_all(settings: Settings, name: str | None) -> int:
    """Go on with every erasure that is not finished, or with one. Returns the exit code."""
    book = ErasureBook(settings.home)
    waiting = [each for each in book.all() if each.finished_at is None and name in (None, each.id)]
    if name is not None and not waiting:
        if any(each.id == name for each in book.all()):
            print(f"erasure {name}: is finished")
            return 0
        raise FootfallError(f"there is no erasure {name!r}; `footfall privacy erasures` lists them")
    with _alone(settings.home):
        return _carried_out(settings, book, waiting)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One erasure goes on at a time; a process that dies lets go."""
    folder = home / "claims"
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / ".erasures", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _carried_out(settings: Settings, book: ErasureBook, waiting: Sequence[Erasure]) -> int:
    code = 0
    for erasure in (book.get(each.id) for each in waiting):
        left = carry_out(book, house_of(settings), erasure, lambda text: print(f"  {text}", flush=True))
        by, outcome = erasure.asked_by, _outcome(left)
        noted(settings, "privacy.erased", erasure.client_id, erasure.id, by, outcome)
        for line in left:
            print(f"OUTSTANDING  {line}")
        if left:
            code = 1
            print(f"erasure {erasure.id}: not finished, due by {erasure.deadline:%Y-%m-%d}")
        else:
            print(f"erasure {erasure.id}: done; footfall privacy certificate {erasure.id}")
    return code


def _outcome(left: Sequence[str]) -> str:
    return f"{len(left)} steps outstanding" if left else "done"


def listing(settings: Settings) -> list[dict[str, Any]]:
    """Every erasure as plain values, the oldest first. Nothing of persons."""
    book = ErasureBook(settings.home)
    return [status(book, each) for each in book.all()]


def as_line(found: Mapping[str, Any]) -> str:
    """The same for a terminal."""
    done = found["finished_at"] or f"due by {found['due_by'][:10]}{' OVERDUE' if found['is_overdue'] else ''}"
    left = "".join(f"; {step}: {text}" for step, text in found["outstanding"].items())
    return f"{found['id']}  {found['client_id']}  {found['state']}  {done}{left}"


def count_stones(settings: Settings, client_id: str | None) -> Iterator[str]:
    """A line for each client and kind of id that is kept from coming back."""
    stones = in_force(settings.home, Lake.of(settings).store())
    counts: dict[tuple[str, str], int] = {}
    for client, kind, _ in stones.stones:
        if client_id in (None, client):
            counts[client, kind] = counts.get((client, kind), 0) + 1
    if not counts:
        yield "nobody was erased yet"
    for (client, kind), many in sorted(counts.items()):
        yield f"{client}  {many} {kind} ids"


def export(
    settings: Settings, client_id: str, asked: Sequence[Asked], path: Path, *, is_linked: bool, by: str
) -> str:
    """Write everything that is held of a person to a new place. Returns what was written, in one line."""
    if path.exists():
        raise FootfallError(f"{path} is there already: name a new file or folder")
    at = Installation(settings)
    client = client_of(at, client_id)
    with Warehouse(database=str(settings.warehouse)).connect() as connection:
        person = resolve(connection, client, asked, is_linked=is_linked, is_naming=False)
        tables = gather(connection, person)
        horizons = horizons_of(connection, client.client_id)
    hash_key = at.desk.signer.hash_key(client.client_id)
    delivered = recipients(at.ledger, client, at.places(client), person, hash_key, horizons)
    whom = [audit.person(settings.audit, client.client_id, each.value) for each in asked]
    noted(settings, "privacy.export", client.client_id, ", ".join(whom[:_SHOWN]), by, f"{len(asked)} ids")
    try:
        write(path, client, person, tables, delivered, datetime.now(UTC))
    except OSError as error:
        raise FootfallError(f"{path} cannot be written: {error.strerror}") from None
    rows = sum(map(len, tables.values()))
    return f"{path}: {rows} rows of {len(tables)} tables, in {len(delivered)} delivered files"


def certificate_of(settings: Settings, name: str) -> bytes:
    """The certificate of an erasure, or a file that holds one; that it was read is noted.

    Raises FootfallError.
    """
    data = _certificate_of(settings, name)
    noted(settings, "privacy.certificate", "", name, outcome="read")
    return data


def _certificate_of(settings: Settings, name: str) -> bytes:
    path = Path(name)
    if path.suffix == ".json" or path.is_file():
        try:
            return path.read_bytes()
        except OSError as error:
            raise FootfallError(f"{path} cannot be read: {error.strerror}") from None
    found = next((each for each in ErasureBook(settings.home).all() if each.id == name), None)
    if found is not None and found.certificate:
        return found.certificate.encode()
    store = Lake.of(settings).store()
    for info in store.list("certificates/"):
        if info.key.endswith(f"/{name}.json"):
            try:
                return store.get(info.key)
            except NotFound:
                break
    if found is not None:
        raise FootfallError(
            f"the erasure {name} is not finished; `footfall privacy erasures` says what is left"
        )
    raise FootfallError(f"there is no erasure {name!r}; `footfall privacy erasures` lists them")


def verified(settings: Settings, data: bytes, ids: Sequence[str], key: Path | None) -> tuple[list[str], bool]:
    """What a certificate says, a line each, and whether each of `ids` was looked for. Raises ValueError."""
    trusted = own_keys(settings.home / "keys")
    if key is not None:
        trusted = dict([public_key(key.read_bytes())])
    document = checked(data, trusted)
    lines = [
        f"certificate of erasure {document['id']}: its signature is right "
        f"(key {document['signature']['key_id']})",
        f"client {document['client']}, asked {document['asked_at']}, done {document['finished_at']}",
        f"ids looked for: {sum(len(some) for some in document['looked_for'].values())}; "
        f"hours written anew: {document['hours']}; files removed: {len(document['files_removed'])}",
    ]
    is_good = True
    for each in ids:
        found = looks_for(document, each)
        is_good &= found
        lines.append(f"{each}: {'was looked for' if found else 'was NOT looked for'}")
    return lines, is_good
