"""Deliveries without the warehouse: what waits is sent by itself, and one click sends what did not arrive."""

import os
from datetime import UTC, datetime

import dagster as dg

from footfall.clients import Client, Registry, registry_of
from footfall.hours import parse
from footfall.owners import named, note_delivered
from footfall.settings import Settings
from orchestration.alerting.letters import mailing_for
from orchestration.defs.delivery.showing import (
    GROUP,
    LEDGER,
    delivered,
    failure,
    ledger_now,
)
from orchestration.delivery.desk import Desk, posting_for
from orchestration.delivery.ledger import Ledger, LedgerRow
from orchestration.delivery.places import Places, places_of
from orchestration.delivery.redeliver import Redelivery, Wanted
from orchestration.delivery.send import Outcome
from orchestration.delivery.states import PARKED, PLANNED
from orchestration.delivery.versions import software
from orchestration.given import given
from orchestration.resources.clients import Clients
from orchestration.resources.destinations import Destinations
from orchestration.resources.state import State

#: How often the sensor asks the ledger what is due, in seconds. Lower: shorter waits after trouble, and a
#: tenth of a second's work more each time, in daemon and code server, all day.
LOOK_SECONDS = 60


class RedeliverConfig(dg.Config):
    """What to deliver; everything that did not arrive where nothing is named."""

    client: str | None = None
    export: str | None = None
    start: str | None = None
    """First hour, `2026-11-20` or `2026-11-20T14` (UTC)."""
    end: str | None = None
    """The hour to stop before."""
    only_due: bool = False
    """Only what the ledger would try by now anyway."""


@dg.op(description="Sends rendered deliveries from the outbox, and again what a bucket has lost.")
def redeliver_op(
    context: dg.OpExecutionContext,
    config: RedeliverConfig,
    clients: Clients,
    destinations: Destinations,
    state: State,
) -> None:
    ledger = Ledger(state.ledger())
    desk = Desk(
        state.folder(),
        state.signer(),
        software(),
        post=posting_for(clients.allowed()),
        mail=mailing_for(state.routes(), os.environ),
    )
    registry = clients.registry()

    def places(client: Client) -> Places:
        return places_of(
            destinations.openings(
                client,
                desk.signer.challenge,
                taken=registry.places_of_others(client.client_id),
            )
        )

    redelivery = Redelivery(registry, places, ledger, desk)
    wanted = Wanted(
        named(registry, config.client) if config.client else None,
        config.export,
        parse(config.start) if config.start else None,
        parse(config.end) if config.end else None,
    )
    failed = []
    for row, outcome in redelivery.due() if config.only_due else redelivery.replay(wanted):
        client = registry.client(row.client_id)
        export = client.export(row.export) if client else None
        if outcome.status == "delivered" and client and export:
            note_delivered(state.folder(), client, datetime.now(UTC))
            context.log_event(delivered(client, export, outcome))
        elif outcome.status == "failed" and not (config.only_due and _is_known(ledger, row, outcome)):
            failed.append((row.client_id, row.export, outcome))
    for mended in () if config.only_due else redelivery.mend(wanted):
        context.log.info("%s %s: put back %s", mended.client_id, mended.place, ", ".join(mended.keys))
        if mended.trouble:
            trouble = Outcome(datetime.now(UTC), "failed", trouble=mended.trouble)
            failed.append((mended.client_id, mended.place, trouble))
    context.log_event(ledger_now(ledger))
    ledger.close()
    if failed:
        raise failure(failed)


def _is_known(ledger: Ledger, row: LedgerRow, outcome: Outcome) -> bool:
    """Whether a failure was told by the run that planned it, and is no worse: each try is no news."""
    after = ledger.row(row.identity)
    return outcome.error == row.error and (after.hold != PARKED or row.hold == PARKED)


@dg.job(
    executor_def=dg.in_process_executor,
    description=(
        "Delivers at once what did not arrive: press “Launch run”. With a client, an export or hours in the "
        "config only those. What a bucket has lost is sent again from the backup, with the same bytes. "
        "When it is red: the failure names each bucket, what it answered and what to do."
    ),
)
def redeliver() -> None:
    redeliver_op()


def what_is_due(settings: Settings, now: datetime) -> dg.RunRequest | dg.SkipReason:
    """One run for whatever is due, or why there is none."""
    path = settings.ledger
    if not path.exists():
        return dg.SkipReason("nothing was delivered yet")
    ledger = Ledger(path)
    # What was never rendered takes the warehouse: the next run of its export brings it on.
    due = [row for row in ledger.unfinished(now) if row.next_at is not None and row.state != PLANNED]
    ledger.close()
    # The client files are read only where something is due, which is seldom; the sensor looks all the time.
    registry = registry_of(settings) if due else Registry((), ())
    due = [row for row in due if _may_be_sent(registry, row)]
    if not due:
        return dg.SkipReason("nothing is due")
    # One run for one set of dates: a run that is still queued is not asked for again. What a run leaves that
    # came to no end has its date still, and is asked for again in the next hour.
    key = f"{max(row.next_at for row in due if row.next_at).isoformat()} {now:%Y-%m-%dT%H}"
    return dg.RunRequest(
        run_key=key, run_config=dg.RunConfig({"redeliver_op": RedeliverConfig(only_due=True)})
    )


def _may_be_sent(registry: Registry, row: LedgerRow) -> bool:
    """Whether a client file orders it, and nothing stops the client."""
    client = registry.client(row.client_id)
    return bool(client and client.export(row.export)) and row.client_id not in registry.stopped


@dg.definitions
def redeliveries() -> dg.Definitions:
    ledger = dg.AssetSpec(
        LEDGER,
        description=(
            "Every delivery that has not arrived: how far it is, what holds it up, when it is tried next. "
            "Written by each run that delivers. The whole ledger: `footfall deliveries list --all`.\n\n"
            "When a row stays: its error says what to mend; then launch the job `redeliver`."
        ),
        group_name=GROUP,
        owners=["team:delivery"],
        kinds={"sqlite"},
    )
    settings = given().settings
    # Not by the decorator, which sets a parameter that is in beta and warns of it; and by no resource, for
    # which Dagster opens its storage with each tick.
    due = dg.SensorDefinition(
        name="deliveries_due",
        evaluation_fn=lambda _context: what_is_due(settings, datetime.now(UTC)),
        job_name="redeliver",  # the job itself would be copied, with the same warning
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts `redeliver` when a delivery that failed is due to be tried again.",
    )
    return dg.Definitions(assets=[ledger], jobs=[redeliver], sensors=[due])
