"""`python -m commands.rebuild`: every model anew, after a change of the models or of their variables.

Piece by piece, beside the warehouse, which stays as it is until all is made. Runs wait for it. What the
exports would now say differently is delivered as revisions by the next run.
"""

import argparse
import os
import sys
import time

from commands.processes import stop_on_signals
from footfall.errors import FootfallError
from footfall.settings import Settings
from orchestration.modelling.rebuild import PIECE, rebuild
from orchestration.resources.warehouse import Warehouse


def main() -> int:
    """The command; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="footfall rebuild", description=__doc__)
    parser.add_argument(
        "--events",
        type=int,
        default=PIECE,
        help=f"events of a piece, {PIECE} unless told; each million takes up to 3 GB of memory",
    )
    options = parser.parse_args()
    if options.events < 1:
        parser.error("--events: at least 1")
    stop_on_signals()
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - begun:7.0f} s  {text}", flush=True)

    try:
        settings = Settings.from_environ(os.environ)
        with Warehouse(path=str(settings.warehouse)).exclusive():
            rebuild(settings.warehouse, settings.home / "dbt" / "rebuild", say, options.events)
    except FootfallError as error:
        print(f"footfall rebuild: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("footfall rebuild: stopped; the warehouse is as it was", file=sys.stderr)
        return 130
    say("done; the next run publishes the tables, and delivers what changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
