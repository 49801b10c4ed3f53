"""A new client without a restart: client files that change are seen, and the UI loads them."""

import hashlib
import os
from pathlib import Path

import dagster as dg

from footfall.errors import FootfallError
from footfall.settings import Settings
from orchestration.reloading import reload

#: How often the folder is looked at, in seconds; the load itself takes about five more.
LOOK_SECONDS = 5


def fingerprint(folder: Path, pattern: str = "*.yaml") -> str:
    """The content of every client file, or of what else a folder holds, in hex."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob(pattern)):
        try:
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        except OSError:
            continue  # removed since it was listed: the next look sees it
    return digest.hexdigest()


def look(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Reload the code location in the UI when a client file came, changed or went."""
    settings = Settings.from_environ(os.environ)
    now = fingerprint(settings.clients) + fingerprint(settings.identities, "*.json")
    if context.cursor == now:
        return dg.SkipReason("no client file has changed")
    if context.cursor:
        try:
            reload(settings)
        except FootfallError as error:
            # Without a new cursor: tried again at the next look.
            return dg.SkipReason(f"the UI could not load the client files: {error}")
    context.update_cursor(now)
    return dg.SkipReason("client files have changed; the UI has loaded them")


@dg.definitions
def reloading() -> dg.Definitions:
    # Not by the decorator, which sets a parameter that is in beta and warns of it.
    sensor = dg.SensorDefinition(
        name="client_files",
        evaluation_fn=look,
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Reloads this code location when a file in the folder of clients changes.",
    )
    return dg.Definitions(sensors=[sensor])
