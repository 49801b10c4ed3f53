"""`deliveries/<client>/<export>`: one asset for each client export, a partition for each period.

All exports of a cadence are one subsettable multi-asset: an hourly run delivers to every client, a hole in
a client's bar is a missing delivery, and one client can be backfilled alone. A delivery that fails holds
up no other; the run fails when all the others are done. The parts of live exports are assets of their own,
`deliveries/<client>/<export>/live`, with a partition for each hour that they lie in.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from operator import attrgetter

import dagster as dg

from footfall.catalogue.periods import Kind, Period, kind_of
from footfall.clients import Client, Export
from footfall.errors import FootfallError
from footfall.exports import LIVE
from footfall.failures import NotWhole, OwnerChanged, sorted_out
from footfall.owners import note_delivered
from orchestration.alerting.letters import mailing_for
from orchestration.bars import note, note_run
from orchestration.defs.delivery.showing import (
    asset_key,
    delivered,
    facts,
    failure,
    ledger_now,
    partition_of,
    parts_table,
    state_table,
)
from orchestration.defs.delivery.specs import spec
from orchestration.delivery.batch import Order, Report, deliver_all
from orchestration.delivery.desk import Desk, posting_for
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.live import due_parts
from orchestration.delivery.places import Places, places_of
from orchestration.delivery.progress import IngestedHours
from orchestration.delivery.send import Outcome
from orchestration.delivery.versions import software
from orchestration.given import given
from orchestration.partitions import (
    OPEN_TAG,
    hourly,
    is_span,
    keys_of,
    local,
    span_of,
    window_named,
    zone_name,
)
from orchestration.resources.clients import Clients
from orchestration.resources.destinations import Destinations
from orchestration.resources.state import State
from orchestration.resources.warehouse import Warehouse

#: Delivered periods of any age are compared with the warehouse: hours once a day, in the run of this hour
#: (UTC); days once a week, in the run of a Sunday (ISO weekday), for who comes back after years changes them.
SWEEP_HOUR, SWEEP_DAY = 3, 7
#: The op of the parts of live exports.
LIVE_OP = "deliveries_live"


def _deliveries(
    name: str, exports: list[tuple[Client, Export]], partitions: dg.PartitionsDefinition
) -> dg.AssetsDefinition:
    """The multi-asset of all exports, or of all parts of exports, that share a partitions definition."""
    are_parts = name == LIVE_OP

    @dg.multi_asset(
        name=name,
        specs=[spec(client, export) for client, export in exports],
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
    ) -> Iterator[dg.MaterializeResult[None]]:
        ledger = Ledger(state.ledger())
        failed: list[tuple[str, str, Outcome]] = []
        states: Counter[str] = Counter()
        try:
            desk = Desk(
                state.folder(),
                state.signer(),
                software(),
                post=posting_for(clients.allowed()),
                mail=mailing_for(state.routes(), os.environ),
            )
        except FootfallError as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        with warehouse.connect(*desk.folders) as connection:
            hours = IngestedHours.read(connection, state.first_hour())
            registry = clients.registry()
            orders = []
            #: Exports of which a period that was asked for cannot be tried.
            partial: set[dg.AssetKey] = set()
            partitions = keys_of(context)
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
                order, refused = _order(current, export, partitions, hours, ledger, is_open)
                orders.append(order)
                if refused:
                    partial.add(asset_key(client.client_id, export.name))
                failed += [(client.client_id, export.name, each) for each in refused]

            def places(client: Client) -> Places:
                return places_of(
                    destinations.openings(
                        client,
                        desk.signer.challenge,
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
                is_sweep=_is_sweep(partitions, [export.kind for _, export in exports]),
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
                    order = report.order
                    is_whole = asset_key(order.client.client_id, order.export.name) not in partial
                    yield from _tell(context, report, is_whole and len(report.asked) == len(order.periods))
            except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
                reports.close()
                # The retry policy is for destinations that fail, not for people who change their minds.
                raise dg.Failure(
                    "stopped while delivering; run it again",
                    metadata={"is_stopped": True},
                    allow_retries=False,
                ) from None
        context.log_event(ledger_now(ledger, this_run=state_table(states)))
        ledger.close()
        if failed:
            raise failure(failed)

    return deliveries


def _tell(
    context: dg.AssetExecutionContext, report: Report, is_whole: bool
) -> Iterator[dg.MaterializeResult[None]]:
    """What arrived, as materialisations: of the asset where all of it did, else of single partitions.

    `is_whole`: every period that was asked for could be tried. In a run over many partitions only what came
    with rows has one of its own; that the others are there too, their bar shows.
    """
    client, export = report.order.client, report.order.export
    key = asset_key(client.client_id, export.name)
    bad = bool(report.failed) or not (is_whole or export.name.endswith(LIVE))
    if is_span(context):
        yield from _tell_many(context, report, key, bad)
        return
    for outcome in report.others if not bad else (*report.asked, *report.others):
        if outcome.status == "delivered" or (bad and outcome.status == "unchanged"):
            context.log_event(delivered(client, export, outcome))
    if not bad and export.name.endswith(LIVE):
        yield _of_parts(report, key)
    elif not bad:
        for outcome in report.asked:
            _describe(context, report, key, outcome)
        yield dg.MaterializeResult(asset_key=key)


def _tell_many(
    context: dg.AssetExecutionContext, report: Report, key: dg.AssetKey, bad: bool
) -> Iterator[dg.MaterializeResult[None]]:
    client, export = report.order.client, report.order.export
    last = span_of(context.run.tags)[1]
    if export.name.endswith(LIVE):
        for outcome in report.others:
            if outcome.status == "delivered":
                context.log_event(delivered(client, export, outcome))
        if not bad:
            note_run(context, [key])
            yield _of_parts(report, key)
        return
    if bad:
        arrived = [outcome for outcome in report.asked if outcome.status != "failed"]
        windows = [window_named(context, partition_of(client, export, each)) for each in arrived]
        note(context.instance, [key], [(w.start.timestamp(), w.end.timestamp()) for w in windows])
    else:
        note_run(context, [key])
    for outcome in (*report.asked, *report.others):
        if not bad and partition_of(client, export, outcome) == last:
            _describe(context, report, key, outcome)
        elif outcome.status == "delivered" and outcome.rows:
            preview = report.previews.get(outcome.period_start)
            context.log_event(delivered(client, export, outcome, preview))
    if not bad:
        yield dg.MaterializeResult(asset_key=key)


def _describe(context: dg.AssetExecutionContext, report: Report, key: dg.AssetKey, outcome: Outcome) -> None:
    client, export = report.order.client, report.order.export
    preview = report.previews.get(outcome.period_start)
    context.add_asset_metadata(
        facts(outcome, preview, _ended_at(client, export, outcome)),
        asset_key=key,
        partition_key=partition_of(client, export, outcome),
    )


def _of_parts(report: Report, key: dg.AssetKey) -> dg.MaterializeResult[None]:
    rows = sum(outcome.rows for outcome in report.asked)
    return dg.MaterializeResult(
        asset_key=key, metadata={"dagster/row_count": rows, "parts": parts_table(report.asked)}
    )


def _ended_at(client: Client, export: Export, outcome: Outcome) -> datetime:
    return client.calendar(export).at(outcome.period_start).window[1]


def _is_sweep(partitions: Sequence[str], kinds: Iterable[Kind]) -> bool:
    """Of days, hours, or parts of them; pages of weeks and months look back as far as they show."""
    if not all(kind.is_day for kind in kinds):
        return any(partition.endswith(f"-{SWEEP_HOUR:02d}:00") for partition in partitions)
    days = {date.fromisoformat(partition).isoweekday() for partition in partitions}
    return SWEEP_DAY in days and all(kind.span.days == 1 for kind in kinds)


def _order(
    client: Client,
    export: Export,
    partitions: Iterable[str],
    hours: IngestedHours,
    ledger: Ledger,
    is_open: bool,
) -> tuple[Order, list[Outcome]]:
    """What to deliver of an export, as its client file has it now, and of which periods that cannot be.

    `is_open`: also what has not ended.
    """
    named = (client.calendar(export).named(partition) for partition in partitions)
    # Of a zone that the client has left, a day of the same date may be over before the first hour.
    periods = [period for period in named if not export.kind.is_day or hours.may_hold(period.end)]
    if export.name.endswith(LIVE):
        now = datetime.now(UTC)
        ordered = client.export(export.name.removesuffix(LIVE)) or export
        whole = [client.calendar(ordered).at(period.start) for period in periods]
        parts = [part for hour in whole for part in due_parts(ledger, client, ordered, hour, now)]
        return Order(client, ordered.parts(), tuple(parts)), []
    wanted, refused = [], []
    for period in sorted(periods, key=attrgetter("start")):
        try:
            _require_whole(hours, period, is_open)
            wanted.append(period)
        except NotWhole as error:
            refused.append(Outcome(period.start, "failed", trouble=sorted_out(error)))
    return Order(client, export, tuple(wanted)), refused


def _require_whole(hours: IngestedHours, period: Period, is_open: bool) -> None:
    """A period is delivered whole or not at all; where it is wanted, one that has not ended as it is now."""
    begin, end = period.window
    if end <= datetime.now(UTC):
        hours.require(begin, end)
    elif not is_open:
        raise NotWhole(
            f"it ends at {end.astimezone(UTC):%Y-%m-%dT%H:%MZ}; wait for that, or run it with the tag "
            f"{OPEN_TAG} (`footfall run --open`) to deliver it as far as it goes, marked incomplete"
        )


def _op_name(cadence: str, zone: str) -> str:
    """`deliveries_europe_berlin` of days, `deliveries_weekly_europe_berlin` of weeks."""
    which = "" if kind_of(cadence).span.days == 1 else f"{cadence}_"
    return f"deliveries_{which}{zone_name(zone)}"


@dg.definitions
def deliveries() -> dg.Definitions:
    """A multi-asset for the hourly exports, one for the parts of live ones, and one for those of the local
    days, weeks or months of each time zone.
    """
    first_hour = given().first_hour
    ordered = [(client, export) for client in given().registry.clients for export in client.exports]
    by_hour = [(client, export) for client, export in ordered if not export.kind.is_day]
    parts = [(client, export.parts()) for client, export in ordered if export.is_live]
    by_zone = defaultdict(list)
    for client, export in ordered:
        if export.kind.is_day:
            by_zone[export.kind.cadence, client.calendar(export).last_zone].append((client, export))
    assets = [_deliveries("deliveries", by_hour, hourly(first_hour))] if by_hour else []
    if parts:
        assets.append(_deliveries(LIVE_OP, parts, hourly(first_hour)))
    assets += [
        _deliveries(_op_name(cadence, zone), exports, local(cadence, zone, first_hour))
        for (cadence, zone), exports in sorted(by_zone.items())
    ]
    return dg.Definitions(assets=assets)
