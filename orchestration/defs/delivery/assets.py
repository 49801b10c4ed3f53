"""`deliveries/<client>/<export>`: one asset for each client export, a partition for each period.

All exports of a cadence are one subsettable multi-asset: an hourly run delivers to every client, a hole in
a client's bar is a missing delivery, and one client can be backfilled alone. A delivery that fails holds
up no other; the run fails when all the others are done. The parts of live exports are assets of their own,
`deliveries/<client>/<export>/live`, with a partition for each hour that they lie in.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from operator import attrgetter

import dagster as dg

from footfall.catalogue.periods import Period
from footfall.clients import Client, Export, registry_of
from footfall.errors import FootfallError
from footfall.exports import LIVE
from footfall.failures import OwnerChanged, sorted_out
from footfall.owners import note_delivered
from footfall.settings import Settings
from orchestration.defs.delivery.showing import (
    GROUP,
    LEDGER,
    asset_key,
    facts,
    failure,
    ledger_table,
    partition_of,
    parts_table,
    state_table,
)
from orchestration.delivery.batch import Order, Report, deliver_all
from orchestration.delivery.desk import Desk, posting_for
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.live import due_parts
from orchestration.delivery.places import Places, places_of
from orchestration.delivery.progress import IngestedHours
from orchestration.delivery.send import Outcome
from orchestration.delivery.versions import software
from orchestration.partitions import OPEN_TAG, daily, first_hour, hourly, zone_name
from orchestration.resources.clients import Clients
from orchestration.resources.destinations import Destinations
from orchestration.resources.state import State
from orchestration.resources.warehouse import Warehouse

#: In the run of this hour (UTC), delivered periods of any age are compared with the warehouse, once a day.
SWEEP_HOUR = 3
#: The op of the parts of live exports.
LIVE_OP = "deliveries_live"


def _spec(client: Client, export: Export) -> dg.AssetSpec:
    mapping = dg.LastPartitionMapping() if export.kind.is_day else None
    where = ", ".join(f"`{client.destinations()[name].url}`" for name in export.destinations)
    return dg.AssetSpec(
        asset_key(client.client_id, export.name),
        # A local day does not line up with UTC hours for Dagster; that all its hours are ingested is
        # checked before the day is delivered.
        deps=[dg.AssetDep(key, partition_mapping=mapping) for key in _made_of(client, export)],
        description=(
            f"`{export.dataset}` for {client.name}, {export.cadence}, as {export.extension} in {where} and "
            "in the backup bucket.\n\n"
            "**When it is red:** the failure names the bucket, what it answered and what to do. Mend that; "
            "what waits is sent by itself, or at once with the job `redeliver`. Nothing is sent twice."
        ),
        group_name=GROUP,
        owners=["team:delivery"],
        kinds={export.format},
        tags={"client": client.client_id},
        skippable=True,
    )


def _made_of(client: Client, export: Export) -> list[dg.AssetKey]:
    """The export's table; where rows are held back, also what says which."""
    table = dg.AssetKey([export.dataset])
    return [table, dg.AssetKey(["discovery", "domains"])] if client.unverified_domains == "hold" else [table]


def _deliveries(
    name: str, exports: list[tuple[Client, Export]], partitions: dg.PartitionsDefinition
) -> dg.AssetsDefinition:
    """The multi-asset of all exports, or of all parts of exports, that share a partitions definition."""
    are_parts = name == LIVE_OP

    @dg.multi_asset(
        name=name,
        specs=[_spec(client, export) for client, export in exports],
        can_subset=True,
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool="warehouse",
        retry_policy=dg.RetryPolicy(
            max_retries=3,
            delay=20,  # seconds; three tries span about two and a half minutes
            backoff=dg.Backoff.EXPONENTIAL,
            jitter=dg.Jitter.PLUS_MINUS,
        ),
    )
    def deliveries(
        context: dg.AssetExecutionContext,
        warehouse: Warehouse,
        clients: Clients,
        destinations: Destinations,
        state: State,
    ) -> Iterator[dg.MaterializeResult]:
        ledger = Ledger(state.ledger())
        failed: list[tuple[str, str, Outcome]] = []
        states: Counter[str] = Counter()
        try:
            desk = Desk(state.folder(), state.signer(), software(), post=posting_for(clients.allowed()))
        except FootfallError as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        with warehouse.connect(*desk.folders) as connection:
            hours = IngestedHours.read(connection, first_hour())
            registry = clients.registry()
            orders = []
            for client, export in exports:
                if asset_key(client.client_id, export.name) not in context.selected_asset_keys:
                    continue
                try:
                    current = clients.client(client.client_id)
                    destinations.openings(current, lambda _: "")
                except FootfallError as error:
                    now = datetime.now(UTC)
                    trouble = Outcome(now, "failed", trouble=sorted_out(error))
                    told = {each for each, _, _ in failed} if isinstance(error, OwnerChanged) else set()
                    if client.client_id not in told:  # whose owner is not known, once for all exports
                        failed.append((client.client_id, export.name, trouble))
                    continue
                is_open = OPEN_TAG in context.run.tags
                orders.append(_order(current, export, context.partition_keys, hours, ledger, is_open))

            def places(client: Client) -> Places:
                return places_of(
                    destinations.openings(
                        client,
                        lambda url: desk.signer.derived(f"challenge:{url}"),
                        taken=registry.places_of_others(client.client_id),
                        is_new=lambda root: not ledger.has_written(root),
                    )
                )

            reports = deliver_all(
                connection,
                orders,
                places,
                ledger,
                desk,
                hours,
                is_sweep=_is_sweep(context.partition_keys),
                # All parts of the hour are asked for anyway, and those of other hours are closed.
                is_with_restated=not are_parts,
            )
            try:
                for report in reports:
                    if report.has_arrived:
                        note_delivered(state.folder(), report.order.client, datetime.now(UTC))
                    states.update(each.status for each in (*report.asked, *report.others))
                    failed += [
                        (report.order.client.client_id, report.order.export.name, each)
                        for each in report.failed
                    ]
                    yield from _tell(context, report)
            except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
                reports.close()
                # The retry policy is for destinations that fail, not for people who change their minds.
                raise dg.Failure(
                    "stopped while delivering; run it again",
                    metadata={"is_stopped": True},
                    allow_retries=False,
                ) from None
        open_rows = ledger.unfinished()
        context.log_event(
            dg.AssetMaterialization(
                LEDGER,
                metadata={
                    "unfinished": ledger_table(open_rows),
                    "this_run": state_table(states),
                    "by_state": state_table(Counter(row.shown for row in open_rows)),
                    "dagster/row_count": len(open_rows),
                },
            )
        )
        ledger.close()
        if failed:
            raise failure(failed)

    return deliveries


