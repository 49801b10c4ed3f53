"""`ingest/events`, `ingest/quarantine` and `ingest/sites`: an hour of receipt, whole, in lake and warehouse.

One row per stored line; the clock is `received_at`. Rebuilding an hour replaces it, so hours may run in
any order, any number of times, alone or as a range in one run.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg

from footfall.catalogue.periods import HOUR_FORMAT
from footfall.clients import Registry
from footfall.described import source_columns
from footfall.hours import HOUR, between
from footfall.owners import settled
from footfall.sql import scratch
from footfall.tombstones import in_force
from orchestration.bars import note_run
from orchestration.defs.columns import column_schema
from orchestration.delivery.desk import Desk
from orchestration.given import given
from orchestration.ingest.accounts import HourCounts
from orchestration.ingest.empty_hours import empty_hours, ingest_empty
from orchestration.ingest.events_before import take_up_events
from orchestration.ingest.hour import ingest_hours
from orchestration.ingest.late_fields import replace_enrichments
from orchestration.ingest.listing import record_degraded, record_digests, record_waiting
from orchestration.ingest.review import ELSEWHERE, LOST, UNCLOSED, VOLUME, Finding, review
from orchestration.ingest.schema import make_schema
from orchestration.ingest.sites import replace_sites, replace_zone_days
from orchestration.ingest.versions import ingest_version
from orchestration.ingest.volume import volume_by_hour
from orchestration.modelling.frozen import take_up
from orchestration.partitions import each_hour, is_span, lag_minutes, window_of
from orchestration.resources.clients import Clients
from orchestration.resources.lake import Lake
from orchestration.resources.state import State
from orchestration.resources.warehouse import Warehouse

EVENTS = dg.AssetKey(["ingest", "events"])
QUARANTINE = dg.AssetKey(["ingest", "quarantine"])
SITES = dg.AssetKey(["ingest", "sites"])
_OWNER = "team:data"


@dg.multi_asset(
    name="ingest",
    specs=[
        dg.AssetSpec(
            EVENTS,
            description=(
                "One row per event received in the hour, duplicates marked; as Parquet in the lake, and an "
                "index of it in the warehouse.\n\nWhen it is red: the run's log names the object or the "
                "store that failed. Nothing is half-written: materialise the hour again."
            ),
            group_name="ingest",
            owners=[_OWNER],
            kinds={"duckdb", "parquet"},
            metadata=column_schema(source_columns("events").values()),
            code_version=ingest_version(),
        ),
        dg.AssetSpec(
            QUARANTINE,
            description=(
                "One row per line, or per whole object, that could not become an event: its reason, its "
                "bytes, its object and line.\n\nWhen it is red: it is written with `ingest/events`; "
                "see there. `footfall replay` sends lines again after their cause was mended."
            ),
            group_name="ingest",
            owners=[_OWNER],
            kinds={"duckdb", "parquet"},
            metadata=column_schema(source_columns("quarantine").values()),
            code_version=ingest_version(),
        ),
        dg.AssetSpec(
            SITES,
            description=(
                "One row per site of a valid client file: its client and its time zone.\n\nWhen it is "
                "red: it is written with `ingest/events`; see there. Where its check is red, `footfall "
                "clients` names the file and the line."
            ),
            group_name="ingest",
            owners=[_OWNER],
            kinds={"duckdb", "yaml"},
            metadata=column_schema(source_columns("sites").values()),
            code_version=ingest_version(),
        ),
    ],
    check_specs=[
        dg.AssetCheckSpec(
            "every_line_is_accounted_for",
            asset=EVENTS,
            description="Lines in the raw objects = kept + duplicate + quarantined + erased, for every hour.",
            blocking=True,
        ),
        dg.AssetCheckSpec(
            "every_hour_is_closed",
            asset=EVENTS,
            description=(
                "Every collector that lives has said that all of the hour is in the lake, and what it named "
                "is there."
            ),
        ),
        dg.AssetCheckSpec(
            "every_object_could_be_read",
            asset=EVENTS,
            description="No object of an hour was set aside as a whole. The others are ingested either way.",
        ),
        dg.AssetCheckSpec(
            "volume_is_plausible",
            asset=EVENTS,
            description="An hour has not ten times more or fewer lines than that hour of the days before.",
        ),
        dg.AssetCheckSpec(
            "nothing_is_of_a_client_handed_over",
            asset=EVENTS,
            description=(
                "No event came here for a client who was handed over to another installation. "
                "`footfall clients handoff CLIENT URL` takes there what came."
            ),
        ),
        dg.AssetCheckSpec(
            "client_files_are_valid",
            asset=SITES,
            description="No client file was set aside. The others stay in force either way.",
        ),
    ],
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="warehouse",
)
def ingest(
    context: dg.AssetExecutionContext, lake: Lake, warehouse: Warehouse, clients: Clients, state: State
) -> Iterator[dg.MaterializeResult[None]]:
    window = window_of(context)
    store = lake.store()
    registry = settled(state.folder(), store, clients.registry, datetime.now(UTC))
    files = lake.files()
    with warehouse.connect(files.folder) as connection:
        take_up_events(connection, files)
        # What is not kept any more, before anything of it could be read again.
        make_schema(connection)
        with TemporaryDirectory(prefix="footfall-horizons-", dir=scratch(connection)) as folder:
            take_up(connection, store, Desk(state.folder(), state.signer()).own_keys, Path(folder))
        hours = list(between(window.start, window.end))
        empty = set(empty_hours(connection, store, hours))
        held = (hour for hour in hours if hour not in empty)
        stones = in_force(state.folder(), store)
        filled = ingest_hours(connection, store, held, registry, files=files, stones=stones)
        for hour in filled:
            replace_enrichments(connection, store, hour.hour, stones)
        counts = sorted([*filled, *ingest_empty(connection, sorted(empty))], key=attrgetter("hour"))
        # Of an hour that still runs nobody can say yet what it lacks, nor what came late.
        over = [hour for hour in counts if hour.had_ended]
        findings = review(connection, store, over, registry.histories.values())
        sites = replace_sites(connection, registry)
        replace_zone_days(connection, registry, (hour.hour for hour in filled))
        volume = volume_by_hour(connection, counts[-1].hour) if counts else ""
    # Behind the commit: an hour that failed keeps its old digest, and is found to be stale.
    record_digests(state.listings(), {hour.hour: hour.digest for hour in over})
    # For the alerts, which must not wait for the warehouse.
    record_degraded(state.listings(), lacking(counts, findings), datetime.now(UTC))
    record_waiting(state.listings(), {hour.hour: [each.key_id for each in hour.waiting] for hour in counts})
    note_run(context)
    # What the lake held, and what the client files say: what is made of them is stale where that changes.
    lake_version = _data_version(hour.digest for hour in counts)
    for hour in counts:
        if not is_span(context) or hour.hour + HOUR == window.end:
            _describe(context, hour)
        elif hour.hour not in empty:
            for made in _made_in(hour):
                if made.asset_key == EVENTS or hour.quarantined:
                    context.log_event(made)
    context.add_asset_metadata(
        {"volume_by_hour": dg.MetadataValue.md(volume), "places": state.places()}, asset_key=EVENTS
    )
    yield dg.MaterializeResult(
        asset_key=EVENTS, check_results=list(_checks(counts, findings)), data_version=lake_version
    )
    yield dg.MaterializeResult(asset_key=QUARANTINE, data_version=lake_version)
    yield dg.MaterializeResult(
        asset_key=SITES,
        metadata={"dagster/row_count": sites},
        check_results=[_client_files_check(registry)],
        data_version=_data_version(
            f"{client.client_id} {site.model_dump_json()}"
            for client in registry.clients
            for site in client.sites
        ),
    )


def _data_version(facts: Iterable[str]) -> dg.DataVersion:
    """A name of what was read, by the rules that it is read by."""
    digest = hashlib.sha256("\n".join([ingest_version(), *facts]).encode())
    return dg.DataVersion(digest.hexdigest()[:16])


@dg.definitions
def ingesting() -> dg.Definitions:
    return dg.Definitions(assets=[each_hour(ingest, given().first_hour)])


def lacking(
    counts: Sequence[HourCounts], findings: Sequence[Finding]
) -> dict[datetime, list[tuple[str, str]]]:
    """Hour → the objects that it lacks, or lacks lines of, and why; none for an hour that is whole."""
    return {
        hour.hour: [
            *hour.unreadable,
            *hour.damaged,
            *((each.object, each.text) for each in hour.waiting),
            *((each.key, each.detail) for each in findings if each.kind == LOST and each.hour == hour.hour),
        ]
        for hour in counts
    }


def _checks(counts: Sequence[HourCounts], findings: Sequence[Finding]) -> Iterator[dg.AssetCheckResult]:
    lost = [hour for hour in counts if not hour.is_conserved]
    yield dg.AssetCheckResult(
        check_name="every_line_is_accounted_for",
        asset_key=EVENTS,
        passed=not lost,
        metadata={
            "hours": len(counts),
            "lines": sum(hour.lines for hour in counts),
            "hours_that_do_not_add_up": _listed(f"{hour.hour:%Y-%m-%dT%H}" for hour in lost),
            "objects_that_do_not_add_up": _listed(key for hour in counts for key in hour.uneven),
        },
    )
    degraded = [f"{hour.hour:%Y-%m-%dT%H}" for hour in counts if hour.is_degraded]
    yield dg.AssetCheckResult(
        check_name="every_object_could_be_read",
        asset_key=EVENTS,
        passed=not degraded,
        # The alert `hour_degraded` tells it by object and until it is mended; an error would tell it twice.
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "hours": len(counts),
            "objects": sum(hour.objects for hour in counts),
            "degraded_hours": _listed(degraded),
        },
    )
    conserved = {hour.hour for hour in counts if hour.is_conserved}
    for name, kinds in (
        ("every_hour_is_closed", (UNCLOSED, LOST)),
        ("volume_is_plausible", (VOLUME,)),
        ("nothing_is_of_a_client_handed_over", (ELSEWHERE,)),
    ):
        found = [each for each in findings if each.kind in kinds and each.hour in conserved]
        yield dg.AssetCheckResult(
            check_name=name,
            asset_key=EVENTS,
            passed=not found,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "hours": len(counts),
                "found": _listed(f"{each.hour:%Y-%m-%dT%H}: {each.detail}" for each in found),
            },
        )


def _listed(lines: Iterable[str]) -> dg.MetadataValue:
    """A list as the UI shows it at a glance, which it does with no Markdown and no JSON of a check."""
    return dg.MetadataValue.text("\n".join(lines) or "none")


def _describe(context: dg.AssetExecutionContext, hour: HourCounts) -> None:
    for made in _made_in(hour):
        context.add_asset_metadata(made.metadata, asset_key=made.asset_key, partition_key=str(made.partition))


def _made_in(hour: HourCounts) -> Iterator[dg.AssetMaterialization]:
    """What an hour has, as it is shown: its events, and its quarantine."""
    partition = hour.hour.astimezone(UTC).strftime(HOUR_FORMAT)
    yield dg.AssetMaterialization(
        EVENTS,
        partition=partition,
        metadata={
            "dagster/row_count": hour.kept + hour.duplicates,
            "objects": hour.objects,
            "bytes": hour.bytes,
            "lines": hour.lines,
            "kept": hour.kept,
            "duplicates": hour.duplicates,
            "quarantined": hour.quarantined,
            "erased": hour.erased,
            "lag_minutes": lag_minutes(hour.hour + HOUR),
            "is_degraded": hour.is_degraded,
            "restated_hours": ", ".join(f"{other:%Y-%m-%dT%H}" for other in hour.restated) or "none",
        },
    )
    yield dg.AssetMaterialization(
        QUARANTINE,
        partition=partition,
        metadata={"dagster/row_count": hour.quarantined, "by_reason": dict(hour.reasons)},
    )


def _client_files_check(registry: Registry) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="client_files_are_valid",
        asset_key=SITES,
        passed=not registry.mistakes,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            "clients": len(registry.clients),
            "mistakes": _listed(str(mistake) for mistake in registry.mistakes),
        },
    )
