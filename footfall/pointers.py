"""What is wrong with an export's pointer (`_latest.json`), which anybody who owns the bucket can write."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from footfall.manifest import as_manifest, parse

#: A period's start and a revision of it.
Position = tuple[datetime, int]


def position(start: str, revision: int) -> Position:
    """Where a manifest stands among those of its export."""
    at = datetime.fromisoformat(start)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)), revision


def mistake(
    pointer: Mapping[str, object], to: str, data: bytes, export: str, delivered: Iterable[Position]
) -> str | None:
    """What is wrong with a pointer to the manifest `to`, which holds `data`; None where nothing is.

    `delivered`: all manifests of the export. A pointer may be one behind: the manifest comes first.
    """
    if hashlib.sha256(data).hexdigest() != pointer.get("sha256"):
        return f"the sha256 of {to} is another"
    try:
        named = as_manifest(parse(data))
        is_of_export = named.export == export
    except ValueError:
        is_of_export = False
    if not is_of_export:
        return f"points to {to}, which is no manifest of {export}"
    there = position(named.period.start, named.revision)
    if _said(pointer) != there:
        return f"says another period or revision than {to}, which it points to"
    newer = sum(each > there for each in delivered)
    return f"points to {to}; {newer} manifests of {export} are newer" if newer > 1 else None


def _said(pointer: Mapping[str, object]) -> Position | None:
    start, revision = pointer.get("period_start"), pointer.get("revision")
    if not isinstance(start, str) or not isinstance(revision, int):
        return None
    try:
        return position(start, revision)
    except ValueError:
        return None
