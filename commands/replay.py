"""`python -m commands.replay …`: what `footfall replay quarantine` runs."""

import argparse
import os
import sys
from datetime import UTC, datetime

from footfall.clients import registry_of
from footfall.durable import open_lake
from footfall.errors import FootfallError
from footfall.hours import HOUR, between, parse, run_command
from footfall.settings import Settings
from orchestration.ingest.replay import replay_quarantine


def main() -> int:
    """The command; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="footfall replay quarantine", description=__doc__)
    parser.add_argument("--from", dest="start", required=True, metavar="HOUR")
    parser.add_argument("--to", dest="end", required=True, metavar="HOUR")
    parser.add_argument("--reason")
    options = parser.parse_args()
    try:
        settings = Settings.from_environ(os.environ)
        start, end = parse(options.start), parse(options.end)
        if start >= end:
            raise FootfallError(f"--from {options.start} is not before --to {options.end}")
        lake = open_lake(settings.lake, settings.s3_endpoint)
        done = replay_quarantine(lake, registry_of(settings), between(start, end), options.reason)
    except FootfallError as error:
        print(f"footfall replay: {error}", file=sys.stderr)
        return 1
    for hour in done:
        print(
            f"{hour.hour:%Y-%m-%dT%H}: {hour.rows} quarantined, {hour.events} events made of them, "
            f"{hour.refused} still refused"
        )
    changed = [hour.hour for hour in done if hour.key]
    if not changed:
        print("nothing has become an event")
        return 0
    command = run_command(min(changed), max(changed) + HOUR, datetime.now(UTC))
    print(f"next: {command}; or wait for the sensor of late objects")
    return 0


if __name__ == "__main__":
    sys.exit(main())
