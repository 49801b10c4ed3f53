"""Every byte of an installation, searched for texts in every form in which a file may hold them."""

import gzip
import io
from pathlib import Path

import pyarrow.parquet as pq
import zstandard

from footfall.frames import scan


def forms(path: Path) -> list[bytes]:
    """What a file holds: as it lies there, unpacked, its frames, its cells."""
    data = path.read_bytes()
    found = [data]
    if data[:2] == b"\x1f\x8b":
        found.append(gzip.decompress(data))
    elif data[:4] == b"\x28\xb5\x2f\xfd":
        found.append(zstandard.ZstdDecompressor().decompressobj().decompress(data))
    elif data[:4] == b"PAR1":
        found.append(repr(pq.read_table(io.BytesIO(data)).to_pylist()).encode())
    elif path.suffix in (".open", ".sealed"):
        found += scan(data).payloads
    return found


def files_with(folder: Path, *texts: str) -> dict[str, set[str]]:
    """File below `folder` → which of the texts it holds, of those that hold one."""
    found: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        held = {text for form in forms(path) for text in texts if text.encode() in form}
        if held:
            found[path.relative_to(folder).as_posix()] = held
    return found


def layers_of(files: dict[str, set[str]]) -> set[str]:
    """The layers that these files are of: `lake/raw`, `buckets/acme`, `warehouse.duckdb`."""
    return {
        "/".join(name.split("/")[:2]) if name.startswith(("lake/", "buckets/")) else name.split("/")[0]
        for name in files
    }
