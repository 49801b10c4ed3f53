"""What people and programs decided, a line of JSON each, in a file that is only ever added to.

A line: `at` (UTC), `who` (a key's name, a person, or a user of the machine), `door` (`api`, `command`,
`dashboard`), `act`, `client` (empty: of the installation), `subject` (what was acted upon), `outcome`.
"""

import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

from footfall.event import timestamp

Door = Literal["api", "command", "dashboard"]


def note(
    path: Path, now: datetime, *, who: str, door: Door, act: str, client: str, subject: str, outcome: str
) -> None:
    """Add a line, on disk when this returns. Raises OSError where it cannot be kept: then do not act."""
    line = {
        "at": timestamp(now),
        "who": who,
        "door": door,
        "act": act,
        "client": client,
        "subject": subject,
        "outcome": outcome,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    # One write of a short line in append mode is whole, whoever else writes.
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, (json.dumps(line, ensure_ascii=False) + "\n").encode("utf-8", "replace"))
        os.fsync(file)
    finally:
        os.close(file)


def lines(path: Path, client: str | None = None) -> Iterator[dict[str, str]]:
    """The lines in order; those of one client, or all. A last line that was cut off is left out."""
    try:
        with path.open("rb") as file:
            for raw in file:
                try:
                    line = json.loads(raw)
                except ValueError:
                    continue
                if client is None or line.get("client") == client:
                    yield line
    except FileNotFoundError:
        return
