"""Which hours of demo traffic were sent, so that a demo that was stopped can be taken up again."""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from footfall.errors import FootfallError
from footfall.hours import parse

_FORMAT = "%Y-%m-%dT%H"


class Journal:
    """A small JSON file: hour → how often it was begun, and whether it was sent to its end.

    `traffic` is a fingerprint of what makes the traffic. What was sent before can only be checked while
    it is the same: opening the journal of another raises FootfallError.
    """

    def __init__(self, path: Path, traffic: str) -> None:
        self._path = path
        self._traffic = traffic
        document = json.loads(path.read_text()) if path.exists() else {"traffic": traffic, "hours": {}}
        if document["traffic"] != traffic:
            raise FootfallError(
                f"{path.parent} holds a demo of other client files or of another version; "
                "move it away or set FOOTFALL_HOME to another folder"
            )
        self._hours: dict[str, dict[str, int]] = document["hours"]

    def begin(self, hour: datetime) -> None:
        """Before the first request of an hour."""
        entry = self._hours.setdefault(hour.strftime(_FORMAT), {"begun": 0, "done": 0})
        entry["begun"] += 1
        self._write()

    def finish(self, hour: datetime) -> None:
        """After the last answer of an hour."""
        self._hours[hour.strftime(_FORMAT)]["done"] = 1
        self._write()

    def is_done(self, hour: datetime) -> bool:
        """Whether every request of the hour was answered."""
        return bool(self._hours.get(hour.strftime(_FORMAT), {}).get("done"))

    def materialised(self, hours: Iterable[datetime]) -> None:
        """After the run that delivered the hours."""
        for hour in hours:
            self._hours[hour.strftime(_FORMAT)]["materialised"] = 1
        self._write()

    def first_unfinished(self) -> datetime | None:
        """The first hour that was not sent to its end, or not delivered; None where all were."""
        for text, entry in sorted(self._hours.items()):
            if not entry.get("done") or not entry.get("materialised"):
                return parse(text)
        return None

    def hours(self) -> list[datetime]:
        """Every hour that was begun, in order."""
        return sorted(parse(text) for text in self._hours)

    def repeated(self, hours: Iterable[datetime]) -> bool:
        """Whether one of the hours was begun more than once: its first requests were sent twice."""
        return any(self._hours.get(hour.strftime(_FORMAT), {}).get("begun", 0) > 1 for hour in hours)

    def _write(self) -> None:
        part = self._path.with_suffix(".part")
        part.write_text(
            json.dumps({"traffic": self._traffic, "hours": self._hours}, indent=1, sort_keys=True)
        )
        part.replace(self._path)


def fingerprint(files: Iterable[Path]) -> str:
    """A digest of the files that make the traffic: its code and the client files."""
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
