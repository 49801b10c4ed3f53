"""Tallies: what a worker has shipped of an hour, kept beside its segments until the hour is closed.

    20261120T14.tally    {"done": false, "objects": {KEY: {"lines": 120, "bytes": 4711}, …}}

A tally is made when the hour begins, so that it also says that the worker was alive in it, and survives
restarts. What the lake holds is said by a segment's name first (collector/segments.py), which takes no space,
and noted here before that file goes: whatever is neither a segment nor in a tally was never received.
"""

import json
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from collector.files import Files

log = logging.getLogger("collector")

TALLY = ".tally"
_HOUR = "%Y%m%dT%H"


@dataclass
class Tally:
    """One worker's share of one hour."""

    #: The hour is over and nothing of it is left here. A late segment makes it false again.
    done: bool = False
    #: Object key → lines and bytes.
    objects: dict[str, dict[str, int]] = field(default_factory=dict)


class Tallies:
    """The tallies in one folder. One thread uses them."""

    def __init__(self, files: Files, folder: Path) -> None:
        self._files = files
        self._folder = folder

    def hours(self) -> list[datetime]:
        """Hours with a tally, oldest first."""
        found = []
        for name in self._files.names(self._folder):
            stem, dot, suffix = name.partition(".")
            if dot + suffix == TALLY:
                try:
                    found.append(datetime.strptime(stem, _HOUR).replace(tzinfo=UTC))
                except ValueError:
                    pass  # somebody else's file
        return found

    def read(self, hour: datetime) -> Tally:
        """The tally of an hour; an empty one where there is none."""
        try:
            return Tally(**json.loads(self._files.read(self._path(hour))))
        except FileNotFoundError:
            return Tally()
        except (TypeError, ValueError):
            # Only counts are lost with it: events are in segments and objects, never here.
            log.error("%s is damaged; its counts are lost", self._path(hour).name)
            return Tally()

    def write(self, hour: datetime, tally: Tally) -> None:
        """Keep a tally, durably."""
        self._files.replace_content(self._path(hour), json.dumps(vars(tally)).encode())

    def add(self, hour: datetime, objects: dict[str, dict[str, int]]) -> None:
        """Note objects that were shipped. Noting them again changes nothing."""
        tally = self.read(hour)
        if not objects.keys() <= tally.objects.keys():
            tally.objects = objects | tally.objects
            tally.done = False
            self.write(hour, tally)

    def merge(self, hour: datetime, other: Tally) -> None:
        """Take over the tally of a worker that is gone."""
        tally = self.read(hour)
        self.write(hour, Tally(tally.done and other.done, other.objects | tally.objects))

    def remove(self, hour: datetime) -> None:
        """Forget an hour that is closed."""
        self._files.unlink(self._path(hour))

    def _path(self, hour: datetime) -> Path:
        return self._folder / f"{hour.astimezone(UTC):{_HOUR}}{TALLY}"
