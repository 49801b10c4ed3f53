"""What `footfall clients moved` and `end` do: a person says whose a client id is."""

import contextlib
import shutil
from datetime import UTC, datetime, timedelta

from commands.ledger_work import Installation
from footfall.catalogue.periods import kind_of
from footfall.clients import Client
from footfall.durable import open_lake
from footfall.errors import FootfallError
from footfall.hours import HOUR, between, floor, run_command
from footfall.identities import Had, History, written_id
from footfall.identity_files import change, synchronise
from footfall.published.opening import remove_published
from footfall.salts import SALT_LIFE
from footfall.settings import Settings
from footfall.store import ObjectStore
from orchestration.delivery import states
from orchestration.delivery.ledger import LedgerRow
from orchestration.delivery.redeliver import as_line
from orchestration.discovery.database import registry as domain_registry
from orchestration.discovery.usage_messages import tell_again
from orchestration.ingest.listing import OLDEST, read_digests, record_digests
from orchestration.reloading import reload
from orchestration.retention.plan import ENDED_DAYS

#: Where clocks are put forward.
_SHORTEST_DAY = 23 * HOUR


def moved(settings: Settings, client_id: str) -> int:
    """The same owner has other sites and buckets: its identity takes them. Returns the exit code."""
    lake, at = entered(settings)
    history = history_of(at, client_id)
    client = at.registry.client(history.name)
    if client is None or history.name not in at.registry.stopped:
        raise FootfallError(f"{client_id} waits for no decision; `footfall clients` shows who does")
    since, now = _since(at, history), datetime.now(UTC)
    change(
        settings.home,
        history.client_id,
        lambda found: unless_newer(found, history).with_file(Had.of(client), now),
    )
    synchronise(settings.home, lake)
    print(f"{history.name} has moved: {Had.of(client)}")
    print("its deliveries go on there; what its buckets had stays where it is")
    _catch_up(settings, since, now)
    return 0


def end(settings: Settings, client_id: str, *, gives_up: bool) -> int:
    """The owner's time is over: nothing more is delivered, and the id is free. Returns the exit code."""
    lake, at = entered(settings)
    history = history_of(at, client_id)
    current = history.current
    if current is None:
        raise FootfallError(f"{client_id} has ended, and no file of that id came since")
    client = _file_of_another(settings, at, history)
    unfinished = [row for row in at.ledger.unfinished() if row.client_id == current.name]
    waiting = [row for row in unfinished if row.is_open]
    if waiting and not gives_up:
        for row in waiting:
            print(as_line(row))
        print(
            f"{len(waiting)} deliveries of {current.name} have not arrived; put its file back and "
            "`footfall deliveries replay`, or give them up with --give-up"
        )
        return 1
    since, now = _since(at, history), datetime.now(UTC)
    change(settings.home, history.client_id, lambda found: _ended(unless_newer(found, history), client, now))
    synchronise(settings.home, lake)
    for row in unfinished:  # those that are no deliveries are notices that nobody took
        at.ledger.record(row, states.SUPERSEDED if row.is_open else row.state, hold="", next_at=None)
    shutil.rmtree(settings.home / "outbox" / current.name, ignore_errors=True)
    remove_published(lake, current.name)
    settings.cache_of(current.name).remove()
    _tell_the_end(settings, at, current.name, len(waiting))
    if client is not None:
        print(f"the file of {client_id} is of {history.ended(now).name}: {Had.of(client)}")
        _catch_up(settings, since, now)
    return 0


def entered(settings: Settings) -> tuple[ObjectStore, Installation]:
    """The lake, which must answer for a decision to be taken, and the installation as it knows it."""
    lake = open_lake(settings.lake, settings.s3_endpoint, settings.home)
    synchronise(settings.home, lake)
    return lake, Installation(settings)


