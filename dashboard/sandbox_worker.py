"""One query, in a process that ends with it: reads what is asked from its input, and writes the answer.

`python -m dashboard.sandbox_worker`, started by dashboard.sandbox alone.
"""

import json
import os
import resource
import sys
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from footfall.sql import confine, name, open_database, run, run_foreign, shipped_relation

#: Bytes of addresses beside those of the database: Python, DuckDB's code, stacks of its threads.
BESIDE = 3 << 30
#: Characters of one value, and of a message.
MOST_TEXT, MOST_MESSAGE = 10_000, 600


def main() -> None:
    """Answer, and end at once: nothing of the query runs after it."""
    asked = json.loads(sys.stdin.buffer.read())
    # Before DuckDB starts a thread. No file can grow, so none is written.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (asked["seconds"], asked["seconds"]))
    resource.setrlimit(resource.RLIMIT_AS, (asked["memory"] + BESIDE,) * 2)
    try:
        said = _answer(asked)
    except (duckdb.Error, ValueError, MemoryError) as error:
        said = {"error": " ".join(str(error).split())[:MOST_MESSAGE] or type(error).__name__}
    sys.stdout.buffer.write(json.dumps(said).encode())
    sys.stdout.buffer.flush()
    os._exit(0)


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    database = open_database(
        memory_limit=f"{asked['memory']}B",
        threads="1",
        temp_directory="",
        python_enable_replacements="false",
    )
    run(database, "SET TimeZone = 'UTC'")
    confine(database, Path(asked["folder"]))
    for table, relation in asked["tables"].items():
        published = shipped_relation(relation)
        run(
            database,
            "CREATE VIEW {table} AS SELECT * FROM {rows} AS published",
            table=name(table),
            rows=published,
        )
    run(database, "SET lock_configuration = true")
    found = run_foreign(database, asked["query"], _values(asked["values"]))
    rows = found.fetchmany(asked["rows"] + 1)
    return {
        "columns": [column[0] for column in found.description or ()],
        "rows": _bounded(rows[: asked["rows"]], asked["bytes"]),
        "is_cut": len(rows) > asked["rows"],
    }


def _bounded(rows: list[Any], most: int) -> list[list[Any]]:
    """Rows as they are written. Raises ValueError where they have more than `most` bytes together."""
    found, size = [], 0
    for row in rows:
        found.append([_value(value) for value in row])
        size += len(json.dumps(found[-1]))
        if size > most:
            raise ValueError("its answer is too large")
    return found


def _values(said: dict[str, Any]) -> dict[str, object]:
    days = ("first_day", "last_day")
    return {name: date.fromisoformat(value) if name in days else value for name, value in said.items()}


def _value(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value if value == value and value not in (float("inf"), float("-inf")) else str(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)[:MOST_TEXT]


if __name__ == "__main__":
    main()
