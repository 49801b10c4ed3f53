"""Whether an erasure is held, and what starts one in the background, for `footfall privacy` and the API.

The API holds this in memory all day: no Dagster here.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Collection
from datetime import datetime

from footfall.durable import open_lake
from footfall.retention.holds import Hold, against_erasure, read, refusal
from footfall.settings import Settings
from footfall.signatures import own_keys


def holds_against(settings: Settings, client_id: str, received: Collection[datetime] | None) -> list[Hold]:
    """Holds by which nobody who was received then is erased. Raises FootfallError, StoreError."""
    found = read(
        open_lake(settings.lake, settings.s3_endpoint, settings.home), own_keys(settings.home / "keys")
    )
    return against_erasure(found, client_id, received)


def whole_hold(settings: Settings, client_id: str) -> str:
    """Why nobody of the client is erased, where a hold is on all of its data; empty: none is.

    Whose hours a hold keeps is found out by the job. Raises FootfallError, StoreError.
    """
    found = [each for each in holds_against(settings, client_id, ()) if each.since is None]
    return refusal(found) if found else ""


def start_resume(settings: Settings, name: str) -> None:
    """Go on with an erasure in a process of its own, which outlives whoever starts it."""
    log = settings.home / "logs" / f"erasure-{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as said:
        begun = subprocess.Popen(
            [sys.executable, "-m", "commands.entry", "privacy", "resume", name],
            env=os.environ | {"FOOTFALL_HOME": str(settings.home)},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    # Whoever starts it lives on, and has to take note of its end.
    threading.Thread(target=begun.wait, name=f"erasure {name}", daemon=True).start()
