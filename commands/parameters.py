"""What is written on the command line: hours, days and ids, each read by one type, with one message."""

import os
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click
from click.shell_completion import CompletionItem

from footfall.errors import FootfallError
from footfall.hours import parse


class _Hour(click.ParamType[datetime]):
    name = "hour"

    def convert(self, value: Any, _param: click.Parameter | None, _ctx: click.Context | None) -> datetime:
        return value if isinstance(value, datetime) else parse(value)


class _Day(click.ParamType[str]):
    name = "day"

    def convert(self, value: Any, _param: click.Parameter | None, _ctx: click.Context | None) -> str:
        try:
            return datetime.strptime(value, "%Y-%m-%d").date().isoformat()  # noqa: DTZ007 — a date
        except ValueError:
            raise FootfallError(f"{value!r} is not a day: write 2026-11-20 (UTC)") from None


class _Client(click.ParamType[str]):
    name = "client"

    def convert(self, value: Any, _param: click.Parameter | None, _ctx: click.Context | None) -> str:
        return str(value)

    def shell_complete(
        self, _ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from footfall.settings import Settings

        names = sorted(path.stem for path in Settings.from_environ(os.environ).clients.glob("*.yaml"))
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


#: `2026-11-20` or `2026-11-20T14`, UTC.
HOUR = _Hour()
#: `2026-11-20`.
DAY = _Day()
#: The id of a client; a shell completes it by the names of the client files.
CLIENT = _Client()

Decorated = Callable[[Callable[..., Any]], Callable[..., Any]]


def hours(*, required: bool = False) -> Decorated:
    """`--from HOUR --to HOUR`, as `start` and `end`."""

    def both(command: Callable[..., Any]) -> Callable[..., Any]:
        command = click.option(
            "--to", "end", type=HOUR, metavar="HOUR", required=required, help="The hour to stop before."
        )(command)
        return click.option(
            "--from",
            "start",
            type=HOUR,
            metavar="HOUR",
            required=required,
            help="The first hour, 2026-11-20 or 2026-11-20T14, UTC.",
        )(command)

    return both


def require_range(start: datetime, end: datetime) -> None:
    """Raise FootfallError where no hour lies between."""
    if start >= end:
        raise FootfallError(f"--from {_written(start)} is not before --to {_written(end)}")


def _written(hour: datetime) -> str:
    return hour.strftime("%Y-%m-%dT%H" if hour.hour else "%Y-%m-%d")


def client(*, required: bool = False, text: str = "Of this client only.") -> Decorated:
    """`--client ID`."""
    return click.option("--client", "client_id", type=CLIENT, metavar="ID", required=required, help=text)


def who(text: str = "Who decides; the user of this machine unless told.") -> Decorated:
    """`--by WHO`."""
    return click.option("--by", metavar="WHO", help=text)
