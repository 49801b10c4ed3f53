"""Exports of other tools, a file each: how its rows lie, and which of its fields is which of ours.

    sources/tools/umami.yaml ── ToolExport ──► rows (sources/tools/rows.py) ──► events of ours

What a file of a tool does not name is not lost: it stays in the event below the tool's name.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field

from footfall.forms.form import FieldMapping, FormName, event_of, forms
from footfall.strict import Strict
from footfall.strict_yaml import read_yaml
from sources.tools.countries import country_code
from sources.tools.parts import folded, listed_pairs, side_by_side

FOLDER = Path(__file__).parent


class Arrays(Strict):
    """Two columns that hold lists, one of names and one of their values."""

    names: str
    values: str


class ToolExport(FieldMapping):
    """One export of one tool."""

    #: A heading, and what a person asks the tool for to get such a file.
    title: str
    what: str
    #: What is lost against the tool's own numbers, in a sentence or two.
    lost: str
    #: The tracker of the same tool whose fields these are too.
    like: FormName | None = None
    #: Columns of a file that does not name them, in their order.
    columns: list[str] = Field(default_factory=list)
    #: Paths of lists of {key, value} that become objects.
    pairs: list[str] = Field(default_factory=list)
    #: An object made of two lists, under a name of its own.
    arrays: dict[str, Arrays] = Field(default_factory=dict)
    #: An object under a name of its own, made of the members whose names begin so.
    flattened: dict[str, str] = Field(default_factory=dict)
    #: The member that names what such an object of one member is.
    flattened_name: str = ""
    #: Where a row has its events; without it a row is one event. What surrounds them is `^`.
    events: str = ""
    #: Fields of the first event of a row alone.
    of_first: dict[str, list[str]] = Field(default_factory=dict)
    #: Columns that no export of this tool lacks, each list one way. A file without them is something else.
    known_by: list[list[str]]
    #: Columns of sums of this tool, with what is to be done with a file of those.
    sums: list[str] = Field(default_factory=list)

    def is_known(self, names: Collection[str]) -> bool:
        """Whether a row with these columns may be of this export."""
        return any(set(ways) <= set(names) for ways in self.known_by)

    @property
    def known_text(self) -> str:
        """The columns by which it is known."""
        return " or ".join(", ".join(ways) for ways in self.known_by)

    @property
    def mapping(self) -> FieldMapping:
        """The fields of the export, and those of the tracker that it is like."""
        own = self.model_dump(include=set(FieldMapping.model_fields) & self.model_fields_set)
        if self.like is None:
            return FieldMapping.model_validate(own)
        of_tracker = forms()[self.like].model_dump(include=set(FieldMapping.model_fields))
        fields = own.get("fields", {}) | {
            name: [*own.get("fields", {}).get(name, []), *ways] for name, ways in of_tracker["fields"].items()
        }
        return FieldMapping.model_validate(of_tracker | own | {"fields": fields})


class Part(NamedTuple):
    """An event as a tool wrote it, and what surrounds it."""

    own: dict[str, Any]
    around: dict[str, Any]
    is_first: bool


@dataclass(frozen=True)
class Tool:
    """A tool by its name, with its export."""

    name: str
    export: ToolExport
    mapping: FieldMapping
    of_first: FieldMapping

    def parts(self, row: dict[str, Any]) -> Iterator[Part]:
        """What of a row is an event each, and what surrounds it: of a visit, its acts and the visit."""
        if not self.export.events or self.export.events not in row:
            yield Part(row, {}, is_first=True)
            return
        events = row.pop(self.export.events)
        for n, event in enumerate(events if isinstance(events, list) else []):
            if isinstance(event, dict):
                yield Part(event, row, is_first=n == 0)

    def event(self, part: Part, host: str) -> dict[str, Any]:
        """An event of ours. Raises Refused where it has no type. `host` stands for a page that names none."""
        own = part.own
        for path in self.export.pairs:
            listed_pairs(own, path)
        for name, lists in self.export.arrays.items():
            side_by_side(own, name, lists.names, lists.values)
        for name, start in self.export.flattened.items():
            folded(own, name, start, self.export.flattened_name)
        mapping = self.of_first if part.is_first else self.mapping
        event = event_of(self.name, mapping, own, part.around, host=host, is_keyed=True)
        if len(event.get("country", "")) > 2 and (code := country_code(event["country"])):
            event["country"] = code
        return event


@cache
def tools() -> dict[str, Tool]:
    """Every tool by its name, which is that of its file."""
    return {path.stem: _tool(path) for path in sorted(FOLDER.glob("*.yaml"))}


def _tool(path: Path) -> Tool:
    export = ToolExport.model_validate(read_yaml(path.read_text("utf-8")))
    mapping = export.mapping
    of_first = mapping.model_copy(update={"fields": mapping.fields | export.of_first})
    return Tool(path.stem, export, mapping, of_first)


def exports_table() -> str:
    """For docs/migration.md: what a person asks each tool for, and what is lost."""
    rows = [f"| `{tool.name}` | {tool.export.what} | {tool.export.lost} |" for tool in tools().values()]
    return "\n".join(["| `--format` | the file | what is lost |", "|---|---|---|", *rows, ""])
