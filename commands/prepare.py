"""`python -m commands.prepare`: what dbt makes of the models, ready for whoever loads definitions.

`make setup` and the wheel's build run it; it takes no time where nothing has changed.
"""

import os
import sys

from footfall.environment import add_env_file
from footfall.errors import FootfallError
from footfall.settings import Settings
from orchestration.modelling.project import prepare


def main() -> int:
    """Prepare the models, and say so where that takes a while. The exit code."""
    try:
        add_env_file(os.environ)
        prepare(Settings.from_environ(os.environ).home, lambda line: print(line, flush=True))
    except FootfallError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