def history_of(at: Installation, client_id: str) -> History:
    history = at.registry.histories.get(written_id(client_id))
    if history is None:
        known = ", ".join(sorted(at.registry.histories)) or "none yet"
        raise FootfallError(f"no client {client_id!r} was ever in force; those that were: {known}")
    return history


def _file_of_another(settings: Settings, at: Installation, history: History) -> Client | None:
    """The client of a new owner's file, None where there is no file. Raises FootfallError for any other."""
    path = settings.clients / f"{history.client_id}.yaml"
    client = at.registry.client(history.name)
    if client is None:
        if path.exists():
            raise FootfallError(
                f"{path} was set aside, so whose it is cannot be seen; `footfall clients` says why: mend or "
                "remove it, then say it again"
            )
        return None
    if history.name not in at.registry.stopped:
        raise FootfallError(
            f"{path} still names what {history.name} has; remove it, or put the new owner's in its place, "
            "then say it again"
        )
    return client


def unless_newer(found: History, seen: History) -> History:
    if found.version != seen.version:
        raise FootfallError(f"{seen.client_id} was changed meanwhile; say it again")
    return found


def _ended(found: History, client: Client | None, now: datetime) -> History:
    ended = found.ended(now)
    return ended.with_file(Had.of(client), now) if client else ended


def _since(at: Installation, history: History) -> datetime:
    """The hour from which on rows may be another owner's: that of its newest delivery.

    Earlier where its newest period ended earlier: the hours after it may have been run without it.
    """
    current = history.current
    assert current is not None, "it has not ended"
    newest = ended = None
    for row in at.ledger.walk(current.name):
        if row.committed_at:
            newest = max(newest or row.committed_at, row.committed_at)
            end = row.period_start + _least(row.cadence)
            ended = max(ended or end, end)
    return floor(min(newest, ended) if newest and ended else current.made_at)


def _least(cadence: str) -> timedelta:
    """How long a period is at least."""
    kind = kind_of(cadence)
    return _SHORTEST_DAY if kind.minutes is None else timedelta(minutes=kind.minutes)


def _catch_up(settings: Settings, since: datetime, now: datetime) -> None:
    """Have the hours that were run meanwhile run again: whose their lines are is known now."""
    path = settings.home / "listings.sqlite"
    oldest = floor(now - OLDEST)
    hours = list(between(max(since, oldest), floor(now)))
    if path.exists() and hours:
        record_digests(path, dict.fromkeys(read_digests(path, hours), "an owner was decided"))
    if settings.registry.exists():
        with domain_registry(settings.registry) as database:
            tell_again(database, since - timedelta(hours=1))
    with contextlib.suppress(FootfallError):  # no UI runs here
        reload(settings)
    by_itself = "it" if since >= oldest else f"those from {oldest:%Y-%m-%dT%H} on"
    print(
        "the hours since its newest delivery have to be run again; a running Dagster does "
        f"{by_itself} by itself, else:"
    )
    print(f"  {run_command(since, floor(now) + HOUR, now)}")


def _tell_the_end(settings: Settings, at: Installation, name: str, given_up: int) -> None:
    newest: dict[str, LedgerRow] = {}
    for row in at.ledger.walk(name):
        if row.is_delivered:
            newest[row.export] = row
    print(
        f"{name} has ended, and nothing more is delivered for it"
        + (f"; {given_up} given up" if given_up else "")
    )
    for export, row in sorted(newest.items()):
        print(f"  last of {export}: {row.period_start:%Y-%m-%dT%H:%MZ} rev {row.revision}")
    if not newest:
        print("  nothing was ever delivered")
    hours = SALT_LIFE // HOUR
    print(f"kept for {ENDED_DAYS} days, unless its last `retention` is shorter or somebody holds it:")
    print("  in its buckets: all that was delivered; they are the owner's")
    print(f"  in {settings.backup}/{name}: the copies of that")
    print(f"  in {settings.lake}: raw objects and events; no published table any more")
    print(f"  salts: until {hours} hours after their day; in the warehouse and the ledger: as long as these")
