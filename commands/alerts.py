"""`python -m commands.alerts`: what `footfall alerts` and `footfall doctor --watch` run."""

import argparse
import getpass
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from footfall.errors import FootfallError
from footfall.installed import DATA
from footfall.settings import Settings
from orchestration.alerting import conditions, facts
from orchestration.alerting.alert import KINDS, Alert
from orchestration.alerting.book import (
    alert_book,
    end_silence,
    failing_routes,
    history_of,
    last_look,
    note_history,
    silence,
)
from orchestration.alerting.channel import NotTold, tell
from orchestration.alerting.known import LEVELS, known_alerts, runbook_section
from orchestration.alerting.life import Telling
from orchestration.alerting.message import is_address, section
from orchestration.alerting.pages import linked
from orchestration.alerting.round import go_round
from orchestration.alerting.routes import load_routes, usable_routes
from orchestration.alerting.silences import Silence, moment
from orchestration.defs.alerting.runs import daemon_age

#: Age of the daemon's last sign of life at which it counts as dead, and half that of the last round of
#: alerts. It beats every 30 seconds, a round is made every FOOTFALL_ALERT_SECONDS.
DAEMON_AGE = timedelta(minutes=5)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Exit codes: 0 done or all well, 1 something is wrong and was said."""
    parser = argparse.ArgumentParser(prog="footfall alerts")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("test", help="send one test message to every route").set_defaults(command=_test)
    verbs.add_parser("list", help="what holds now, who was told, and who knows of it").set_defaults(
        command=_list
    )
    show = verbs.add_parser("show", help="the whole of an alert: cause, history, its section of the runbook")
    show.set_defaults(command=_show)
    ack = verbs.add_parser("ack", help="it is known: no repeats until it ends; its all-clear is told")
    ack.add_argument("--until", metavar="WHEN", help="or no longer than that: 90m, 8h, 3d, 2026-11-30T08:00")
    ack.set_defaults(command=_silence, is_mute=False)
    mute = verbs.add_parser("mute", help="nothing but the all-clear is told of it until a moment")
    mute.add_argument(
        "--until", metavar="WHEN", required=True, help="90m, 8h, 3d, 2026-11-30 or 2026-11-30T08:00, UTC"
    )
    mute.set_defaults(command=_silence, is_mute=True)
    unmute = verbs.add_parser("unmute", help="take an ack or a mute back")
    unmute.set_defaults(command=_unmute)
    for each in (show, ack, mute, unmute):
        each.add_argument("key", metavar="KEY", help="a key, or what several keys begin with: KIND:CLIENT")
    for each in (ack, mute, unmute):
        each.add_argument("--by", metavar="WHO", help="who says so (default: the user of this machine)")
        each.add_argument("--because", metavar="WHY", default="", help="why; shown with the alert")
    verbs.add_parser("watch", help="is Dagster's daemon alive, is the collector?").set_defaults(
        command=_watch
    )
    options = parser.parse_args(arguments)
    try:
        return int(options.command(Settings.from_environ(os.environ), options))
    except FootfallError as error:
        print(f"footfall alerts: {error}", file=sys.stderr)
        return 1


def _test(settings: Settings, _: argparse.Namespace) -> int:
    routes = load_routes(settings.alert_routes, settings.alert_webhook is not None)
    if not routes:
        raise FootfallError("there is no route: set FOOTFALL_ALERT_WEBHOOK or FOOTFALL_ALERT_ROUTES")
    now = datetime.now(UTC)
    failed = 0
    for route in routes:
        said = {"route": route.name, "sent": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
        (alert,) = linked(
            [Alert("test", "", route.name, f"a test of the route {route.name}", said)], settings.ui_url
        )
        try:
            tell(route.address(os.environ), Telling("firing", (alert,), now), settings.runbook_url)
            print(f"{route.name}: sent")
        except (NotTold, FootfallError) as error:
            print(f"{route.name}: {error}")
            failed += 1
    return 1 if failed else 0


def _list(settings: Settings, _: argparse.Namespace) -> int:
    routes = load_routes(settings.alert_routes, settings.alert_webhook is not None)
    with alert_book(settings.alert_book) as book:
        looked_at, _holding = last_look(book)
        found = known_alerts(book, [route.name for route in routes], datetime.now(UTC))
        failing = failing_routes(book)
    for level, heading in LEVELS.items():
        of_level = [each for each in found if each.alert.severity == level]
        if of_level:
            print(heading)
        for each in of_level:
            print("\n".join(each.lines()))
    for name, since, said in failing:
        print(f"{since:%Y-%m-%d %H:%M}  route {name} fails: {said}")
    if all(each.alert.severity == "info" for each in found) and not failing:
        print("no alert is firing")
    if not routes:
        print("there is no route, so nobody is told of anything: set FOOTFALL_ALERT_WEBHOOK or _ROUTES")
    print(f"last look: {looked_at:%Y-%m-%d %H:%M} UTC" if looked_at else "nobody has looked yet")
    return 0


def _show(settings: Settings, options: argparse.Namespace) -> int:
    routes = load_routes(settings.alert_routes, settings.alert_webhook is not None)
    with alert_book(settings.alert_book) as book:
        every = known_alerts(book, [route.name for route in routes], datetime.now(UTC), is_with_past=True)
        found = [each for each in every if each.is_of(options.key)]
        if not found:
            raise FootfallError(f"no alert {options.key} is known; `footfall alerts list` shows the keys")
        for each in found:
            print("\n".join(each.whole(history_of(book, each.alert.key))))
            print()
    for kind in dict.fromkeys(each.alert.kind for each in found):
        print(runbook_section(DATA / "docs" / "runbook.md", kind))
        if is_address(settings.runbook_url):
            print(section(settings.runbook_url, kind))
    return 0


def _silence(settings: Settings, options: argparse.Namespace) -> int:
    now = datetime.now(UTC)
    until = moment(options.until, now) if options.until else None
    wanted = Silence(
        options.key, options.is_mute, options.by or getpass.getuser(), options.because.strip(), now, until
    )
    routes = load_routes(settings.alert_routes, settings.alert_webhook is not None)
    with alert_book(settings.alert_book) as book:
        found = known_alerts(book, [route.name for route in routes], now)
        matching = [each for each in found if each.is_of(options.key)]
        kind = options.key.partition(":")[0]
        # A mute may come before what it is for; a key that can be none is a slip of the pen.
        if not matching and not (options.is_mute and kind in KINDS):
            raise FootfallError(f"no alert {options.key} holds; `footfall alerts list` shows the keys")
        silence(book, wanted)
        note_history(book, [options.key], "said", wanted.shown, now)
    for each in matching:
        print(f"{each.alert.key}: {each.alert.title}")
    print(wanted.shown + ("" if matching else "; nothing of it holds now"))
    return 0


def _unmute(settings: Settings, options: argparse.Namespace) -> int:
    now = datetime.now(UTC)
    with alert_book(settings.alert_book) as book:
        if not end_silence(book, options.key):
            raise FootfallError(f"{options.key} is neither acknowledged nor muted")
        because = f": {options.because.strip()}" if options.because.strip() else ""
        note_history(
            book, [options.key], "said", f"taken back by {options.by or getpass.getuser()}{because}", now
        )
    print(f"{options.key} is told as before")
    return 0


def _watch(settings: Settings, _: argparse.Namespace) -> int:
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


if __name__ == "__main__":
    sys.exit(main())
