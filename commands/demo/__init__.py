"""`footfall demo`: two days of made-up traffic, from HTTP requests to verified files."""

import os
from datetime import UTC, datetime

import click

from commands.parameters import HOUR
from commands.state import with_settings
from footfall.errors import FootfallError
from footfall.hours import floor
from footfall.settings import Settings


@click.command()
@click.option("--no-serve", is_flag=True, help="Exit after the summary.")
@click.option(
    "--hours", type=int, default=48, show_default=True, metavar="N", help="Hours of traffic, 1-168."
)
@click.option(
    "--end", type=HOUR, metavar="HOUR", help="The hour the traffic ends before (default: the current one)."
)
@with_settings
def command(settings: Settings, no_serve: bool, hours: int, end: datetime | None) -> int:
    """Send made-up traffic to a real collector, deliver it, and compare what arrived, event by event.

    May be stopped anywhere: the next demo takes up what is missing.
    """
    from commands.demo.demo import run_demo  # the terminal library behind it takes a quarter of a second

    if not 1 <= hours <= 168:
        raise FootfallError(f"--hours {hours}: expected 1 to 168")
    end = end or floor(datetime.now(UTC))
    return run_demo(settings, os.environ, hours=hours, end=end, serve=not no_serve)
