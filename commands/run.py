"""`footfall run`: hours through Dagster, on this terminal."""

import os
from datetime import UTC, datetime
from functools import partial

import click

from commands.apart import ask_apart, run_apart
from commands.parameters import hours, require_range
from commands.registry import put_in_force
from commands.state import with_installation
from footfall.errors import FootfallError
from footfall.hours import HOUR, floor
from footfall.settings import Settings


@click.command()
@hours()
@click.option("--live", is_flag=True, help="The parts of live exports, of the running hour if none is named.")
@click.option(
    "--open",
    "is_open",
    is_flag=True,
    help="Also the hour that has not ended; what is delivered of it is marked incomplete.",
)
@with_installation
def command(
    settings: Settings, start: datetime | None, end: datetime | None, live: bool, is_open: bool
) -> int:
    """Materialise hours and deliver them, then each daily file of days that ended in them.

    The jobs that the schedules run, recorded in the same Dagster instance. May be stopped and given again.
    """
    if not live and (start is None or end is None):
        raise FootfallError("say which hours: --from HOUR --to HOUR")
    start = start or floor(datetime.now(UTC))
    end = end or start + HOUR
    require_range(start, end)
    # Apart, for the work is a copy of this process, which must have asked no store by then.
    ask_apart(dict(os.environ), partial(put_in_force, settings))
    return materialise(settings, dict(os.environ), start, end, is_live=live, is_open=is_open)


def materialise(
    settings: Settings,
    environment: dict[str, str],
    start: datetime,
    end: datetime,
    *,
    is_live: bool = False,
    is_open: bool = False,
) -> int:
    """Run the hours of [start, end) in a process of their own, narrated on this terminal: its exit code.

    `environment`: of commands.installation.
    """

    def work() -> int:
        from commands.materialising import narrated

        return narrated(settings, start, end, is_live=is_live, is_open=is_open)

    return run_apart(environment, work)
