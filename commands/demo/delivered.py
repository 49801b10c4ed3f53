"""What lies in the buckets: every committed file, read back and counted row by row."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass

from footfall.keys import MANIFEST_NAME
from footfall.store import ObjectStore


@dataclass(frozen=True)
class File:
    """One delivered file of the newest revision of its period, with its rows."""

    export: str
    dataset: str
    period: str
    revision: int
    key: str
    url: str
    bytes: int
    sha256: str
    rows: list[dict[str, str]]


def files(store: ObjectStore) -> Iterator[File]:
    """Every file of a bucket that its manifests make data of, newest revisions only, by key."""
    newest: dict[tuple[str, str], dict[str, object]] = {}
    for info in store.list(""):
        if info.key.endswith(f"/{MANIFEST_NAME}"):
            manifest = json.loads(store.get(info.key))
            # Keys sort by revision: a later one replaces an earlier one.
            newest[manifest["export"], manifest["period"]["start"]] = manifest
    for manifest in newest.values():
        yield from _files(store, manifest)


def _files(store: ObjectStore, manifest: dict[str, object]) -> Iterator[File]:
    listed = manifest["files"]
    period = manifest["period"]
    assert isinstance(listed, list) and isinstance(period, dict), "verified before"
    for file in listed:
        text = store.get(file["key"]).decode("utf-8")
        yield File(
            export=str(manifest["export"]),
            dataset=str(manifest["dataset"]),
            period=period["start"],
            revision=int(str(manifest["revision"])),
            key=file["key"],
            url=store.url(file["key"]),
            bytes=file["bytes"],
            sha256=file["sha256"],
            rows=list(csv.DictReader(io.StringIO(text))),
        )
