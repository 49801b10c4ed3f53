"""`python -m collector`: settings → one worker in this process, or several below a supervisor.

Prints one line when it accepts requests. SIGTERM or SIGINT: stop accepting, finish requests, commit and
seal, ship what is sealed, exit 0. What prevents a start is one line on stderr and exit code 1.
"""

import argparse
import os
import sys

from collector import logs
from footfall.durable import take_up
from footfall.environment import add_env_file, unread
from footfall.environments import require_safe
from footfall.errors import FootfallError
from footfall.private import keep_private
from footfall.settings import Settings


def main() -> int:
    """Run until told to stop. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m collector", description=__doc__)
    parser.add_argument("--worker", type=int, default=0, help=argparse.SUPPRESS)  # by the supervisor only
    parser.add_argument("--listener", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    try:
        add_env_file(os.environ)
        if not options.worker:
            sys.stderr.writelines(f"collector: {line}\n" for line in unread(os.environ))
        settings = Settings.from_environ(os.environ)
        logs.configure(settings.log_format, options.worker, settings.log_level)
        if not options.worker:
            require_safe(settings, os.environ)
            keep_private(settings, is_first=take_up(settings.home))
        # Either is imported alone: the supervisor stays small, and a worker needs none.
        if settings.collector_workers > 1 and not options.worker:
            from collector.supervisor import supervise

            return supervise(settings)
        from collector.worker import run

        run(settings, number=options.worker, descriptor=options.listener)
    except FootfallError as error:
        lines = [" ".join(line.split()) for line in str(error).splitlines()]
        sys.stderr.writelines(f"collector: {line}\n" for line in lines)
        return 1
    except KeyboardInterrupt:  # while starting; once it serves, the signal is the ordinary end
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
