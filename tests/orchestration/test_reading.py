"""`footfall.read`: a client's own table out of a bucket, checked, or an error that says what is wrong."""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.delivering import FOLDER, Setting, signer
from support.loading import as_folder
from support.orchestration_builders import DAILY_METRICS, EVENTS, HOUR, add_event, client
from support.s3_server import s3_server

import footfall
from footfall.errors import FootfallError
from footfall.signatures import Signer
from footfall.store import open_store

ONE = timedelta(hours=1)
DAYS = "2026-11-20", "2026-11-21"


@pytest.fixture
def at(tmp_path):
    made = Setting(tmp_path / "state")
    made.hours = [HOUR, HOUR + ONE, HOUR + 2 * ONE]
    made.now = HOUR + timedelta(hours=4)
    yield made
    made.ledger.close()
    made.connection.close()


def bucket(at):
    """The client's bucket at the end of the run, with its log."""
    at.publish()
    return as_folder(at.destination, at.folder.parent / "bucket")


def delivered(at, *hours, export=EVENTS):
    for hour in hours:
        at.deliver(HOUR + hour * ONE, export)
    return bucket(at)


def without_log(folder):
    shutil.rmtree(Path(folder) / "_log")
    return folder


def refused(*arguments, **options):
    with pytest.raises(FootfallError) as error:
        footfall.read(*arguments, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_of_each_period_the_newest_revision_alone_is_read(at):
    add_event(at.connection, "event-0001")
    at.deliver()
    add_event(at.connection, "event-0002", title="")
    add_event(at.connection, "event-0003", title=None)

    frame = footfall.read(str(delivered(at, 0, 1)), "events")

    assert frame["event_id"].tolist() == ["event-0001", "event-0002", "event-0003"]
    assert frame["title"].tolist() == ["Home", "", pd.NA]
    assert frame.attrs["footfall"]["periods"] == ["2026-11-20T14 rev=0002", "2026-11-20T15 rev=0001"]
    assert frame.attrs["footfall"]["missing"] == []


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("how", ["none", "gzip", "zstd"])
def test_an_empty_period_is_a_table_with_types_in_every_format(at, form, how):
    export = EVENTS.model_copy(update={"format": form, "compression": how})

    frame = footfall.read(str(delivered(at, 0, export=export)), "events")

    assert len(frame) == 0
    assert {str(kind) for kind in frame.dtypes} == {"string", "Float64", "datetime64[us, UTC]"}


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_values_come_back_as_they_were_in_every_format(at, form):
    titles = ["=1", "'=1", "''", "a\nb", "a\r\nb", "\\N", "NULL", '"', "x\\", None, "", " ", "＝2", "true"]
    for number, title in enumerate(titles):
        add_event(at.connection, f"event-{number:04d}", title=title, amount=0.1 * number if title else None)
    export = EVENTS.model_copy(update={"format": form})

    frame = footfall.read(str(delivered(at, 0, export=export)), "events")

    assert frame["title"].fillna("NOTHING").tolist() == ["NOTHING" if t is None else t for t in titles]
    assert frame["amount"].dropna().tolist() == [0.1 * n for n, title in enumerate(titles) if title]


def test_one_column_of_nothing_keeps_its_rows(at):
    for number, title in enumerate([None, "", None]):
        add_event(at.connection, f"event-{number:04d}", title=title)

    frame = footfall.read(
        str(delivered(at, 0, export=EVENTS.model_copy(update={"columns": ["title"]}))), "events"
    )

    assert frame["title"].fillna("NULL").tolist() == ["NULL", "", "NULL"]


def test_rows_of_a_day_and_of_a_time_are_those_that_were_asked_for(at):
    for hour in range(3):
        add_event(at.connection, f"event-000{hour}", hour=HOUR + hour * ONE)
    folder = str(delivered(at, 0, 1, 2))

    def ids(*window):
        return footfall.read(folder, "events", *window)["event_id"].str[-1].tolist()

    assert ids("2026-11-20T15:00Z", "2026-11-20T16:00Z") == ["1"]
    assert ids("2026-11-20T15:00") == ["1", "2"]
    assert ids(HOUR, HOUR + ONE) == ["0"]
    parts = list(footfall.read_periods(folder, "events"))
    assert [(part.period.name, len(part.frame)) for part in parts] == [
        ("2026-11-20T14", 1),
        ("2026-11-20T15", 1),
        ("2026-11-20T16", 1),
    ]


def test_missing_periods_are_told_between_and_at_both_ends(at):
    folder = str(delivered(at, 0, 2))

    assert "1 periods of events are missing: 2026-11-20T15;" in refused(folder, "events")
    assert "22 periods of events are missing: 2026-11-20T00, " in refused(folder, "events", *DAYS)
    frame = footfall.read(folder, "events", HOUR - ONE, HOUR + 4 * ONE, missing="report")
    assert frame.attrs["footfall"]["missing"] == ["2026-11-20T13", "2026-11-20T15", "2026-11-20T17"]


def test_what_was_taken_away_at_either_end_is_missing_by_the_log(at):
    add_event(at.connection, "event-0001")
    folder = delivered(at, 0, 1, 2)
    for n in (14, 16):
        shutil.rmtree(folder / f"events/dt=2026-11-20/hour={n}")

    assert "2 periods of events are missing: 2026-11-20T14, 2026-11-20T16" in refused(str(folder), "events")
    frame = footfall.read(str(folder), "events", missing="report")
    assert (len(frame), frame.attrs["footfall"]["periods"]) == (0, ["2026-11-20T15 rev=0001"])
    assert footfall.read(str(folder), "events", "2026-11-20T15:00Z", "2026-11-20T16:00Z").empty


def test_a_period_whose_newest_revision_was_taken_away_is_not_read_in_an_older_one(at):
    add_event(at.connection, "event-0001")
    at.deliver()
    add_event(at.connection, "event-0002")
    folder = delivered(at, 0, 1)
    shutil.rmtree(folder / FOLDER.format(2))

    assert "1 periods of events are missing: 2026-11-20T14" in refused(str(folder), "events")
    assert footfall.read(str(folder), "events", missing="report").empty


def test_a_manifest_that_the_log_does_not_have_is_of_a_run_under_way_or_refused(at):
    add_event(at.connection, "event-0001")
    delivered(at, 0)
    at.now = datetime.now(UTC)
    at.deliver(HOUR + ONE)
    under_way = as_folder(at.destination, at.folder.parent / "under-way")
    at.now = HOUR + 4 * ONE
    at.deliver(HOUR + 2 * ONE)
    left_out = as_folder(at.destination, at.folder.parent / "left-out")
    at.now = datetime(2099, 1, 1, tzinfo=UTC)
    at.deliver(HOUR + 3 * ONE)
    to_come = as_folder(at.destination, at.folder.parent / "to-come")
    shutil.rmtree(to_come / FOLDER.format(1).replace("hour=14", "hour=16"))

    assert (
        footfall.read(str(under_way), "events").attrs["footfall"]["periods"][-1] == "2026-11-20T15 rev=0001"
    )
    assert "hour=16/rev=0001/_manifest.json: is in no leaf of the log" in refused(str(left_out), "events")
    assert "hour=17/rev=0001/_manifest.json: is in no leaf of the log" in refused(str(to_come), "events")


def test_a_log_that_is_not_whole_is_an_error_and_so_is_none(at):
    add_event(at.connection, "event-0001")
    folder = delivered(at, 0)
    [entries] = (folder / "_log/entries").iterdir()
    kept = entries.read_bytes()
    entries.unlink()

    assert "leaves 0 to" in refused(str(folder), "events")
    entries.write_bytes(kept[:-2] + b"!}")
    assert "its bytes are others than its name says" in refused(str(folder), "events", unlogged=True)
    assert "unlogged=True does without" in refused(without_log(str(folder)), "events")
    assert len(footfall.read(str(folder), "events", unlogged=True)) == 1


def test_a_folder_of_the_client_files_own_is_found(at):
    add_event(at.connection, "event-0001")
    export = EVENTS.model_copy(update={"key": "data/{date}/{export}/{hour}/r{revision}"})

    assert len(footfall.read(str(delivered(at, 0, export=export)), "events")) == 1


def test_files_of_sites_are_told_apart_also_without_their_column(at):
    for site in ("shop", "blog"):
        add_event(at.connection, f"event-{site}", site_id=site)
    export = EVENTS.model_copy(update={"split": "site", "drop": ["site_id"]})

    frame = footfall.read(str(delivered(at, 0, export=export)), "events")

    assert dict(zip(frame["event_id"], frame["site_id"], strict=True)) == {
        "event-shop": "shop",
        "event-blog": "blog",
    }


def test_other_columns_are_not_mixed_unless_it_is_wanted(at):
    add_event(at.connection, "event-0001")
    add_event(at.connection, "event-0002", hour=HOUR + ONE)
    delivered(at, 0)
    folder = str(delivered(at, 1, export=EVENTS.model_copy(update={"hash": ["title"]})))

    assert "events has other columns from 2026-11-20T15 on (_schema/events/" in refused(folder, "events")
    frame = footfall.read(folder, "events", mixed=True)
    assert frame["title"].str.len().tolist() == [4, 64]
    assert len(frame.attrs["footfall"]["schemas"]) == 2


def _changed(path, change):
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_damage_is_an_error_that_names_the_object(at):
    add_event(at.connection, "event-0001")
    folder = delivered(at, 0)
    manifest = folder / FOLDER.format(1) / "_manifest.json"
    kept = manifest.read_bytes()
    [file] = [path for path in manifest.parent.iterdir() if path.suffix == ".csv"]
    data = file.read_bytes()

    file.write_bytes(data.replace(b"Home", b"Hole"))
    assert f"{file.name} is not what was delivered" in refused(str(folder), "events")
    file.unlink()
    assert f"{file.name} is missing" in refused(str(folder), "events")
    file.write_bytes(data)
    _changed(manifest, lambda document: document.update(dataset="sessions"))
    assert "its signature is wrong, it was changed" in refused(str(folder), "events")
    manifest.write_bytes(kept[:-20])
    assert "_manifest.json" in refused(str(folder), "events")
    manifest.write_bytes(kept)
    moved = folder / "events/dt=2026-11-20/hour=15/rev=0001/_manifest.json"
    moved.parent.mkdir(parents=True)
    moved.write_bytes(kept)
    assert "was moved" in refused(str(folder), "events")


def test_only_a_key_that_is_trusted_counts(at, tmp_path):
    add_event(at.connection, "event-0001")
    folder = str(delivered(at, 0))
    (tmp_path / "ours.pem").write_bytes(signer().public_pem)
    other = Signer(Ed25519PrivateKey.generate()).public_pem

    for key in (
        tmp_path / "ours.pem",
        str(tmp_path / "ours.pem"),
        signer().public_pem,
        [other, signer().public_pem],
    ):
        assert len(footfall.read(folder, "events", key=key)) == 1
    assert "no key that is known here" in refused(folder, "events", key=other)
    assert "which is not known here" in refused(without_log(folder), "events", key=other, unlogged=True)
    assert "is no public key" in refused(folder, "events", key=b"x")
    assert "No such file" in refused(folder, "events", key=tmp_path / "none.pem")
    assert "\n" not in refused(folder, "events", key="no\nsuch")
    for odd in (5, [None], {"a": 5}.values()):
        assert "is no public key: give its PEM" in refused(folder, "events", key=odd)


def test_mistakes_of_the_caller_are_one_line(at, tmp_path):
    add_event(at.connection, "event-0001")
    folder = str(delivered(at, 0))

    assert "holds no public key" in refused(str(tmp_path / "nowhere"), "events")
    assert "holds nothing of 'visits'; there are events" in refused(folder, "visits")
    assert "neither a day" in refused(folder, "events", "yesterday")
    assert "neither a day" in refused(folder, "events", 20261120)
    assert "is no time of a delivery" in refused(folder, "events", "0001-01-01")
    assert "is no time of a delivery" in refused(folder, "events", end="9999-12-31")
    assert "does not come after start" in refused(folder, "events", "2026-11-21", "2026-11-20")
    assert "does not come after start" in refused(folder, "events", "2026-11-20", "2026-11-20")
    assert "in the time asked for" in refused(folder, "events", "2020-01-01", "2020-01-02")
    assert "is no name of an export" in refused(folder, "../events")
    assert "is no name of an export" in refused(folder, None)
    for odd in (None, b"x", "\0", Path("\0")):
        assert "is no bucket" in refused(odd, "events")
    for odd in ("", "demo\n", 5, []):
        assert "is no id of a client" in refused(folder, "events", client=odd)
    assert "is no URL" in refused(folder, "events", endpoint=5)
    assert "'events' of agency: it is of demo" in refused(folder, "events", client="agency")
    assert "neither 'raise' nor 'report'" in refused(folder, "events", missing="no")


def test_a_folder_may_be_a_path(at):
    add_event(at.connection, "event-0001")

    assert len(footfall.read(Path(delivered(at, 0)), "events")) == 1


def test_days_are_those_of_the_clients_zone(at):
    at.connection.execute("INSERT INTO daily_metrics VALUES ('demo', 'shop', DATE '2026-11-20', 7)")
    at.hours = [HOUR + n * ONE for n in range(-48, 24)]
    owner = client(timezone="Asia/Tokyo", exports=[DAILY_METRICS])
    at.deliver(HOUR - 6 * ONE, DAILY_METRICS, owner=owner)

    frame = footfall.read(str(bucket(at)), "daily-metrics", "2026-11-20", "2026-11-21")

    assert frame["visitors"].tolist() == [7]
    assert str(frame["date"].dtype) == "date32[day][pyarrow]"
    assert str(frame["visitors"].dtype) == "Int64"


def test_a_bucket_on_s3_reads_as_a_folder_does(at, tmp_path_factory, monkeypatch):
    add_event(at.connection, "event-0001")
    folder = delivered(at, 0, 1)
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        url = f"s3://{server.bucket}/acme/footfall"
        store = open_store(url, s3_endpoint=server.endpoint)
        for key, data in at.destination.objects.items():
            store.put(key, data)

        frame = footfall.read(url, "events", endpoint=server.endpoint)

        pd.testing.assert_frame_equal(frame, footfall.read(folder.as_uri(), "events"))
        [file] = [key for key in at.destination.objects if "hour=14" in key and key.endswith(".csv")]
        store.put(file, at.destination.objects[file].replace(b"Home", b"Hole"))
        assert f"{url}/{file} is not what was delivered" in refused(url, "events", endpoint=server.endpoint)


def test_importing_it_loads_no_more_than_it_needs():
    script = """
import sys, footfall
assert not [name for name in sys.modules if name.startswith("footfall.")], "nothing before it is used"
import footfall.reading, footfall.delivered_tables
print(*sorted({name.partition(".")[0] for name in sys.modules}))
print(*sorted(name for name in sys.modules if name.startswith("footfall.")))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    tops, ours = (set(line.split()) for line in done.stdout.splitlines())

    assert tops.isdisjoint(
        {"dagster", "duckdb", "dbt", "boto3", "orchestration", "collector", "commands", "sources", "click"}
    )
    assert not {name for name in ours if "settings" in name or "clients" in name or "durable" in name}
