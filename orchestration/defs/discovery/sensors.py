"""New domains become partitions; verified ones become bills; messages that are due are sent."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from orchestration.defs.discovery.showing import domain_metadata
from orchestration.discovery.changes import CHANGES_A_TICK, wanted
from orchestration.discovery.database import registry, transaction
from orchestration.discovery.domain_rows import hosts_of, listing
from orchestration.discovery.domains import bill_what_is_due, verify
from orchestration.discovery.posting import Endpoint, post_due
from orchestration.discovery.proofs import proven
from orchestration.given import given
from orchestration.partitions import DOMAINS
from orchestration.partitions import domains as domain_partitions
from orchestration.resources.billing import Billing
from orchestration.resources.domains import DomainRegistry

#: How often new domains are looked for, and bills, in seconds. A tick is a tenth of a second's work.
DOMAINS_SECONDS, BILLS_SECONDS = 60, 60

decide_domain_job = dg.define_asset_job(
    "decide_domain",
    selection=dg.AssetSelection.assets(["discovery", "domain"]),
    executor_def=dg.in_process_executor,
    description=(
        "Look for the proof of one domain, or decide about it (config: `decision`, as the asset says). "
        "When it is red: the message says what the registry knows of the domain; `footfall domains list` "
        "shows all."
    ),
)


def billing_messages(domains: DomainRegistry, billing: Billing) -> Iterator[dg.SkipReason]:
    """Bill what is due and send what waits."""
    if not domains.file().exists():
        yield dg.SkipReason("no hour has been ingested yet")
        return
    with registry(domains.file()) as database:
        billed = bill_what_is_due(database, datetime.now(UTC), domains.grace)
        url, secrets = billing.url, billing.signing_secrets()
        if not url or not secrets:
            yield dg.SkipReason(
                f"{len(billed)} domains billed; FOOTFALL_BILLING_WEBHOOK or _SECRET is not set: messages wait"
            )
            return
        endpoint = Endpoint(url, secrets, billing.allow_private)
        posted = post_due(database, endpoint, lambda: datetime.now(UTC))
    yield dg.SkipReason(
        f"{len(billed)} domains billed, {posted.delivered} messages delivered, {posted.failed} failed "
        + "; ".join(posted.said)
    )


@dg.op(
    description="Looks for the proof of every pending domain: a TXT record or a file with its token.",
    tags={"kind": "dns"},
)
def check_pending_domains(context: dg.OpExecutionContext, domains: DomainRegistry, billing: Billing) -> None:
    if not domains.file().exists():
        return
    with registry(domains.file()) as database:
        for row in listing(database, states=("pending",)):
            hosts = hosts_of(database, row.client_id, row.domain)
            proof = proven(row.domain, hosts, row.token, allow_private=billing.allow_private)
            if proof:
                with transaction(database):
                    verify(database, row.client_id, row.domain, proof, datetime.now(UTC))
                context.log.info("%s is %s's, by %s", row.domain, row.client_id, proof)


@dg.job(
    executor_def=dg.in_process_executor,
    description=(
        "Every hour: has an owner put up the proof that we asked for? When it is red: the registry file "
        "cannot be written; mend that, the next hour asks again."
    ),
)
def verify_domains() -> None:
    check_pending_domains()


def new_domains(
    context: dg.SensorEvaluationContext, domains: DomainRegistry
) -> dg.SensorResult | dg.SkipReason:
    """What has changed since the last look, as partitions and events."""
    if not domains.file().exists():
        return dg.SkipReason("no hour has been ingested yet")
    cursor = int(context.cursor or "-1")
    with registry(domains.file()) as database:
        changed = listing(database, changed_after=cursor, limit=CHANGES_A_TICK)
        hosts = {row.partition: hosts_of(database, row.client_id, row.domain) for row in changed}
    if not changed:
        return dg.SkipReason("no domain has changed")
    known = frozenset(context.instance.get_dynamic_partitions(DOMAINS))
    asked = wanted(changed, known, cursor)
    definition = domain_partitions()
    key = dg.AssetKey(["discovery", "domain"])
    kinds: dict[str, type[dg.AssetObservation | dg.AssetMaterialization]] = {
        "pending": dg.AssetObservation,
        "verified": dg.AssetMaterialization,
    }
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_key=f"pending:{asked.cursor}")] if asked.look else [],
        dynamic_partitions_requests=[
            *([definition.build_add_request(list(asked.add))] if asked.add else []),
            *([definition.build_delete_request(list(asked.delete))] if asked.delete else []),
        ],
        asset_events=[
            kinds[row.state](
                key, partition=row.partition, metadata=domain_metadata(row, hosts[row.partition])
            )
            for row in changed
            if row.state in kinds
        ],
        cursor=str(asked.cursor),
    )


@dg.schedule(
    name="verify_domains",
    job=verify_domains,
    cron_schedule="35 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="At 35 past every hour, while a domain waits for a proof.",
)
def verify_domains_hourly(domains: DomainRegistry) -> dg.RunRequest | dg.SkipReason:
    if domains.file().exists():
        with registry(domains.file()) as database:
            if listing(database, states=("pending",), limit=1):
                return dg.RunRequest()
    return dg.SkipReason("no domain waits for a proof")


@dg.definitions
def watching() -> dg.Definitions:
    """The sensors know their files; for a resource Dagster opens its storage with each of their ticks."""
    domains, billing = DomainRegistry.of(given().settings), Billing.of(given().settings)
    sensors = [
        dg.SensorDefinition(
            name="billing_messages",
            evaluation_fn=lambda _context: billing_messages(domains, billing),
            minimum_interval_seconds=BILLS_SECONDS,
            default_status=dg.DefaultSensorStatus.RUNNING,
            description=(
                "Bills domains whose grace is over, and sends the billing messages that are due. Both are "
                "safe to repeat: a message keeps its id."
            ),
        ),
        dg.SensorDefinition(
            name="new_domains",
            evaluation_fn=lambda context: new_domains(context, domains),
            job_name="verify_domains",  # by name: Dagster warns where it has to bind a job of ops again
            minimum_interval_seconds=DOMAINS_SECONDS,
            default_status=dg.DefaultSensorStatus.RUNNING,
            description=(
                "Registers new domains as partitions and looks for their proofs once. A domain that waits "
                "stays without a materialization; one that was verified, by whatever, gets one."
            ),
        ),
    ]
    return dg.Definitions(
        jobs=[decide_domain_job, verify_domains], schedules=[verify_domains_hourly], sensors=sensors
    )
