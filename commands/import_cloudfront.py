"""`python -m sources NAME --client ID --site ID`: import CloudFront log objects by hand.

What `footfall import --format cloudfront` runs; for logs older than a source's schedule looks back, or of
a bucket that is no source.
"""

import argparse
import os
import sys
from datetime import UTC, datetime

from footfall.clients import LogSource, registry_of
from footfall.errors import FootfallError
from footfall.hours import HOUR, lower_first_hour, run_command
from footfall.privacy import Salts
from footfall.settings import Settings
from footfall.store import open_store
from sources.import_files import local_files
from sources.intake import BATCH_BYTES, BATCH_OBJECTS, TakenIn, convert_into


def import_logs(given: str, client_id: str, site_id: str, page_views: bool, settings: Settings) -> TakenIn:
    """Convert everything under `given` into the lake. Importing the same again brings no event twice."""
    client = registry_of(settings).client(client_id)
    site = next((s for s in client.sites if s.site_id == site_id), None) if client else None
    if client is None or site is None:
        raise FootfallError(f"there is no valid client {client_id} with a site {site_id}")
    lake = open_store(settings.lake, s3_endpoint=settings.s3_endpoint)
    source = LogSource(name="by-hand", site_id=site_id, url="file:///", page_views=page_views)
    salts = Salts(lake)
    taken = TakenIn()
    batch: list[tuple[str, bytes]] = []
    with local_files(given, s3_endpoint=settings.s3_endpoint) as files:
        for name, path in files:
            try:
                # The name without its folder: the same object from another place is the same object.
                batch.append((name.rpartition("/")[2], path.read_bytes()))
            except OSError as error:
                raise FootfallError(f"{name} cannot be read: {error.strerror}") from None
            if sum(len(data) for _, data in batch) >= BATCH_BYTES or len(batch) == BATCH_OBJECTS:
                taken.add(convert_into(lake, batch, client, site, source, salts), len(batch))
                batch = []
    if batch:
        taken.add(convert_into(lake, batch, client, site, source, salts), len(batch))
    return taken


def main() -> int:
    """The command; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="footfall import --format cloudfront")
    parser.add_argument("given")
    parser.add_argument("--client", required=True)
    parser.add_argument("--site", required=True)
    parser.add_argument("--no-page-views", action="store_true")
    options = parser.parse_args()
    settings = Settings.from_environ(os.environ)
    try:
        taken = import_logs(
            options.given,
            options.client,
            options.site,
            not options.no_page_views,
            settings,
        )
    except FootfallError as error:
        print(f"footfall import: {error}", file=sys.stderr)
        return 1
    for key, problem in taken.damaged.items():
        print(f"set aside: {key}: {problem}", file=sys.stderr)
    print(
        f"{taken.objects} log objects, {taken.lines} lines = {taken.requests} requests "
        f"({taken.page_views} page views) + {taken.malformed} to quarantine"
    )
    if taken.hours:
        first, last = min(taken.hours), max(taken.hours)
        print(f"{len(taken.hours)} hours from {first:%Y-%m-%dT%H} to {last:%Y-%m-%dT%H}")
        if lower_first_hour(settings.first_hour_file, first.replace(hour=0)):
            print("these hours are the earliest so far: if Dagster is running, reload its code location")
        print(f"next: {run_command(first, last + HOUR, datetime.now(UTC))}")
    return 1 if taken.damaged else 0


if __name__ == "__main__":
    sys.exit(main())
