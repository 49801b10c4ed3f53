"""`footfall doctor --watch`: is the daemon alive, is the collector? Dagster cannot say it of itself."""

import os
from datetime import UTC, datetime, timedelta

import dagster as dg

from footfall.settings import Settings
from orchestration.alerting import conditions, facts
from orchestration.alerting.book import alert_book, last_look
from orchestration.alerting.pages import linked
from orchestration.alerting.round import go_round
from orchestration.alerting.routes import usable_routes
from orchestration.defs.alerting.runs import daemon_age

#: Age of the daemon's last sign of life at which it counts as dead, and half that of the last round of
#: alerts. It beats every 30 seconds, a round is made every FOOTFALL_ALERT_SECONDS.
DAEMON_AGE = timedelta(minutes=5)


def watch_now(settings: Settings) -> int:
    """One look, by the clock and the daemon's sign of life in Dagster's instance. The exit code."""
    now = datetime.now(UTC)
    with dg.DagsterInstance.get() as instance:
        age = daemon_age(instance, now)
    return watch(settings, age, now)


def watch(settings: Settings, age: timedelta | None, now: datetime) -> int:
    """What Dagster cannot say of itself, for a timer outside of it (docs/operations.md). The exit code.

    `age` is that of the daemon's last sign of life.
    """
    routes, trouble = usable_routes(settings.alert_routes, settings.alert_webhook is not None)
    with alert_book(settings.alert_book) as book:
        silent = conditions.silent_daemon(age, last_look(book)[0], now, max(DAEMON_AGE, _rounds(settings, 3)))
        collectors = conditions.collectors(facts.health(settings.collector_urls))
        # As long as the daemon lives, it is the one who tells of the collectors.
        holding = linked([*silent, *(collectors if silent else [])], settings.ui_url)
        scope = {"daemon_silent", *({"collector_silent", "spool_ageing"} if silent else ())}
        done = go_round(book, routes, holding, os.environ, settings.runbook_url, now, kinds=frozenset(scope))
    for alert in (*silent, *collectors, *trouble):
        print(f"{alert.severity}: {alert.title}")
        for name, value in alert.facts.items():
            print(f"  {name}: {value}")
    for failure in done.failures:
        print(failure)
    return 1 if silent or collectors or trouble or done.failures else 0


def _rounds(settings: Settings, count: int) -> timedelta:
    return timedelta(seconds=count * settings.alert_seconds)
