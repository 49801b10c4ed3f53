"""The steps of an erasure, each of which may be taken again without harm.

suppress ─ spool ─ raw ─ models ─ published ─ warehouse ─ waiting ─ deliver ─ delivered ─ local ─
   └ from here on nothing of the person is taken in again      backups ─ versions ─ certificate
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from footfall.catalogue.tables import DATASETS
from footfall.clients import Client
from footfall.errors import FootfallError
from footfall.exports import LIVE
from footfall.object_versions import Kept, remove_versions
from footfall.probe import kept_of_removed
from footfall.sql import set_memory
from footfall.store import LocalStore
from orchestration.delivery.batch import Order, deliver_all
from orchestration.delivery.horizons import Horizons, horizons_of
from orchestration.delivery.ledger import Ledger, LedgerRow
from orchestration.delivery.moved_days import follow
from orchestration.delivery.places import Place
from orchestration.delivery.progress import IngestedHours
from orchestration.modelling.publishing.client import MEMORY, Terms, publish_client
from orchestration.modelling.publishing.notes import forget
from orchestration.privacy import erasure_delivered as delivered
from orchestration.privacy import erasure_local as local
from orchestration.privacy import erasure_warehouse as models
from orchestration.privacy.erasure_carried import carried_left
from orchestration.privacy.erasure_house import Work
from orchestration.privacy.erasure_postgres import clean_postgres
from orchestration.privacy.erasure_raw import forget_lines
from orchestration.privacy.erasure_search import Needles
from orchestration.privacy.erasure_versions import clean_lake, ours, unseen


def _spool(work: Work) -> list[str]:
    house = work.house
    hours, left = local.clean_spool(house.spool, work.stones, house.now, seconds=house.spool_seconds)
    known = {*work.facts("spool").get("hours", []), *(each.isoformat() for each in hours)}
    work.note("spool", hours=sorted(known))
    if left:
        return [
            f"{len(left)} segments of the spool hold the person and are not in the lake yet, the first "
            f"{left[0].name}: is the lake away?"
        ]
    return []


def _models(work: Work) -> list[str]:
    house = work.house
    touched = [datetime.fromisoformat(each) for each in work.facts("raw").get("hours", [])]
    path, target = Path(house.warehouse.database), house.home / "dbt" / f"erasure-{work.erasure.id}"
    with house.warehouse.exclusive():
        spans = models.model(path, touched, house.files, target, house.prepared())
    work.note("models", windows=len(spans), hours=len(touched))
    return []


def _published(work: Work) -> list[str]:
    """Twice: the second time what the first one replaced is past its time, and goes.

    Tables by row whole: a base keeps rows that are gone, and a list of these names who they were of.
    """
    house, store = work.house, work.house.lake
    if house.has_ended(work.client):  # its tables went with its end; what was noted for them goes now
        with house.warehouse.connect() as connection:
            forget(connection, work.client.client_id)
        return []
    terms = Terms(house.published_days, timedelta(), is_anew=True)
    cache = house.cache_of(work.client.client_id)
    readable = [store.root / "marts"] if isinstance(store, LocalStore) else [house.home / "cache"]
    with house.warehouse.connect(*readable) as connection:
        set_memory(connection, MEMORY)
        for _ in range(2):
            snapshot = publish_client(connection, store, work.client.client_id, cache, terms, house.now)
    work.note("published", snapshot=snapshot.name)
    return []


def _warehouse(work: Work) -> list[str]:
    house = work.house
    with house.warehouse.connect() as connection:
        models.purge(connection, work.person)
        found = models.rows_left(connection, work.person, work.erasure.until)
    left = [f"{table} has {rows} rows of the person" for table, rows in found.items()]
    left += carried_left(house.lake, work.person.client, work.needles)
    if left:
        return left
    house.edge("purged warehouse")
    with house.warehouse.exclusive():
        before, after = models.compact(Path(house.warehouse.database))
    work.note("warehouse", bytes_before=before, bytes_after=after)
    return []


def _waiting(work: Work) -> list[str]:
    """Rendered files that wait: before anything is delivered anew."""
    return delivered.drop_open(work.house.ledger, work.house.desk, work.client, work.needles)


def _deliver(work: Work) -> list[str]:
    """A new revision for each period whose rows are others now.

    A period before the horizon has others for other reasons as well (docs/lifecycle.md), so it gets one only
    where he stands in what was delivered; and none where its rows are not kept any more.
    """
    house, client, first = work.house, work.client, work.person.first
    if client.client_id in house.registry.stopped:
        return [house.registry.stopped[client.client_id]]
    if house.has_ended(client):
        work.note("deliver", revisions=0)
        return []
    made, left = 0, []
    with house.warehouse.connect(*house.desk.folders) as connection:
        horizons = horizons_of(connection, client.client_id)
        his = _periods_with_him(work, horizons)
        orders = []
        for export in client.exports:
            follow(house.ledger, house.desk, client, export)
            calendar = client.calendar(export)
            periods = {
                calendar.at(start)
                for start in house.ledger.starts(client.client_id, export.name)
                if (delivered.is_touched(export.kind, start, first) and horizons.is_compared(start))
                or (export.name, start) in his
            }
            orders.append(Order(client, export, tuple(periods)))
        hours = IngestedHours.read(connection, house.first_hour)
        for report in deliver_all(
            connection,
            orders,
            house.places,
            house.ledger,
            house.desk,
            hours,
            reason="erasure",
            is_with_restated=False,
        ):
            for outcome in report.asked:
                made += outcome.status == "delivered"
                if outcome.status == "failed":
                    left.append(
                        f"{report.order.export.name} {outcome.period_start:%Y-%m-%dT%H}: {outcome.error}"
                    )
    work.note("deliver", revisions=int(work.facts("deliver").get("revisions", 0)) + made)
    return left


def _periods_with_him(work: Work, horizons: Horizons) -> set[tuple[str, datetime]]:
    """Periods before the horizon that can be delivered anew, and hold him as they are."""
    house, client = work.house, work.client
    rows = [
        row
        for row in delivered.rows_to_search(house.ledger, client, work.person.first, horizons)
        if not horizons.is_compared(row.period_start) and not _is_gone(client, horizons, row)
    ]
    found = delivered.find_files(house.ledger, client, rows, house.places(client), work.needles)
    return {(each.export, datetime.fromisoformat(each.period)) for each in found}


def _is_gone(client: Client, horizons: Horizons, row: LedgerRow) -> bool:
    """Whether a period cannot be delivered anew, because its events are not kept."""
    export = next((each for each in client.exports if row.export in (each.name, each.name + LIVE)), None)
    return export is not None and horizons.is_gone(DATASETS[export.dataset], row.period_start)


def _delivered(work: Work) -> list[str]:
    """Older revisions go from every bucket; what may not go is named to its owner.

    Of periods that cannot be delivered anew our copies go; what the client has is his to clean, and named.
    """
    house, client = work.house, work.client
    places = house.places(client)
    facts = work.facts("delivered")
    before = [delivered.OldFile(**each) for each in facts.get("files", [])]
    final = {each.key: each for each in before if not _has_none_newer(each)}
    if len(final) < len(before) and (left := _deliver(work)):  # its export may be ordered again
        return left
    if "files" not in facts or len(final) < len(before) or facts.get("damaged"):
        with house.warehouse.connect() as connection:
            horizons = horizons_of(connection, client.client_id)
        rows = delivered.rows_to_search(house.ledger, client, work.person.first, horizons)
        damaged = list[str]()
        found = delivered.find_files(
            house.ledger,
            client,
            rows,
            places,
            work.needles,
            lambda row: house.has_ended(client) or _is_gone(client, horizons, row),
            _kept(work),
            damaged.append,
            is_made_anew=True,
        )
        known = final | {each.key: each for each in found}
        facts = {
            "files": [vars(each) for each in known.values()],
            "salt": facts.get("salt", secrets.token_hex(16)),
            "damaged": damaged,
        }
        work.note("delivered", **facts)
        house.edge("found delivered")
    files = [delivered.OldFile(**each) for each in facts["files"]]
    old = [each for each in files if not each.is_newest]
    gone = [each for each in files if each.is_gone]
    left = [
        f"{each.export} {each.period}: the newest revision still holds the person; is its export ordered no "
        f"more? {each.key}"
        for each in files
        if _has_none_newer(each)
    ]
    left += facts.get("damaged", [])
    kept: dict[str, list[dict[str, str]]] = {}
    for place in places.values() if files else ():
        mine = _of_place(house.ledger, client, place.name, [*old, *(gone if place.is_backup else ())])
        still: list[str] = []
        try:
            if mine:
                still = delivered.remove(
                    house.ledger,
                    house.desk,
                    client,
                    place,
                    work.erasure.id,
                    mine,
                    decided_at=work.erasure.asked_at,
                    decided_by=work.erasure.asked_by,
                    until=work.erasure.deadline,
                )
                house.edge(f"removed from {place.name}")
            versions = remove_versions(place.store(), {each.key for each in mine})
            kept[place.name] = [vars(each) for each in versions.versions]
            if place.is_backup:
                still += ours(place.store(), versions)
            else:
                his = _of_place(house.ledger, client, place.name, gone)
                still_his = [*still, *map(_named, his), *unseen(versions)]
                _tell(work, place, files, still_his, versions, facts["salt"])
        except FootfallError as error:
            still = [f"{place.name}: {error}"]
        left += still
    buckets = {place.name: _kept_there(place) for place in places.values()}
    work.note("delivered", removed=len(old), left_to_client=len(gone), buckets=buckets, versions=kept)
    return left


def _kept_there(place: Place) -> str:
    try:
        return kept_of_removed(place.store())
    except FootfallError as error:
        return f"nobody can tell whether versions of it stay: {error}"


def _has_none_newer(file: delivered.OldFile) -> bool:
    return file.is_newest and not file.is_gone


def _kept(work: Work) -> tuple[datetime, Needles] | None:
    """Since when what the person does is kept, and what of before names its rows alone."""
    if work.erasure.until is None:
        return None
    hash_key = work.house.desk.signer.hash_key(work.client.client_id)
    plain = [*work.person.events, *work.person.sessions]
    return work.erasure.until, Needles([*plain, *delivered.hashed_forms(plain, hash_key)])


def _named(file: delivered.OldFile) -> str:
    return f"{file.key}: what it was made of is not kept any more, so none takes its place: yours to clean"


def _of_place(
    ledger: Ledger, client: Client, place: str, files: Sequence[delivered.OldFile]
) -> list[delivered.OldFile]:
    """Those of the files that were put to a place."""
    periods = {(each.export, each.period) for each in files}
    put = {
        file.key
        for export, period in periods
        for row in ledger.revisions(client.client_id, export, datetime.fromisoformat(period))
        if place in ledger.copies(row)
        for file in row.files
    }
    return [each for each in files if each.key in put]


def _tell(
    work: Work,
    place: Place,
    files: Sequence[delivered.OldFile],
    still: Sequence[str],
    versions: Kept,
    salt: str,
) -> None:
    ids: Mapping[str, Sequence[str]] = {
        **dict(work.person.ids),
        "event": work.person.events,
        "session": sorted({*work.person.sessions, *work.person.ids.get("session", ())}),
    }
    data = delivered.notice(
        work.client,
        work.erasure.id,
        files,
        still,
        versions.versions,
        ids,
        salt,
        work.erasure.asked_at,
        work.house.desk,
    )
    delivered.put_notice(
        work.house.ledger,
        work.house.desk,
        work.client,
        place,
        work.erasure.id,
        work.erasure.asked_at,
        data,
    )


def _local(work: Work) -> list[str]:
    house = work.house
    files = local.clean_folders(house.home, work.needles) + local.clean_cache(house.cache)
    files += local.clean_compute_logs(house.lake, work.needles)
    found = [local.clean_databases(house.home, work.needles), local.clean_history(house.home, work.needles)]
    if house.postgres is not None:
        before = work.facts("local").get("anew", [])
        found.append(
            clean_postgres(house.postgres, work.needles, before, lambda names: work.note("local", anew=names))
        )
    work.note("local", files=files, cells=sum(each.cells for each in found))
    return [line for each in found for line in each.left]


def _backups(work: Work) -> list[str]:
    return work.house.forget_backups(work.stones)


#: Step → what does it, in order.
STEPS: Mapping[str, Callable[[Work], list[str]]] = {
    "spool": _spool,
    "raw": forget_lines,
    "models": _models,
    "published": _published,
    "warehouse": _warehouse,
    "waiting": _waiting,
    "deliver": _deliver,
    "delivered": _delivered,
    "local": _local,
    "backups": _backups,
    "versions": clean_lake,
}
#: Steps without which those after them would do half of their work.
NEEDED = frozenset({"spool", "raw", "models", "deliver"})
