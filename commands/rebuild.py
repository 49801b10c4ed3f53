"""`footfall rebuild`: every model anew, after a change of the models or of their variables."""

import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from commands.apart import run_apart
from commands.processes import stop_on_signals
from commands.state import with_installation
from footfall.errors import FootfallError
from footfall.settings import Settings
from footfall.signatures import load_signer, own_keys
from footfall.sql import scratch


@click.command()
@click.option(
    "--events",
    type=click.IntRange(min=1),
    metavar="N",
    help="Events of a piece, 2000000 unless told; each million takes up to 3 GB of memory.",
)
def command(events: int | None) -> int:
    """Make every model anew, piece by piece, beside the warehouse, which stays as it is until all is made.

    Runs wait for it. What the exports would now say differently is delivered as revisions by the next run.
    """
    return rebuild_all(events)


@with_installation
def rebuild_all(settings: Settings, events: int | None = None) -> int:
    """Make every model of the installation anew. Returns the exit code."""
    return run_apart(dict(os.environ), lambda: _rebuild(settings, events))


def _rebuild(settings: Settings, events: int | None) -> int:
    from orchestration.ingest.events_before import take_up_events
    from orchestration.ingest.schema import make_schema
    from orchestration.modelling.frozen import take_up
    from orchestration.modelling.project import prepare
    from orchestration.modelling.rebuild import PIECE, rebuild
    from orchestration.modelling.untouched import WHOLE_BUILD, WINDOWED_BUILD, note_built
    from orchestration.resources.lake import Lake
    from orchestration.resources.warehouse import Warehouse

    stop_on_signals()
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - begun:7.0f} s  {text}", flush=True)

    try:
        files, warehouse = Lake.of(settings).files(), Warehouse(database=str(settings.warehouse))
        if settings.warehouse.exists():
            with warehouse.connect(files.folder) as connection:
                take_up_events(connection, files)
                make_schema(connection)
                load_signer(settings.home / "keys")
                with TemporaryDirectory(prefix="footfall-horizons-", dir=scratch(connection)) as folder:
                    take_up(connection, files.lake, own_keys(settings.home / "keys"), Path(folder))
        with warehouse.exclusive():
            target, known = settings.home / "dbt" / "rebuild", prepare(settings.home, say)
            rebuild(settings.warehouse, target, say, events or PIECE, known, files)
        with warehouse.connect() as connection:
            for build in (WINDOWED_BUILD, WHOLE_BUILD):
                note_built(connection, build, known.name)
    except FootfallError as error:
        print(f"footfall rebuild: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("footfall rebuild: stopped; the warehouse is as it was", file=sys.stderr)
        return 130
    say("done; the next run publishes the tables, and delivers what changed")
    return 0
