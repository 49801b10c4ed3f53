"""`footfall replay quarantine` and `footfall enrich FILE`: what a person does to hours that were ingested."""

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from commands import installation
from footfall.clients import registry_of
from footfall.durable import open_lake
from footfall.enrichments import land_enrichments
from footfall.errors import FootfallError
from footfall.settings import Settings


def add(commands: Any) -> None:
    """Add both to the subparsers of the command line."""
    replay = commands.add_parser("replay", help="quarantine again, under the rules of today")
    replay.add_argument("what", choices=["quarantine"])
    replay.add_argument(
        "--from", dest="start", required=True, metavar="HOUR", help="first hour of receipt, UTC"
    )
    replay.add_argument("--to", dest="end", required=True, metavar="HOUR", help="the hour to stop before")
    replay.add_argument("--reason", help="of one reason only, such as malformed_json")
    replay.set_defaults(command=_replay)

    enrich = commands.add_parser("enrich", help="fields of stored events that were learnt later")
    enrich.add_argument("file", help='lines of JSON: {"event_id": …, "fields": {…}}, perhaps with "version"')
    enrich.add_argument("--client", required=True)
    enrich.set_defaults(command=_enrich)


def _replay(options: argparse.Namespace, settings: Settings) -> int:
    arguments = ["--from", options.start, "--to", options.end]
    arguments += ["--reason", options.reason] if options.reason else []
    return installation.run_module(settings, os.environ, "commands.replay", *arguments)


def _enrich(options: argparse.Namespace, settings: Settings) -> int:
    client = registry_of(settings).client(options.client)
    if client is None:
        raise FootfallError(f"no client {options.client!r} has a valid file; `footfall clients` lists them")
    lake = open_lake(settings.lake, settings.s3_endpoint)
    now = datetime.now(UTC)
    landed = land_enrichments(Path(options.file), client.client_id, lake, now)
    print(
        f"{len(landed)} objects landed; the run of {now:%Y-%m-%dT%H} (UTC) reads them, after its hour is over"
    )
    return 0
