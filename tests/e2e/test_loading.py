"""From an import to a client's own tables: every way of loading gives what was sent, in every format."""

import gzip
import json
import runpy
from contextlib import chdir
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.parquet
import pytest
import yaml
import zstandard

import footfall

ROOT = Path(__file__).resolve().parents[2]
FORMATS = [(form, how) for form in ("csv", "jsonl", "parquet") for how in ("none", "gzip", "zstd")]
NAMES = [f"{form}-{how}" for form, how in FORMATS]
TITLES = ("a\0b", "", None, "=1+1", "'=1", "'quoted'", 'line\nend, "and" \\ more', "Ω")
#: One of the texts that DuckDB guesses to be a UUID.
IDS = [f"0198c5d2-7f3a-7c1e-9b52-0000000000{n:02d}" for n in range(len(TITLES))]
HOUR = "2026-11-20T14"
CLIENT = {
    "client_id": "demo",
    "name": "Demo",
    "timezone": "Europe/Paris",
    "sites": [{"site_id": "shop", "key": "pk_shop_Hn40rBy6", "domains": ["shop.example"]}],
    "destination": {"url": "file://${FOOTFALL_HOME}/buckets/demo"},
    "exports": [
        {
            "name": f"{form}-{how}",
            "dataset": "events",
            "cadence": "hourly",
            "format": form,
            "compression": how,
        }
        for form, how in FORMATS
    ]
    + [{"name": "sessions", "dataset": "sessions", "cadence": "hourly"}],
}


def _event(number, title):
    return {
        "id": IDS[number],
        "occurred_at": f"2026-11-20T14:{number:02d}:00Z",
        "type": "page_view",
        "url": "https://shop.example/?utm_source=news%00letter",
        **({} if title is None else {"title": title}),
        "props": {"key": "x\0y"},
    }


@pytest.fixture(scope="module")
def bucket(installation_of_module):
    """A bucket with two hours in each format, of which the second is empty."""
    at = installation_of_module
    clients = at.home.parent / "clients"
    clients.mkdir()
    (clients / "demo.yaml").write_text(yaml.safe_dump(CLIENT))
    at.environment["FOOTFALL_CLIENTS"] = str(clients)
    lines = [json.dumps(_event(number, title)) for number, title in enumerate(TITLES)]
    log = at.home.parent / "events.ndjson"
    log.write_text("\n".join(lines) + "\n")
    for words in (
        ("import", str(log), "--client", "demo", "--format", "ndjson"),
        ("run", "--from", HOUR, "--to", "2026-11-20T16"),
        ("verify", f"file://{at.home}/buckets/demo", "--at", "2026-11-20T16"),
    ):
        done = at.run(*words, seconds=1800)
        assert done.returncode == 0, done.stdout + done.stderr
    return at.home / "buckets" / "demo"


@pytest.fixture(scope="module")
def frames(bucket):
    """Export → what `footfall.read` makes of it."""
    return {name: footfall.read(str(bucket), name) for name in NAMES}


def _text(path):
    data = path.read_bytes()
    if path.name.endswith(".gz"):
        return gzip.decompress(data)
    return zstandard.ZstdDecompressor().stream_reader(data).read() if path.name.endswith(".zst") else data


def _statements(bucket, export):
    """The duckdb.sql that columns.md names."""
    [page] = bucket.glob(f"_schema/{export}/*/columns.md")
    [folder] = {word for word in page.read_text().split("`") if "/load-" in word}
    return (bucket / folder / "duckdb.sql").read_text()


def test_no_nul_reaches_a_file(bucket):
    files = [path for name in (*NAMES, "sessions") for path in bucket.glob(f"{name}/dt=*/**/{name}-*")]
    assert len(files) == 2 * (len(NAMES) + 1)
    for path in files:
        if path.suffix == ".parquet":
            rows = pyarrow.parquet.read_table(path).to_pylist()
            text = json.dumps(rows, default=str).encode()
        else:
            text = _text(path)
        assert b"\0" not in text and b"u0000" not in text, path


def test_a_frame_is_what_was_sent_in_every_format(frames):
    first = frames[NAMES[0]].sort_values("event_id", ignore_index=True)

    assert first["event_id"].tolist() == IDS
    assert first["title"].fillna("NULL").tolist() == ["a�b", "", "NULL", *TITLES[3:]]
    assert set(first["utm_source"]) == {"news�letter"}
    assert first["occurred_at"][1] == pd.Timestamp("2026-11-20T14:01:00Z")
    assert str(first["occurred_at"].dtype) == "datetime64[us, UTC]"
    assert json.loads(first["props"][0]) == {"key": "x�y"}
    for name in NAMES[1:]:
        pd.testing.assert_frame_equal(frames[name].sort_values("event_id", ignore_index=True), first)


@pytest.mark.parametrize("name", NAMES)
def test_duckdb_sql_fills_a_table_where_the_bucket_lies_in_any_time_zone(bucket, frames, name):
    with chdir(bucket), duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'America/New_York'")
        for _ in range(2):  # it can be run again
            connection.execute(_statements(bucket, name))
        table = name.replace("-", "_")
        connection.execute("SET TimeZone = 'UTC'")
        rows = connection.execute(f'SELECT * FROM "{table}" ORDER BY event_id').fetchall()
        kinds = connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE {table})").fetchall()

    facts = json.loads(next(bucket.glob(f"_schema/{name}/*/schema.json")).read_text())
    assert kinds == [(each["name"], each["type"]) for each in facts["columns"]]
    frame = frames[name].sort_values("event_id", ignore_index=True)
    sent = [
        tuple(None if pd.isna(v) else v.to_pydatetime() if isinstance(v, pd.Timestamp) else v for v in row)
        for row in frame.itertuples(index=False)
    ]
    assert [tuple(v.astimezone(UTC) if isinstance(v, datetime) else v for v in row) for row in rows] == sent


@pytest.mark.parametrize("name", ["csv-gzip", "jsonl-zstd", "parquet-none"])
def test_the_script_of_the_page_reads_it_without_footfall(bucket, frames, name, tmp_path):
    page = (ROOT / "docs" / "clients.md").read_text()
    [script] = [part.partition("```")[0] for part in page.split("```python\n") if part[:9] == "# Without"]
    assert "s3://acme-analytics/footfall" in script and '"events"' in script
    path = tmp_path / "script.py"
    path.write_text(
        script.replace("s3://acme-analytics/footfall", bucket.as_uri()).replace('"events"', f'"{name}"')
    )

    made = runpy.run_path(str(path))["frame"]

    assert sorted(made["event_id"]) == IDS
    assert pd.to_datetime(made["occurred_at"], utc=True).max() == frames[name]["occurred_at"].max()
    assert made["title"].isna().sum() == 1
