"""`python settable_clock.py FILE`: a collector whose machine's clock is off by the seconds in FILE."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from collector import __main__, clock


def main() -> int:
    """Run the collector; its clock is what the machine's would be after somebody had set it."""
    offset = Path(sys.argv.pop(1))
    clock.machine_clock = lambda: datetime.now(UTC) + timedelta(seconds=float(offset.read_text()))
    return __main__.main()


if __name__ == "__main__":
    sys.exit(main())