def _tell(context: dg.AssetExecutionContext, report: Report) -> Iterator[dg.MaterializeResult]:
    """What arrived, as materialisations: of the asset where all of it did, else of single partitions."""
    client, export = report.order.client, report.order.export
    key = asset_key(client.client_id, export.name)
    bad = report.failed
    for outcome in report.others if not bad else (*report.asked, *report.others):
        if outcome.status == "delivered" or (bad and outcome.status == "unchanged"):
            context.log_event(
                dg.AssetMaterialization(
                    key,
                    partition=partition_of(client, export, outcome),
                    metadata=facts(outcome, ended_at=_ended_at(client, export, outcome)),
                )
            )
    if not bad and export.name.endswith(LIVE):
        rows = sum(outcome.rows for outcome in report.asked)
        yield dg.MaterializeResult(
            asset_key=key, metadata={"dagster/row_count": rows, "parts": parts_table(report.asked)}
        )
    elif not bad:
        for outcome in report.asked:
            context.add_asset_metadata(
                facts(
                    outcome,
                    report.previews.get(outcome.period_start),
                    _ended_at(client, export, outcome),
                ),
                asset_key=key,
                partition_key=partition_of(client, export, outcome),
            )
        yield dg.MaterializeResult(asset_key=key)


def _ended_at(client: Client, export: Export, outcome: Outcome) -> datetime:
    return client.calendar(export).at(outcome.period_start).window[1]


def _is_sweep(partitions: list[str]) -> bool:
    return any(partition.endswith(f"-{SWEEP_HOUR:02d}:00") for partition in partitions)


def _order(
    client: Client,
    export: Export,
    partitions: Iterable[str],
    hours: IngestedHours,
    ledger: Ledger,
    is_open: bool,
) -> Order:
    """What to deliver of an export, as its client file has it now. `is_open`: also what has not ended."""
    periods = [client.calendar(export).named(partition) for partition in partitions]
    if export.name.endswith(LIVE):
        now = datetime.now(UTC)
        ordered = client.export(export.name.removesuffix(LIVE)) or export
        whole = [client.calendar(ordered).at(period.start) for period in periods]
        parts = [part for hour in whole for part in due_parts(ledger, client, ordered, hour, now)]
        return Order(client, ordered.parts(), tuple(parts))
    _require_whole(hours, client, export, periods, is_open)
    return Order(client, export, tuple(periods))


def _require_whole(
    hours: IngestedHours, client: Client, export: Export, periods: list[Period], is_open: bool
) -> None:
    """A period is delivered whole or not at all; where it is wanted, one that has not ended as it is now."""
    now = datetime.now(UTC)
    try:
        for period in sorted(periods, key=attrgetter("start")):
            begin, end = period.window
            if end <= now:
                hours.require(begin, end)
            elif not is_open:
                raise FootfallError(
                    f"{client.client_id}/{export.name}: the period that began at "
                    f"{begin.astimezone(UTC):%Y-%m-%dT%H:%MZ} ends at {end.astimezone(UTC):%Y-%m-%dT%H:%MZ}; "
                    f"wait for that, or run it with the tag {OPEN_TAG} (`footfall run --open`) to deliver it "
                    "as far as it goes, marked incomplete"
                )
    except FootfallError as error:
        raise dg.Failure(str(error), metadata={"export": export.name}, allow_retries=False) from None


@dg.definitions
def deliveries() -> dg.Definitions:
    """A multi-asset for the hourly exports, one for the parts of live ones, and one for the daily exports of
    each time zone.
    """
    registry = registry_of(Settings.from_environ(os.environ))
    ordered = [(client, export) for client in registry.clients for export in client.exports]
    by_hour = [(client, export) for client, export in ordered if not export.kind.is_day]
    parts = [(client, export.parts()) for client, export in ordered if export.is_live]
    by_zone = defaultdict(list)
    for client, export in ordered:
        if export.kind.is_day:
            by_zone[client.calendar(export).last_zone].append((client, export))
    assets = [_deliveries("deliveries", by_hour, hourly())] if by_hour else []
    if parts:
        assets.append(_deliveries(LIVE_OP, parts, hourly()))
    assets += [
        _deliveries(f"deliveries_{zone_name(zone)}", exports, daily(zone))
        for zone, exports in sorted(by_zone.items())
    ]
    return dg.Definitions(assets=assets)
