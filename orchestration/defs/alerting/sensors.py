"""Every FOOTFALL_ALERT_SECONDS: what is wrong, who was not told yet, tell them."""

import os
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import dagster as dg

from footfall.errors import FootfallError
from footfall.settings import Settings
from orchestration.alerting import conditions, facts
from orchestration.alerting.alert import Alert
from orchestration.alerting.book import alert_book, failing_routes
from orchestration.alerting.round import go_round
from orchestration.alerting.routes import load_routes
from orchestration.defs.alerting.deliveries import of_deliveries
from orchestration.defs.alerting.runs import ended_runs, failing_checks
from orchestration.discovery import volumes
from orchestration.discovery.database import notices, registry
from orchestration.resources.clients import Clients
from orchestration.resources.domains import DomainRegistry
from orchestration.resources.state import State
from orchestration.webhooks import outbox


@dg.sensor(
    name="alerts",
    minimum_interval_seconds=Settings.from_environ(os.environ).alert_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Looks at runs, checks, deliveries, collectors, sites, domains, billing messages, client files and "
        "disks, and tells each alert route what it has not been told yet. docs/runbook.md has a section for "
        "each kind."
    ),
    target=[],
)
def alerts(
    context: dg.SensorEvaluationContext, clients: Clients, domains: DomainRegistry, state: State
) -> dg.SkipReason:
    settings = Settings.from_environ(os.environ)
    now = datetime.now(UTC)
    registered = clients.registry()
    with alert_book(settings.alert_book) as book:
        holding = [
            *of_dagster(context, settings, now),
            *of_registry(domains, now),
            *of_deliveries(registered.clients, state, book, now),
            *conditions.collectors(facts.health(settings.collector_urls)),
            *conditions.broken_files(registered.mistakes),
            *conditions.full_disks(facts.disks(local_folders(settings))),
            *conditions.failing_channels(failing_routes(book)),
        ]
        try:
            routes = load_routes(settings.alert_routes, settings.alert_webhook is not None)
        except FootfallError as error:
            raise dg.Failure(str(error)) from None
        done = go_round(book, routes, holding, os.environ, settings.runbook_url, now)
    told = f"{len(holding)} alerts hold, {done.sent} messages sent"
    if not routes:
        told += "; nobody is told: set FOOTFALL_ALERT_WEBHOOK or FOOTFALL_ALERT_ROUTES"
    return dg.SkipReason("; ".join([told, *done.failures]))


def local_folders(settings: Settings) -> list[Path]:
    """Folders that fill up: the state, the spool, and lake and backup where they are folders here."""
    stores = [urlsplit(url) for url in (settings.lake, settings.backup)]
    return [settings.home, settings.spool, *[Path(url.path) for url in stores if url.scheme == "file"]]


def of_dagster(context: dg.SensorEvaluationContext, settings: Settings, now: datetime) -> list[Alert]:
    """Failed runs and failed checks."""
    instance = context.instance
    keys = context.repository_def.asset_graph.asset_check_keys if context.repository_def else ()
    return [
        *conditions.failed_runs(ended_runs(instance, settings.ui_url, now)),
        *conditions.failed_checks(failing_checks(instance, keys), settings.ui_url),
    ]


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
