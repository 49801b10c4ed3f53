"""The stores of an installation for a run of retention, by its settings: for Dagster and for commands."""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from footfall.allowed import Allowed
from footfall.clients import Client, registry_of
from footfall.errors import FootfallError
from footfall.owners import running, settled
from footfall.raw_keys import KeyRing
from footfall.retention.rules import KEEP
from footfall.settings import Settings
from footfall.sql import has_table, set_memory
from footfall.store import LocalStore
from footfall.tombstones import in_force
from orchestration.delivery.desk import Desk, posting_for
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.places import Places, places_of
from orchestration.delivery.versions import software
from orchestration.modelling.build import Window, build
from orchestration.modelling.command import build_whole, build_windowed
from orchestration.modelling.invoke import failures
from orchestration.modelling.project import prepare
from orchestration.modelling.publishing.client import MEMORY, Terms, publish_client
from orchestration.modelling.untouched import note_begun
from orchestration.privacy.request_book import RequestBook
from orchestration.privacy.waiting_requests import put_waiting_everywhere
from orchestration.resources.destinations import Destinations
from orchestration.resources.lake import Lake
from orchestration.resources.state import State
from orchestration.resources.warehouse import Warehouse
from orchestration.retention.copies import bring_backups
from orchestration.retention.house import House
from orchestration.retention.raw_key_shredding import keys_left, shred_key


def house_of(
    settings: Settings,
    by: str,
    say: Callable[[str], object] = lambda _text: None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> House:
    """Raises FootfallError, StoreError."""
    lake = Lake.of(settings)
    store, files = lake.store(), lake.files()
    warehouse = Warehouse(database=str(settings.warehouse))
    state = State(home=str(settings.home), ledger_path=str(settings.ledger), dbt_folder="")
    allowed = Allowed.of(settings)
    desk = Desk(settings.home, state.signer(), software(), now=now, post=posting_for(allowed))
    registry = settled(settings.home, store, lambda: registry_of(settings), now())
    destinations = Destinations(
        home=str(settings.home),
        backup_url=settings.backup,
        s3_endpoint=settings.s3_endpoint,
        rules=allowed.as_config(),
    )

    def places(client: Client) -> Places:
        if not client.exports:  # it has ended: what lies in its own buckets is its own
            return places_of(destinations.backup_of(client.client_id))
        return places_of(
            destinations.openings(
                client,
                desk.signer.challenge,
                taken=registry.places_of_others(client.client_id),
            )
        )

    def make(windows: list[Window]) -> None:
        target, known = settings.home / "dbt" / "retention", prepare(settings.home, say)
        with warehouse.connect(files.folder) as connection:
            note_begun(connection)
        whole = (windows[0][0], windows[-1][1])
        with warehouse.exclusive():
            for arguments, window, shown in (
                *((build_windowed(has_views=n > 0), window, files) for n, window in enumerate(windows)),
                (build_whole(), whole, None),
            ):
                bad = failures(build(arguments, settings.warehouse, window, target, shown, known))
                if bad:
                    raise FootfallError(f"{len(bad)} models and tests failed: " + "; ".join(bad))

    def publish() -> None:
        terms = Terms(settings.published_days, timedelta(minutes=settings.published_grace_minutes))
        readable = [store.root / "marts"] if isinstance(store, LocalStore) else [settings.cache]
        with warehouse.connect(*readable) as connection:
            set_memory(connection, MEMORY)
            # Of an installation that has run no hour yet nothing is published.
            is_modelled = has_table(connection, "intermediate", "int_events_sessionised")
            for client in running(registry) if is_modelled else ():
                cache = settings.cache_of(client.client_id)
                # What has expired stays in no base of a table by row.
                of_client = replace(terms, is_anew=client.retention.events != KEEP)
                publish_client(connection, store, client.client_id, cache, of_client, now())

    def let_go(gone: Collection[str], held: Collection[str]) -> list[str]:
        lapsed = RequestBook(settings.home).let_go(now(), gone, held)
        for line in put_waiting_everywhere(settings, in_force(settings.home, store)):
            say(line)
        return lapsed

    def shred_keys(gone: Collection[str]) -> list[str]:
        left = []
        for each in keys_left(settings, store, gone):
            left += shred_key(settings, store, each, by=by, why="its client has ended", at=now())
            KeyRing(settings.home).forget_current(each.client_id)
        return left

    return House(
        store,
        files,
        registry,
        Ledger(settings.ledger),
        desk,
        places,
        warehouse.connect,
        make,
        publish,
        settings.first_hour_file,
        lambda: in_force(settings.home, store),
        by,
        say,
        lambda: bring_backups(settings, store, registry, desk.own_keys, in_force(settings.home, store)),
        let_go,
        shred_keys,
    )
