"""Every FOOTFALL_ALERT_SECONDS: what is wrong, who was not told yet, tell them."""

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import dagster as dg

from footfall.clients import Registry
from footfall.errors import FootfallError
from footfall.settings import Settings
from orchestration.alerting import conditions, facts
from orchestration.alerting.alert import Alert
from orchestration.alerting.book import alert_book, failing_routes, fallen_processes, note_look
from orchestration.alerting.causes import fold
from orchestration.alerting.looking import Source, look_at
from orchestration.alerting.pages import linked
from orchestration.alerting.round import go_round
from orchestration.alerting.routes import usable_routes
from orchestration.defs.alerting.deliveries import of_deliveries
from orchestration.defs.alerting.runs import ended_runs, failing_checks
from orchestration.discovery import volumes
from orchestration.discovery.database import notices, registry
from orchestration.given import given
from orchestration.privacy.erasure_book import NAME, ErasureBook
from orchestration.privacy.request_book import RequestBook
from orchestration.resources.clients import Clients
from orchestration.resources.domains import DomainRegistry
from orchestration.resources.state import State
from orchestration.webhooks import outbox

#: Kinds of alert by where they are looked for.
DAGSTER = frozenset({"run_failed", "check_failed"})
REGISTRY = frozenset(
    {"new_domain", "domain_verified", "webhook_failing", "site_silent", "event_type_vanished"}
)
LEDGER = frozenset({"delivery_failed", "delivery_overdue", "destination_failing", "hour_degraded"})
COLLECTORS = frozenset({"collector_silent", "spool_ageing"})
FILES = frozenset({"client_file_invalid", "owner_changed"})
DISKS = frozenset({"disk_low"})
ERASURES = frozenset({"erasure_due", "person_request", "request_due"})
CHANNELS = frozenset({"channel_failing"})
#: Shown here, and told by `footfall up` itself: what ended may be the daemon.
PROCESSES = frozenset({"process_died"})
#: Alerts that a tick of the sensor shows by their titles.
SHOWN = 10


def look(
    context: dg.SensorEvaluationContext,
    clients: Clients,
    domains: DomainRegistry,
    state: State,
    settings: dg.ResourceParam[Settings],
) -> dg.SkipReason:
    """One round: what holds now, told to whoever has not heard of it."""
    now = datetime.now(UTC)
    with alert_book(settings.alert_book) as book:
        try:
            routes, trouble = usable_routes(settings.alert_routes, settings.alert_webhook is not None)
        except FootfallError as error:
            raise dg.Failure(str(error)) from None
        seen = look_at(
            [
                Source("the record of runs", DAGSTER, lambda: of_dagster(context, settings, now)),
                Source("the registry of domains", REGISTRY, lambda: of_registry(domains, now)),
                Source(
                    "the ledger of deliveries",
                    LEDGER,
                    lambda: of_deliveries(clients.registry().clients, state, book, now),
                ),
                Source(
                    "the collectors",
                    COLLECTORS,
                    lambda: conditions.collectors(facts.health(settings.collector_urls)),
                ),
                Source("the client files", FILES, lambda: of_files(clients.registry())),
                Source(
                    "the disks", DISKS, lambda: conditions.full_disks(facts.disks(local_folders(settings)))
                ),
                Source("the erasures", ERASURES, lambda: of_erasures(settings.home, now)),
                Source("the processes of `footfall up`", PROCESSES, lambda: fallen_processes(book, now)),
                Source(
                    "the channels",
                    CHANNELS,
                    lambda: [*trouble, *conditions.failing_channels(failing_routes(book))],
                ),
            ]
        )
        holding = linked(seen.holding, settings.ui_url)
        kinds = seen.kinds - PROCESSES
        done = go_round(book, routes, holding, os.environ, settings.runbook_url, now, kinds=kinds)
        shown = fold(holding).alerts
        note_look(book, shown, now)
    return dg.SkipReason("; ".join([*_summary(shown, done.sent, bool(routes)), *done.failures]))


@dg.definitions
def alerting() -> dg.Definitions:
    # Not by the decorator, which sets a parameter that is in beta and warns of it.
    alerts = dg.SensorDefinition(
        name="alerts",
        evaluation_fn=look,
        minimum_interval_seconds=given().settings.alert_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Looks at runs, checks, deliveries, collectors, sites, domains, billing messages, client files, "
            "disks and erasures, and tells each alert route what it has not been told yet. docs/runbook.md "
            "has a section for each kind."
        ),
    )
    return dg.Definitions(sensors=[alerts])


def _summary(holding: Sequence[Alert], sent: int, has_routes: bool) -> Iterator[str]:
    """What the sensor's ticks show, also where nobody is told."""
    news = sum(alert.severity == "info" for alert in holding)
    yield f"{len(holding) - news} alerts hold, {news} pieces of information, {sent} messages sent"
    if not has_routes:
        yield "nobody is told: set FOOTFALL_ALERT_WEBHOOK or FOOTFALL_ALERT_ROUTES"
    yield from (f"{alert.kind}: {alert.title}" for alert in holding[:SHOWN])


def local_folders(settings: Settings) -> list[Path]:
    """Folders that fill up: the state, the spool, and lake and backup where they are folders here."""
    stores = [urlsplit(url) for url in (settings.lake, settings.backup)]
    return [settings.home, settings.spool, *[Path(url.path) for url in stores if url.scheme == "file"]]


def of_dagster(context: dg.SensorEvaluationContext, settings: Settings, now: datetime) -> list[Alert]:
    """Failed runs and failed checks, but for that of erasures, which `erasure_due` tells of."""
    instance = context.instance
    known = context.repository_def.asset_graph.asset_check_keys if context.repository_def else ()
    keys = [each for each in known if each.asset_key.path[0] != "privacy"]
    return [
        *conditions.failed_runs(ended_runs(instance, settings.ui_url, now)),
        *conditions.failed_checks(failing_checks(instance, keys), settings.ui_url),
    ]


def of_files(clients: Registry) -> list[Alert]:
    """Client files that were set aside, and those that wait for a person to say whose they are."""
    return [*conditions.broken_files(clients.mistakes), *conditions.changed_owners(clients.stopped)]


def of_erasures(home: Path, now: datetime) -> list[Alert]:
    """Erasures that are not finished, and have to be soon; and what visitors ask for."""
    if not (home / NAME).exists():
        return []
    book = ErasureBook(home)
    left = [
        (
            each.id,
            each.client_id,
            each.deadline,
            "; ".join(filter(None, (s.outstanding for s in book.steps(each.id).values()))),
        )
        for each in book.all()
        if each.finished_at is None
    ]
    asked = [
        (each.id, each.client_id, each.site_id, each.wanted, each.due)
        for each in RequestBook(home).all()
        if each.decision is None
    ]
    return [*conditions.late_erasures(left, now), *conditions.open_requests(asked, now)]


def of_registry(domains: DomainRegistry, now: datetime) -> list[Alert]:
    """Silent sites, vanished types, new domains, billing messages that do not arrive."""
    if not domains.file().exists():
        return []
    with registry(domains.file()) as database:
        found = [
            *conditions.news(notices(database), now),
            *conditions.billing(outbox.disabled(database), outbox.stuck(database)),
        ]
        hour = volumes.last_hour(database)
        if hour is not None:
            today = hour.replace(hour=0)
            found += conditions.silent_sites(volumes.by_site(database), hour)
            found += conditions.vanished_types(volumes.by_type(database), today)
    return found
