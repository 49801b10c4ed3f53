"""Logs that are converted as sources and imports do it, without a command, and what is stored."""

import json
from pathlib import Path
from typing import Any

import zstandard
from support.orchestration_builders import client

from footfall.clients import Client, Site
from footfall.salts import Salts
from footfall.store import LocalStore
from sources.conversion import Receiver
from sources.event_names import EventNames
from sources.log_formats import BY_NAME
from sources.log_import import Converted, convert, open_objects
from sources.requests import reading

NAMES = EventNames("k" * 32)


def converted(
    folder: Path,
    *objects: tuple[str, bytes],
    owner: Client | None = None,
    site: Site | None = None,
    lake: LocalStore | None = None,
    names: EventNames = NAMES,
    **options: Any,
) -> tuple[Converted, list[dict[str, Any]]]:
    """Objects (key, content) of a CloudFront bucket: what is said of them, and all stored lines."""
    owner = owner or client()
    salts = Salts(lake or LocalStore(folder / "lake"))
    receiver = Receiver(owner, site or owner.sites[0], salts, names, **options)
    form = BY_NAME["cloudfront"]
    put = folder / "objects"
    put.mkdir(exist_ok=True)
    found = []
    for number, (key, content) in enumerate(objects):
        path = put / f"{number}{Path(key).suffix}"
        path.write_bytes(content)
        found.append((key, path))
    with reading() as (connection, scratch):
        logs, damaged = open_objects(found, form)
        done = convert(connection, logs, scratch, receiver, form, damaged=damaged, tells_damage=True)
        lines = [
            json.loads(text)
            for part in done.staged.sealed()
            for text in zstandard.decompress(part.path.read_bytes()).splitlines()
        ]
    return done, lines
