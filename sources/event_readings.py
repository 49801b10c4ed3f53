"""How a file of events is read: JSON lines of ours, or the export of a tool."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import msgspec

from footfall.event import Refusal, Refused
from footfall.shapes import translate
from sources.event_names import EventNames
from sources.tools.export import Tool
from sources.tools.rows import Row, json_rows, tool_rows


@dataclass(frozen=True)
class Found:
    """An event of a row; `own_id`: what is unique of it, for one that brings no id. `raw`: see Unread."""

    event: dict[str, Any]
    own_id: str
    raw: bytes | None = None


@dataclass(frozen=True)
class Unread:
    """What of a row is no event. `raw`: its text, where it is one of several that a row holds."""

    refused: Refused
    raw: bytes | None = None


class Reading(Protocol):
    """A way to read a file. One object reads one file once."""

    def rows(self, path: Path, seen: Callable[[bytes], None]) -> Iterator[Row]:
        """Its rows; `seen` gets all of its bytes. Raises FootfallError where it is no such file."""
        ...

    def events(self, row: Row, host: str) -> Iterator[Found | Unread]:
        """What a row holds. `host` stands for a page that names none."""
        ...


@dataclass(frozen=True)
class Lines:
    """JSON lines, each an event as the collector takes it: of our contract, or of an older shape.

    An id is made of the file's name and the line's number.
    """

    file_name: str = ""

    def rows(self, path: Path, seen: Callable[[bytes], None]) -> Iterator[Row]:
        """See Reading."""
        return json_rows(path, seen)

    def events(self, row: Row, host: str) -> Iterator[Found | Unread]:
        """See Reading."""
        event = row.fields or {}
        own_id = f"import-{self.file_name[:24]}-{row.number}"
        if "occurred_at" not in event:
            try:
                older = translate(row.raw, None, host)
            except Refused as refused:
                yield Unread(refused)
                return
            if older is not None:
                event = msgspec.json.decode(older.raw)
        yield Found(event, own_id)


@dataclass
class ToolRows:
    """The export of a tool. An id is made of what a row says, and of how often it came before in the file."""

    tool: Tool
    names: EventNames
    seen: Counter[str] = field(default_factory=Counter)

    def rows(self, path: Path, seen: Callable[[bytes], None]) -> Iterator[Row]:
        """See Reading."""
        return tool_rows(path, self.tool, seen)

    def events(self, row: Row, host: str) -> Iterator[Found | Unread]:
        """See Reading."""
        for part in self.tool.parts(row.fields or {}):
            name = self.names.of_row(msgspec.json.encode([self.tool.name, *part], order="deterministic"))
            self.seen[name] += 1
            raw = msgspec.json.encode(part.own) if part.around else None
            try:
                event = self.tool.event(part, host)
            except Refused as refused:
                yield Unread(refused, raw)
                continue
            except RecursionError:
                yield Unread(Refused(Refusal.TOO_DEEP), raw)
                continue
            yield Found(event, f"import-{name[:32]}-{self.seen[name]}", raw)
