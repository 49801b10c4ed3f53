"""What a person wrote in SQL, answered by a process of its own that reaches nothing but the client's tables.

One process a query, with an empty environment, limits of memory, time and files that the kernel keeps, and a
database confined to the folder of this client. What it answers has a size at most.
"""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from api.tables import NAMES, Reading
from footfall.errors import FootfallError

#: Seconds and rows of an answer, bytes of it, and of a query.
SECONDS, MOST_ROWS, MOST_BYTES, MOST_SQL = 10, 5000, 32 << 20, 20_000
#: Queries that run at once, of all who ask: each may take a core and its memory for its whole time. A further
#: one waits as long as one may run.
MOST_AT_ONCE = 2
_free = threading.BoundedSemaphore(MOST_AT_ONCE)


class QueryFailed(FootfallError):
    """It has no answer: the database's own words, on one line."""


@dataclass(frozen=True)
class Answer:
    """Rows of a query. `is_cut`: whether there are more."""

    columns: list[str] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)
    is_cut: bool = False


def tables_in(query: str) -> list[str]:
    """The published tables that a query may be about: those whose names stand in it."""
    words = set(re.findall(r"[a-z_]+", query.lower()))
    return sorted(NAMES & words)


def answer_of(
    reading: Reading,
    folder: Path,
    query: str,
    values: Mapping[str, object],
    *,
    memory_bytes: int,
    seconds: int = SECONDS,
) -> Answer:
    """`folder`: where the client's files lie, and nothing else. Raises QueryFailed, StoreError, Problem."""
    if not query.strip() or len(query) > MOST_SQL or "\0" in query:
        raise QueryFailed(f"a query has 1 to {MOST_SQL} characters")
    asked = {
        "query": query,
        "values": {
            name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()
        },
        "tables": {table: str(reading.relation(table)) for table in tables_in(query)},
        "folder": str(folder),
        "rows": MOST_ROWS,
        "bytes": MOST_BYTES,
        "memory": memory_bytes,
        "seconds": seconds,
    }
    if not _free.acquire(timeout=seconds):
        raise QueryFailed("other queries run at this moment: try again")
    try:
        code, out = _worked(json.dumps(asked).encode(), seconds)
    finally:
        _free.release()
    if code or len(out) > MOST_BYTES:
        raise QueryFailed(_ended(code, seconds))
    said = json.loads(out)
    if "error" in said:
        raise QueryFailed(said["error"])
    return Answer(said["columns"], said["rows"], said["is_cut"])


def _worked(asked: bytes, seconds: int) -> tuple[int, bytes]:
    """How the worker ended, and what it wrote. Raises QueryFailed where it took too long."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "dashboard.sandbox_worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={"PYTHONSAFEPATH": "1", "LC_ALL": "C.UTF-8"},
        start_new_session=True,
    )
    try:
        # Twice the time of the query for a start of Python on a busy machine; the worker ends itself before.
        out, _ = process.communicate(asked, timeout=seconds * 2 + 20)
    except subprocess.TimeoutExpired:
        raise QueryFailed(f"it took more than {seconds} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            process.communicate()
    return process.returncode, out


def _ended(code: int, seconds: int) -> str:
    return (
        f"it took more than {seconds} s, or more memory than a query may"
        if code
        else "its answer is too large"
    )
