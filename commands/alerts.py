"""`python -m commands.alerts`: what `footfall alerts` and `footfall doctor --watch` run."""

import argparse
import os
import sys
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from footfall.errors import FootfallError
from footfall.settings import Settings
from orchestration.alerting import conditions, facts
from orchestration.alerting.alert import KINDS, NEWS, Alert
from orchestration.alerting.book import alert_book, failing_routes, last_look, told_to
from orchestration.alerting.channel import NotTold, tell
from orchestration.alerting.life import Telling
from orchestration.alerting.round import go_round
from orchestration.alerting.routes import load_routes, usable_routes
from orchestration.defs.alerting.runs import daemon_age

#: Age of the daemon's last sign of life at which it counts as dead, and half that of the last round of
#: alerts. It beats every 30 seconds, a round is made every FOOTFALL_ALERT_SECONDS.
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
        looked_at, holding = last_look(book)
        found = {alert.key: (alert, looked_at or datetime.now(UTC)) for alert in holding}
        names, over = defaultdict(list), {}
        for route in routes:
            for key, told in told_to(book, route.name).items():
                if told.state == "firing" and (key in found or told.alert.kind not in NEWS):
                    found[key] = (found[key][0] if key in found else told.alert, told.since)
                    names[key].append(route.name if told.last_told else f"{route.name} (not yet)")
                    if told.gone_since:
                        over[key] = f", over since {told.gone_since:%H:%M}"
        failing = failing_routes(book)
    for key, (alert, since) in sorted(found.items(), key=lambda each: (each[1][1], each[0])):
        whose = f"{alert.client_id}: " if alert.client_id else ""
        told_whom = (", ".join(names[key]) or "nobody") + over.get(key, "")
        print(
            f"{since:%Y-%m-%d %H:%M}  {alert.severity:8} {alert.kind:20} {whose}{alert.title}  → {told_whom}"
        )
    for name, since, said in failing:
        print(f"{since:%Y-%m-%d %H:%M}  route {name} fails: {said}")
    if not found and not failing:
        print("no alert is firing")
    if not routes:
        print("there is no route, so nobody is told of anything: set FOOTFALL_ALERT_WEBHOOK or _ROUTES")
    print(f"last look: {looked_at:%Y-%m-%d %H:%M} UTC" if looked_at else "nobody has looked yet")
    return 0


def _watch(settings: Settings) -> int:
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
        holding = [*silent, *(collectors if silent else [])]
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


if __name__ == "__main__":
    sys.exit(main())
