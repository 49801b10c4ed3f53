"""`probe_destinations`: daily and by hand, whether the next delivery to each destination would arrive."""

import dagster as dg

from footfall.errors import FootfallError
from orchestration.defs.delivery.showing import GROUP, table
from orchestration.delivery.probes import probe_all, write_probes
from orchestration.resources.clients import Clients
from orchestration.resources.state import State

DESTINATIONS = dg.AssetKey([GROUP, "destinations"])


@dg.op(description="Puts, reads back and removes a small object in each destination, as whoever delivers.")
def probe_op(context: dg.OpExecutionContext, clients: Clients, state: State) -> None:
    try:
        signer = state.signer()
    except FootfallError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    results = probe_all(clients.registry(), clients.allowed(), signer.challenge)
    write_probes(state.probes(), results)
    failing = [each for each in results if each.step]
    context.log_event(
        dg.AssetMaterialization(
            DESTINATIONS,
            metadata={
                "dagster/row_count": len(results),
                "failing": len(failing),
                "destinations": table(
                    {
                        "client": each.client_id,
                        "destination": each.destination,
                        "url": each.url,
                        "state": f"fails: {each.step}" if each.step else "would arrive",
                        "said": each.said,
                        "missing": each.missing,
                    }
                    for each in sorted(results, key=lambda each: (not each.step, each.client_id))
                ),
            },
        )
    )


@dg.job(
    executor_def=dg.in_process_executor,
    description=(
        "Would the next delivery arrive? Tries every destination of every client. A destination that fails "
        "is an alert (`destination_failing`), not a red run. When it is red: the signing key or the "
        "state folder cannot be used; the message says which. Launch it again after a mend: the alert ends."
    ),
)
def probe_destinations() -> None:
    probe_op()


@dg.definitions
def probing() -> dg.Definitions:
    shown = dg.AssetSpec(
        DESTINATIONS,
        description=(
            "Every destination of every client, and whether the last probe got through. Written by the job "
            "`probe_destinations`. When a row fails: `footfall clients test CLIENT` prints the "
            "permission that is missing; mend it, then launch the job."
        ),
        group_name=GROUP,
        owners=["team:delivery"],
        kinds={"s3"},
    )
    daily = dg.ScheduleDefinition(
        name="probe_destinations",
        job=probe_destinations,
        cron_schedule="40 4 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="At twenty to five, UTC: before the working day of whoever must mend a permission.",
    )
    return dg.Definitions(assets=[shown], jobs=[probe_destinations], schedules=[daily])
