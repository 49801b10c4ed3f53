"""Which page of the Dagster UI shows what an alert is about."""

from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import quote

from footfall.catalogue.periods import partition_of
from orchestration.alerting.alert import Alert

_SENSOR = "/locations/__repository__@footfall/sensors"
#: Kind → the page of those that are about no asset of one client.
_PAGES = {
    "check_failed": "/runs",
    "run_failed": "/runs",
    "collector_silent": "/deployment/daemons",
    "spool_ageing": "/assets/ingest/events?view=overview",
    "site_silent": "/assets/ingest/events?view=overview",
    "event_type_vanished": "/assets/ingest/events?view=overview",
    "destination_failing": "/assets/deliveries/destinations?view=overview",
    "webhook_failing": f"{_SENSOR}/billing_messages",
    "channel_failing": f"{_SENSOR}/alerts",
    "watch_failing": f"{_SENSOR}/alerts",
    "client_file_invalid": "/assets/ingest/sites?view=checks",
    "owner_changed": "/assets/ingest/sites?view=checks",
    "disk_low": "/deployment/daemons",
    "erasure_due": "/assets/privacy/erasures?view=overview",
    "person_request": "/assets/privacy/erasures?view=overview",
    "request_due": "/assets/privacy/erasures?view=overview",
    "process_died": "/deployment/daemons",
    "daemon_silent": "/deployment/daemons",
    "test": f"{_SENSOR}/alerts",
}


def linked(alerts: Iterable[Alert], ui: str) -> list[Alert]:
    """The alerts, those without a link with the page that shows what they are about. `ui`: its address."""
    return [alert if alert.link else replace(alert, link=ui.rstrip("/") + page(alert)) for alert in alerts]


def page(alert: Alert) -> str:
    """The path of the page."""
    if alert.kind in ("delivery_failed", "delivery_overdue") and alert.covers:
        export, _, period = alert.covers[0].partition(" ")
        whose = alert.client_id.replace(".", "/")
        asset = f"/assets/deliveries/{whose}/{export}?view=partitions"
        return f"{asset}&partition={quote(partition_of(period))}" if period else asset
    if alert.kind == "hour_degraded":
        return f"/assets/ingest/events?view=partitions&partition={quote(partition_of(alert.subject[:13]))}"
    if alert.kind in ("new_domain", "domain_verified"):
        name = quote(f"{alert.client_id}/{alert.subject}", safe="")
        return f"/assets/discovery/domain?view=partitions&partition={name}"
    return _PAGES.get(alert.kind, "/deployment/daemons")
