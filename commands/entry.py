"""The command's first breath: Ctrl-C while the rest is still loading ends it without a traceback."""

import signal
import sys


def main() -> int:
    """Load the command line and run it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from commands.cli import main as command_line  # not at the top: loading it is what may be interrupted

    return command_line()


if __name__ == "__main__":
    sys.exit(main())
