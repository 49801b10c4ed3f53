"""`sources/access_logs`: the log buckets of all clients, taken into the lake as raw objects."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from footfall.destinations import open_source
from footfall.errors import FootfallError
from footfall.markdown import table
from orchestration.bars import note_run
from orchestration.given import given
from orchestration.partitions import each_hour, window_of
from orchestration.resources.clients import Clients
from orchestration.resources.lake import Lake
from orchestration.resources.state import State
from sources.event_names import EventNames

if TYPE_CHECKING:
    from sources.intake import TakenIn

ACCESS_LOGS = dg.AssetKey(["sources", "access_logs"])


@dg.multi_asset(
    name="take_in_logs",
    specs=[
        dg.AssetSpec(
            ACCESS_LOGS,
            description=(
                "Access logs from the clients' own log buckets (CloudFront standard logs), as raw objects "
                "of the hours of their requests. Each run also looks a day back for log objects that came "
                "late.\n\n"
                "When it is red: the message names the source. Check that Footfall may list and read "
                "that bucket; then materialise the hour again: what was taken in is not taken in twice."
            ),
            group_name="ingest",
            owners=["team:data"],
            kinds={"s3"},
        )
    ],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def access_logs(
    context: dg.AssetExecutionContext, lake: Lake, clients: Clients, state: State
) -> dg.MaterializeResult[None]:
    from sources.intake import take_in  # pyarrow and numpy, which nobody else who loads definitions needs

    window = window_of(context)
    store = lake.store()
    rows, failed = [], []
    geo = state.geo()
    registry = clients.registry()
    for client in registry.clients:
        sites = {site.site_id: site for site in client.sites}
        for source in client.sources:
            name = f"{client.client_id}/{source.name}"
            try:
                bucket = open_source(
                    source,
                    clients.allowed(),
                    s3_endpoint=lake.s3_endpoint,
                    taken=registry.buckets_of_others(client.client_id),
                )
                taken = take_in(
                    bucket,
                    store,
                    client,
                    sites[source.site_id],
                    source,
                    EventNames.of(state.signer()),
                    window.start,
                    window.end,
                    place=geo.place,
                )
            except FootfallError as error:
                # One client's bucket holds up no other client; the run fails when all are done.
                context.log.error("source %s: %s", name, error)
                failed.append(name)
                continue
            rows.append((name, taken))
            for key, problem in taken.damaged.items():
                context.log.warning("source %s: log object %s set aside: %s", name, key, problem)
    metadata: dict[str, Any] = {
        "log_objects": sum(taken.objects for _, taken in rows),
        "requests": sum(taken.requests for _, taken in rows),
        "malformed_lines": sum(taken.malformed for _, taken in rows),
        "places": state.places(),
        "sources": dg.MetadataValue.md(_table(rows)),
    }
    if failed:
        raise dg.Failure(
            f"not read: {', '.join(failed)}; the messages above say why. The others are taken in.",
            metadata=metadata,
        )
    note_run(context)
    return dg.MaterializeResult(asset_key=ACCESS_LOGS, metadata=metadata)


@dg.definitions
def taking_in() -> dg.Definitions:
    return dg.Definitions(assets=[each_hour(access_logs, given().first_hour)])


def _table(rows: list[tuple[str, "TakenIn"]]) -> str:
    if not rows:
        return "no client has a log source"
    head = ("source", "log objects", "requests", "page views", "malformed", "damaged", "hours")
    lines = [
        (name, t.objects, t.requests, t.page_views, t.malformed, len(t.damaged), len(t.hours))
        for name, t in rows
    ]
    return table(head, lines)
