"""An hour of events: `ingest_hours` against one hand-written DuckDB statement over the same lines."""

from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from bench.lines import HOUR, put_objects, stored_lines
from bench.measure import Row, in_turns, seconds
from footfall.store import LocalStore
from orchestration.ingest.decode import LINE_COLUMNS
from orchestration.ingest.hour import ingest_hours


def run(events: int = 200_000, objects: int = 20, rounds: int = 3) -> list[Row]:
    """Seconds for an hour of `events` in `objects`; the reference reads plain lines and checks nothing."""
    with TemporaryDirectory(prefix="footfall-bench-") as name:
        folder = Path(name)
        lines = stored_lines(events)
        lake = LocalStore(folder / "lake")
        put_objects(lake, lines, objects)
        plain = folder / "plain.ndjson"
        plain.write_bytes(b"\n".join(lines) + b"\n")
        del lines

        def ours() -> float:
            (folder / "warehouse.duckdb").unlink(missing_ok=True)
            with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                return seconds(lambda: ingest_hours(connection, lake, [HOUR]))

        def reference() -> float:
            columns = ", ".join(f"'{column}': '{kind}'" for column, kind in LINE_COLUMNS.items())
            statement = (
                f"COPY (SELECT * FROM read_json('{plain}', format = 'newline_delimited', "
                f"columns = {{{columns}}})) "
                f"TO '{folder / 'reference.parquet'}' (FORMAT parquet, COMPRESSION zstd)"
            )
            with duckdb.connect() as connection:
                return seconds(lambda: connection.execute(statement))

        mine, theirs = in_turns(ours, reference, rounds)
    note = "time; ours also decompresses, marks duplicates and fills the warehouse"
    return [Row(f"ingest {events:,} events", f"{mine:.2f} s", f"{theirs:.2f} s", mine / theirs, note)]
