"""`python -m orchestration.alerts`: what `footfall alerts` and `footfall doctor --watch` run."""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from footfall.errors import FootfallError
from footfall.settings import Settings
from orchestration.alerting import conditions, facts
from orchestration.alerting.alert import KINDS, Alert
from orchestration.alerting.book import alert_book, failing_routes, told_to
from orchestration.alerting.channel import NotTold, tell
from orchestration.alerting.life import Telling
from orchestration.alerting.round import go_round
from orchestration.alerting.routes import load_routes
from orchestration.defs.alerting.runs import daemon_age

#: Age of the daemon's last sign of life at which it counts as dead. It beats every 30 seconds.
DAEMON_AGE = timedelta(minutes=5)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Exit codes: 0 done or all well, 1 something is wrong and was said."""
    parser = argparse.ArgumentParser(prog="footfall alerts")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("test", help="send one test message to every route").set_defaults(command=_test)
    verbs.add_parser("list", help="what holds now, and who was told").set_defaults(command=_list)
    verbs.add_parser("watch", help="is Dagster's daemon alive, is the collector?").set_defaults(
        command=_watch
    )
    options = parser.parse_args(arguments)
    try:
        return int(options.command(Settings.from_environ(os.environ)))
    except FootfallError as error:
        print(f"footfall alerts: {error}", file=sys.stderr)
        return 1


def _test(settings: Settings) -> int:
    routes = load_routes(settings.alert_routes, settings.alert_webhook is not None)
    if not routes:
        raise FootfallError("there is no route: set FOOTFALL_ALERT_WEBHOOK or FOOTFALL_ALERT_ROUTES")
    now = datetime.now(UTC)
    failed = 0
    for route in routes:
        kind = (route.kinds or sorted(KINDS))[0]
        client = (route.clients or [""])[0]
        alert = Alert(kind, client, "test", "this is a test; nothing is wrong", {"route": route.name})
        try:
            tell(route.address(os.environ), Telling("firing", (alert,), now), settings.runbook_url)
            print(f"{route.name}: sent")
        except (NotTold, FootfallError) as error:
            print(f"{route.name}: {error}")
            failed += 1
    return 1 if failed else 0


def _list(settings: Settings) -> int:
    routes = load_routes(settings.alert_routes, settings.alert_webhook is not None)
    with alert_book(settings.alert_book) as book:
        seen: dict[str, tuple[Alert, datetime, list[str]]] = {}
        for route in routes:
            for key, told in told_to(book, route.name).items():
                if told.state == "firing":
                    seen.setdefault(key, (told.alert, told.since, []))[2].append(route.name)
        failing = failing_routes(book)
    for alert, since, names in sorted(seen.values(), key=lambda each: each[1]):
        print(
            f"{since:%Y-%m-%d %H:%M}  {alert.severity:8} {alert.kind:20} {alert.title}  → {', '.join(names)}"
        )
    for name, since, said in failing:
        print(f"{since:%Y-%m-%d %H:%M}  route {name} fails: {said}")
    if not seen and not failing:
        print("no alert is firing" if routes else "there is no route, so nobody is told of anything")
    return 0


def _watch(settings: Settings) -> int:
    """What Dagster cannot say of itself. For a timer outside of it; see docs/operations.md."""
    now = datetime.now(UTC)
    holding = []
    with dg.DagsterInstance.get() as instance:
        age = daemon_age(instance, now)
    scope = {"daemon_silent"}
    if age is None or age > DAEMON_AGE:
        said = "never" if age is None else f"{age.total_seconds() / 60:.0f} minutes ago"
        holding.append(
            Alert("daemon_silent", "", "scheduler", "Dagster's daemon is silent", {"last sign of life": said})
        )
        # Nobody else looks at the collectors now.
        scope |= {"collector_silent", "spool_ageing"}
        holding += conditions.collectors(facts.health(settings.collector_urls))
    routes = load_routes(settings.alert_routes, settings.alert_webhook is not None)
    with alert_book(settings.alert_book) as book:
        done = go_round(book, routes, holding, os.environ, settings.runbook_url, now, kinds=frozenset(scope))
    for alert in holding:
        print(f"{alert.severity}: {alert.title}")
    for failure in done.failures:
        print(failure)
    return 1 if holding or done.failures else 0


if __name__ == "__main__":
    sys.exit(main())
