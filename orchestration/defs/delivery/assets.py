"""`deliveries/<client>/<export>`: one asset for each client export, a partition for each period.

All exports of a cadence are one subsettable multi-asset: an hourly run delivers to every client, a hole in
a client's bar is a missing delivery, and one client can be backfilled alone. A delivery that fails holds
up no other; the run fails when all the others are done.
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from footfall.clients import Client, Export, load_registry
from footfall.errors import FootfallError
from footfall.manifest import period_end
from footfall.settings import Settings
from orchestration.delivery.datasets import DATASETS
from orchestration.delivery.deliver import Buckets, Deliverer, Outcome
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.progress import IngestedHours
from orchestration.partitions import DAY_FORMAT, HOUR_FORMAT, daily, first_hour, hourly, zone_name
from orchestration.resources.clients import Clients
from orchestration.resources.destinations import Destinations
from orchestration.resources.state import State
from orchestration.resources.warehouse import Warehouse

_GROUP = "deliveries"


def asset_key(client: Client, export: Export) -> dg.AssetKey:
    """`deliveries/<client>/<export>`."""
    return dg.AssetKey([_GROUP, client.client_id, export.name])


def _spec(client: Client, export: Export) -> dg.AssetSpec:
    mapping = None if export.cadence == "hourly" else dg.LastPartitionMapping()
    return dg.AssetSpec(
        asset_key(client, export),
        # A local day does not line up with UTC hours for Dagster; that all its hours are ingested is
        # checked before the day is delivered.
        deps=[dg.AssetDep(dg.AssetKey([DATASETS[export.dataset].table]), partition_mapping=mapping)],
        description=(
            f"`{export.dataset}` for {client.name}, {export.cadence}, as {export.format} in "
            f"`{client.destination.url}` and in the backup bucket.\n\n"
            "**When it is red:** the failure names the bucket and what it answered. Mend that and "
            "materialise the partition again: what was delivered already is not sent twice."
        ),
        group_name=_GROUP,
        owners=["team:delivery"],
        kinds={export.format},
        tags={"client": client.client_id},
        skippable=True,
    )


def _deliveries(
    name: str, exports: list[tuple[Client, Export]], partitions: dg.PartitionsDefinition
) -> dg.AssetsDefinition:
    """The multi-asset of all exports that share a partitions definition."""

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
        failures: list[_Failure] = []
        with warehouse.connect() as connection:
            hours = IngestedHours.read(connection, first_hour())
            for client, export in exports:
                key = asset_key(client, export)
                if key not in context.selected_asset_keys:
                    continue
                try:
                    current = clients.client(client.client_id)
                    buckets = Buckets(destinations.of(current), destinations.backup_of(current))
                except FootfallError as error:
                    failures.append(_Failure(key, str(error)))
                    continue
                deliverer = Deliverer(
                    connection,
                    current,
                    export,
                    buckets,
                    ledger,
                    hours=hours,
                    now=lambda: datetime.now(UTC),
                )
                asked = {_start(current, export, partition) for partition in context.partition_keys}
                _require_whole(hours, export, asked)
                try:
                    outcomes = [deliverer.deliver(start) for start in sorted(asked)]
                    restated = [
                        deliverer.deliver(start) for start in deliverer.restated() if start not in asked
                    ]
                except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
                    # The retry policy is for destinations that fail, not for people who change their minds.
                    raise dg.Failure(
                        "stopped while delivering; run it again",
                        metadata={"is_stopped": True},
                        allow_retries=False,
                    ) from None
                bad = [
                    _Failure(
                        key, f"{outcome.period_start.isoformat()}: {outcome.error}", outcome.is_retryable
                    )
                    for outcome in (*outcomes, *restated)
                    if outcome.status == "failed"
                ]
                failures += bad
                for outcome in restated if not bad else (*outcomes, *restated):
                    if outcome.status == "delivered" or (bad and outcome.status == "unchanged"):
                        context.log_event(_materialization(key, current, export, outcome))
                if not bad:
                    for outcome in outcomes:
                        context.add_asset_metadata(
                            _facts(outcome), asset_key=key, partition_key=_partition(current, export, outcome)
                        )
                    yield dg.MaterializeResult(asset_key=key)
        if failures:
            raise _as_one(failures)

    return deliveries


@dataclass(frozen=True)
class _Failure:
    """One thing that could not be delivered, in words for a person."""

    key: dg.AssetKey
    text: str
    is_retryable: bool = False

    def __str__(self) -> str:
        return f"{'/'.join(self.key.path[1:])}: {self.text}"


def _start(client: Client, export: Export, partition: str) -> datetime:
    """The start of the period that a partition key names."""
    if export.cadence == "hourly":
        return datetime.strptime(partition, HOUR_FORMAT).replace(tzinfo=UTC)
    return client.local_midnight(partition)


def _partition(client: Client, export: Export, outcome: Outcome) -> str:
    if export.cadence == "hourly":
        return outcome.period_start.astimezone(UTC).strftime(HOUR_FORMAT)
    return outcome.period_start.astimezone(client.zone()).strftime(DAY_FORMAT)


def _require_whole(hours: IngestedHours, export: Export, starts: set[datetime]) -> None:
    """A period that has ended is delivered whole or not at all; the running one as far as it goes."""
    now = datetime.now(UTC)
    try:
        for start in sorted(starts):
            end = period_end(start, export.cadence)
            if end <= now:
                hours.require(start, end)
    except FootfallError as error:
        raise dg.Failure(str(error), metadata={"export": export.name}) from None


def _facts(outcome: Outcome) -> dict[str, dg.MetadataValue]:
    return {
        "dagster/row_count": dg.MetadataValue.int(outcome.rows),
        "dagster/uri": dg.MetadataValue.text(outcome.key),
        "status": dg.MetadataValue.text(outcome.status),
        "revision": dg.MetadataValue.int(outcome.revision),
        "reason": dg.MetadataValue.text(outcome.reason),
        "bytes": dg.MetadataValue.int(outcome.bytes),
        "sha256": dg.MetadataValue.text(outcome.sha256),
    }


def _materialization(
    key: dg.AssetKey, client: Client, export: Export, outcome: Outcome
) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        key, partition=_partition(client, export, outcome), metadata=_facts(outcome)
    )


def _as_one(failures: list[_Failure]) -> dg.Failure:
    return dg.Failure(
        f"{len(failures)} deliveries failed, all others are done. {failures[0]}",
        metadata={"failed": dg.MetadataValue.md("\n".join(f"- {failure}" for failure in failures))},
        allow_retries=any(failure.is_retryable for failure in failures),
    )


@dg.definitions
def deliveries() -> dg.Definitions:
    """A multi-asset for the hourly exports, and one for the daily exports of each time zone."""
    registry = load_registry(Settings.from_environ(os.environ).clients)
    hourly_exports = []
    daily_exports = defaultdict(list)
    for client in registry.clients:
        for export in client.exports:
            if export.cadence == "hourly":
                hourly_exports.append((client, export))
            else:
                daily_exports[client.timezone].append((client, export))
    assets = [_deliveries("deliveries", hourly_exports, hourly())] if hourly_exports else []
    assets += [
        _deliveries(f"deliveries_{zone_name(zone)}", exports, daily(zone))
        for zone, exports in sorted(daily_exports.items())
    ]
    return dg.Definitions(assets=assets)
