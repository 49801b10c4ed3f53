"""`discovery/domains`: the hosts of an hour's events, registered; `discovery/domain`: a domain's proof."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from footfall.errors import FootfallError
from footfall.hours import HOUR, floor
from footfall.owners import running
from orchestration.bars import note_run
from orchestration.defs.discovery.showing import domain_metadata
from orchestration.discovery import domain_rows, volumes
from orchestration.discovery import domains as life
from orchestration.discovery.database import registry, transaction
from orchestration.discovery.held_hosts import replace_held
from orchestration.discovery.proofs import proven
from orchestration.discovery.report import domains_table, passed_over_table
from orchestration.discovery.sightings import SeenInHour, seen_in
from orchestration.discovery.usage_messages import tell_usage
from orchestration.given import given
from orchestration.partitions import domains as domain_partitions
from orchestration.partitions import each_hour, window_of
from orchestration.resources.billing import Billing
from orchestration.resources.clients import Clients
from orchestration.resources.domains import DomainRegistry
from orchestration.resources.state import State
from orchestration.resources.warehouse import Warehouse

_OWNER = "team:accounts"


@dg.multi_asset(
    name="discover_domains",
    specs=[
        dg.AssetSpec(
            ["discovery", "domains"],
            deps=[dg.AssetKey(["ingest", "events"])],
            description=(
                "The registry of domains: which hosts the events of each client name, and whose they are "
                "(seen, pending, verified, billable, blocked, retired). Traffic alone never verifies and "
                "never bills.\n\nWhen it is red: the registry file cannot be written; mend that and "
                "materialise the hour again. Nothing is counted twice."
            ),
            group_name="discovery",
            owners=[_OWNER],
            kinds={"sqlite"},
        )
    ],
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="warehouse",
)
def discover_domains(
    context: dg.AssetExecutionContext,
    warehouse: Warehouse,
    clients: Clients,
    domains: DomainRegistry,
    state: State,
) -> dg.MaterializeResult[None]:
    window = window_of(context)
    with warehouse.connect() as connection, registry(domains.file()) as database:
        seen = seen_in(connection, window.start, window.end)
        volumes.note(database, connection, window.start, window.end)
    now = datetime.now(UTC)
    clients_now = clients.registry()
    registered = running(clients_now)
    with registry(domains.file()) as database:
        for client in registered:
            # Nothing is learnt of an hour without events; the last one also lets passing names be forgotten.
            hours = {hour for client_id, hour in seen if client_id == client.client_id}
            for hour in sorted({*hours, floor(window.end) - HOUR}):
                found = seen.get((client.client_id, hour), SeenInHour([], 0))
                life.observe(database, client, hour, found.sightings, overflow=found.overflow, now=now)
        known = domain_rows.listing(database)
        left_out = domain_rows.passed_over(database)
    with warehouse.connect() as connection, registry(domains.file()) as database:
        held = replace_held(connection, registered, known)
        told = tell_usage(
            database,
            connection,
            known,
            state.first_hour(),
            now,
            without=clients_now.stopped,
            plans={each.client_id: each.plan for each in registered if each.plan is not None},
        )
    note_run(context)
    return dg.MaterializeResult(
        asset_key=["discovery", "domains"],
        metadata={
            "dagster/row_count": len(known),
            **{
                state: sum(row.state == state for row in known)
                for state in ("seen", "pending", "verified", "billable", "blocked", "retired")
            },
            "held_hosts": held,
            "usage_messages": told,
            "domains": dg.MetadataValue.md(domains_table(known)),
            "passed_over": dg.MetadataValue.md(passed_over_table(left_out)),
        },
    )


class Decision(dg.Config):
    """What a person decides of a domain."""

    decision: str = Field(
        default="",
        description="`approve by NAME`, `block by NAME` or `retire by NAME`, with your name, which is kept; "
        "empty: look for the owner's proof",
    )


@dg.asset(
    key=["discovery", "domain"],
    description=(
        "One partition a domain, `client/domain`. Missing: it waits for a decision. Materialized: it is "
        "the client's.\n\nTo decide: hold Shift, click “Materialize…”, choose the domain, and write "
        "into the one field: `decision: approve by NAME` (or `block by NAME`, `retire by NAME`), with your "
        "name. One that is blocked or retired leaves this list.\n\nWithout a decision the owner's proof "
        "is looked for (a DNS TXT record or a file on the site); where there is none, the domain goes on "
        "waiting.\n\nWhen it is red: the message says what the registry knows of the domain."
    ),
    group_name="discovery",
    owners=[_OWNER],
    kinds={"sqlite"},
    partitions_def=domain_partitions(),
    output_required=False,
)
def decide_domain(
    context: dg.AssetExecutionContext, config: Decision, domains: DomainRegistry, billing: Billing
) -> Iterator[dg.Output[None]]:
    client_id, _, domain = context.partition_key.partition("/")
    now = datetime.now(UTC)
    try:
        decision, by = life.written(config.decision)
        with registry(domains.file()) as database:
            row = domain_rows.find(database, client_id, domain)
            if row is None:
                raise FootfallError(f"the registry does not know {domain} of {client_id}")
            hosts = domain_rows.hosts_of(database, client_id, domain)
            proof = None
            if not decision and row.state in ("seen", "pending"):
                proof = proven(domain, hosts, row.token, allow_private=billing.allow_private)
            with transaction(database):
                life.decide(database, client_id, domain, decision, proof, by, now)
            row = domain_rows.find(database, client_id, domain) or row
    except FootfallError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    metadata = {**domain_metadata(row, hosts), **({"decided_by": by} if by else {})}
    if row.state in ("seen", "pending"):
        # No materialization: in the list of partitions it is to be seen that it waits.
        context.log_event(
            dg.AssetObservation(context.asset_key, partition=context.partition_key, metadata=metadata)
        )
        context.log.warning("no decision and no proof: %s of %s goes on waiting", domain, client_id)
    else:
        yield dg.Output(None, metadata=metadata)


@dg.definitions
def discovering() -> dg.Definitions:
    return dg.Definitions(assets=[each_hour(discover_domains, given().first_hour), decide_domain])
