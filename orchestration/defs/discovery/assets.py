"""`discovery/domains`: the hosts of an hour's events, registered; `discovery/domain`: a domain's proof."""

from datetime import UTC, datetime

import dagster as dg

from footfall.errors import FootfallError
from footfall.hours import between
from orchestration.discovery import domains as life
from orchestration.discovery import rows, volumes
from orchestration.discovery.database import registry, transaction
from orchestration.discovery.held import replace_held
from orchestration.discovery.proofs import instructions, proven
from orchestration.discovery.report import domains_table, passed_over_table
from orchestration.discovery.sightings import SeenInHour, seen_in
from orchestration.discovery.usage import tell_usage
from orchestration.partitions import domains as domain_partitions
from orchestration.partitions import first_hour, hourly
from orchestration.resources.billing import Billing
from orchestration.resources.clients import Clients
from orchestration.resources.domains import DomainRegistry
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
                "never bills.\n\n**When it is red:** the registry file cannot be written; mend that and "
                "materialise the hour again. Nothing is counted twice."
            ),
            group_name="discovery",
            owners=[_OWNER],
            kinds={"sqlite"},
        )
    ],
    partitions_def=hourly(),
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="warehouse",
)
def discover_domains(
    context: dg.AssetExecutionContext, warehouse: Warehouse, clients: Clients, domains: DomainRegistry
) -> dg.MaterializeResult[None]:
    window = context.partition_time_window
    with warehouse.connect() as connection, registry(domains.file()) as database:
        seen = seen_in(connection, window.start, window.end)
        volumes.note(database, connection, window.start, window.end)
    now = datetime.now(UTC)
    registered = clients.registry().clients
    with registry(domains.file()) as database:
        for client in registered:
            for hour in between(window.start, window.end):
                found = seen.get((client.client_id, hour), SeenInHour([], 0))
                life.observe(database, client, hour, found.sightings, overflow=found.overflow, now=now)
        known = rows.listing(database)
        left_out = rows.passed_over(database)
    with warehouse.connect() as connection, registry(domains.file()) as database:
        held = replace_held(connection, registered, known)
        told = tell_usage(database, connection, known, first_hour(), now)
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


_DECISION = {
    "decision": dg.Field(
        str, default_value="", description="approve, block or retire; empty: look for the owner's proof"
    ),
    "by": dg.Field(str, default_value="an operator", description="who decides; kept with an approval"),
}


@dg.asset(
    key=["discovery", "domain"],
    description=(
        "One partition a domain, `client/domain`. Materialise it to look for the owner's proof (a DNS TXT "
        "record or a file on the site); give `decision: approve` (or `block`, `retire`) in the launchpad to "
        "decide yourself.\n\n**When it is red:** the message says what the registry knows of the domain."
    ),
    group_name="discovery",
    owners=[_OWNER],
    kinds={"sqlite"},
    partitions_def=domain_partitions(),
    config_schema=_DECISION,
)
def decide_domain(
    context: dg.AssetExecutionContext, domains: DomainRegistry, billing: Billing
) -> dg.MaterializeResult[None]:
    client_id, _, domain = context.partition_key.partition("/")
    asked = context.op_execution_context.op_config
    decision: str = asked["decision"]
    now = datetime.now(UTC)
    try:
        with registry(domains.file()) as database:
            row = rows.find(database, client_id, domain)
            if row is None:
                raise FootfallError(f"the registry does not know {domain} of {client_id}")
            hosts = rows.hosts_of(database, client_id, domain)
            proof = None
            if not decision and row.state in ("seen", "pending"):
                proof = proven(domain, hosts, row.token, allow_private=billing.allow_private)
            with transaction(database):
                life.decide(database, client_id, domain, decision, proof, asked["by"], now)
            row = rows.find(database, client_id, domain) or row
    except FootfallError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    return dg.MaterializeResult(
        metadata={
            "state": row.state,
            "proof": row.proof or "none",
            "events": row.events,
            "hosts": dg.MetadataValue.md("\n".join(f"- {host}" for host in hosts)),
            **({"to_verify": instructions(domain, row.token)} if row.state in ("seen", "pending") else {}),
        }
    )
