"""`footfall enrich FILE`: what was learnt later of stored events."""

from datetime import UTC, datetime
from pathlib import Path

import click

from commands.parameters import client
from commands.registry import known_client
from commands.state import with_state
from footfall.durable import open_lake
from footfall.enrichments import land_enrichments
from footfall.settings import Settings


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@client(required=True, text="The client whose events they are.")
@with_state
def command(settings: Settings, file: Path, client_id: str) -> int:
    """Put what was learnt of stored events into the lake; the run of the present hour reads it.

    FILE holds lines of JSON: {"event_id": …, "fields": {…}, "properties": {…}}, perhaps with "version".
    """
    known = known_client(settings, client_id)
    lake = open_lake(settings.lake, settings.s3_endpoint, settings.home)
    now = datetime.now(UTC)
    landed = land_enrichments(file, known.client_id, lake, now)
    print(
        f"{len(landed)} objects landed; the run of {now:%Y-%m-%dT%H} (UTC) reads them, after its hour is over"
    )
    return 0
