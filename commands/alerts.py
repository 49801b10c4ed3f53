"""`footfall alerts`: what is wrong, why, who was told, and who knows of it."""

import getpass
import os
from datetime import UTC, datetime

import click

from commands.parameters import who
from commands.state import with_installation
from footfall.errors import FootfallError
from footfall.installed import DATA
from footfall.settings import Settings
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
from orchestration.alerting.routes import load_routes
from orchestration.alerting.silences import Silence, moment

#: A key, or what several keys begin with.
_key = click.argument("key", metavar="KEY")
_because = click.option("--because", metavar="WHY", default="", help="Why; shown with the alert.")


@click.group(epilog="KEY is a key that `list` shows, or what several keys begin with: KIND:CLIENT.")
def command() -> None:
    """What is wrong now, why, who was told and who knows of it."""


@command.command()
@with_installation
def test(settings: Settings) -> int:
    """Send one test message to every route."""
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


@command.command("list")
@with_installation
def list_(settings: Settings) -> int:
    """What holds now, who was told, and who knows of it."""
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


@command.command()
@_key
@with_installation
def show(settings: Settings, key: str) -> int:
    """The whole of an alert: cause, history, its section of the runbook."""
    routes = load_routes(settings.alert_routes, settings.alert_webhook is not None)
    with alert_book(settings.alert_book) as book:
        every = known_alerts(book, [route.name for route in routes], datetime.now(UTC), is_with_past=True)
        found = [each for each in every if each.is_of(key)]
        if not found:
            raise FootfallError(f"no alert {key} is known; `footfall alerts list` shows the keys")
        for each in found:
            print("\n".join(each.whole(history_of(book, each.alert.key))))
            print()
    for kind in dict.fromkeys(each.alert.kind for each in found):
        print(runbook_section(DATA / "docs" / "runbook.md", kind))
        if is_address(settings.runbook_url):
            print(section(settings.runbook_url, kind))
    return 0


@command.command()
@_key
@click.option("--until", metavar="WHEN", help="Or no longer than that: 90m, 8h, 3d, 2026-11-30T08:00.")
@who("Who says so; the user of this machine unless told.")
@_because
@with_installation
def ack(settings: Settings, key: str, until: str | None, by: str | None, because: str) -> int:
    """It is known: no repeats until it ends; its all-clear is told."""
    return _silence(settings, key, until, by, because, is_mute=False)


@command.command()
@_key
@click.option(
    "--until", metavar="WHEN", required=True, help="90m, 8h, 3d, 2026-11-30 or 2026-11-30T08:00, UTC."
)
@who("Who says so; the user of this machine unless told.")
@_because
@with_installation
def mute(settings: Settings, key: str, until: str, by: str | None, because: str) -> int:
    """Nothing but the all-clear is told of it until a moment."""
    return _silence(settings, key, until, by, because, is_mute=True)


def _silence(
    settings: Settings, key: str, written: str | None, by: str | None, because: str, *, is_mute: bool
) -> int:
    now = datetime.now(UTC)
    until = moment(written, now) if written else None
    wanted = Silence(key, is_mute, by or getpass.getuser(), because.strip(), now, until)
    routes = load_routes(settings.alert_routes, settings.alert_webhook is not None)
    with alert_book(settings.alert_book) as book:
        found = known_alerts(book, [route.name for route in routes], now)
        matching = [each for each in found if each.is_of(key)]
        kind = key.partition(":")[0]
        # A mute may come before what it is for; a key that can be none is a slip of the pen.
        if not matching and not (is_mute and kind in KINDS):
            raise FootfallError(f"no alert {key} holds; `footfall alerts list` shows the keys")
        silence(book, wanted)
        note_history(book, [key], "said", wanted.shown, now)
    for each in matching:
        print(f"{each.alert.key}: {each.alert.title}")
    print(wanted.shown + ("" if matching else "; nothing of it holds now"))
    return 0


@command.command()
@_key
@who("Who says so; the user of this machine unless told.")
@_because
@with_installation
def unmute(settings: Settings, key: str, by: str | None, because: str) -> int:
    """Take an ack or a mute back."""
    now = datetime.now(UTC)
    with alert_book(settings.alert_book) as book:
        if not end_silence(book, key):
            raise FootfallError(f"{key} is neither acknowledged nor muted")
        why = f": {because.strip()}" if because.strip() else ""
        note_history(book, [key], "said", f"taken back by {by or getpass.getuser()}{why}", now)
    print(f"{key} is told as before")
    return 0
