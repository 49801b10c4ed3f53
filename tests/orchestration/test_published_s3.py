"""Published tables of a lake on S3: local copies by sha256, bounded, and lists of files for Athena."""

import os
import time
from datetime import date, timedelta

import pytest
from support.publishing import Shelf, mart_warehouse, see
from support.s3_server import s3_server

from footfall import keys
from footfall.errors import FootfallError
from footfall.file_cache import FileCache
from footfall.published.opening import Expired
from footfall.published.tables import open_tables
from footfall.store import open_store

TUESDAY = date(2026, 4, 14)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("s3")) as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield server


@pytest.fixture
def warehouse():
    connection = mart_warehouse()
    for day in range(1, 5):
        see(connection, date(2026, 4, day), "ann")
        see(connection, date(2026, 4, day), "bob")
    yield connection
    connection.close()


@pytest.fixture
def shelf(server, tmp_path):
    return Shelf(tmp_path, open_store(f"s3://{server.bucket}/{tmp_path.name}", s3_endpoint=server.endpoint))


def copies(cache):
    return {path.stem for path in cache.folder.glob("*.parquet")}


def test_tables_on_s3_are_read_by_a_machine_that_has_no_copy_and_fetches_what_it_asks_for(
    warehouse, shelf, tmp_path
):
    shelf.publish(warehouse, "demo")
    see(warehouse, TUESDAY, "cid")
    snapshot = shelf.publish(warehouse, "demo", HOUR)
    assert shelf.differences(warehouse, "demo") == {}
    elsewhere = FileCache(tmp_path / "elsewhere", "demo", 10_000_000)

    with open_tables(shelf.store, "demo", elsewhere) as tables:
        assert len(tables.relation("page_views", visitor="cid")) == 1

    of_day = [f.sha256 for f in snapshot.tables["page_views"].files if f.span.first == TUESDAY]
    index = [f.sha256 for f in snapshot.tables["visitor_days"].files]
    assert copies(elsewhere) == {*of_day, *index}


def test_a_copy_that_is_there_is_not_fetched_again(warehouse, shelf):
    shelf.publish(warehouse, "demo")
    with shelf.open("demo") as tables:
        tables.relation("page_views").fetchall()
        for key in tables.snapshot.keys:
            shelf.store.delete(key)

        assert len(tables.relation("page_views")) == 8


def test_copies_have_the_bytes_that_they_may_and_those_asked_for_last_stay(warehouse, shelf, tmp_path):
    snapshot = shelf.publish(warehouse, "demo")
    files = snapshot.tables["page_views"].files
    cache = FileCache(tmp_path / "small", "demo", files[0].bytes + files[1].bytes + 100)
    early = time.time() - 3600
    for number, file in enumerate(files[:2]):
        path = cache.path(shelf.store, file.key, file.sha256, file.bytes)
        os.utime(path, (early + number, early + number))
    half = cache.folder / "4711-abc.part"
    half.write_bytes(b"x")
    os.utime(half, (early, early))
    cache.path(shelf.store, files[0].key, files[0].sha256, files[0].bytes)

    cache.path(shelf.store, files[2].key, files[2].sha256, files[2].bytes)

    assert copies(cache) == {files[0].sha256, files[2].sha256}
    assert not half.exists()


def test_a_copy_that_lost_bytes_is_fetched_again(warehouse, shelf):
    shelf.publish(warehouse, "demo")
    for path in shelf.cache("demo").folder.iterdir():
        path.write_bytes(path.read_bytes()[:100])

    assert len(shelf.views()) == 8


def test_where_no_copy_can_be_kept_tables_are_published_and_a_reader_is_told_why(warehouse, shelf, tmp_path):
    (tmp_path / "nowhere").write_text("no folder")
    cache = FileCache(tmp_path / "nowhere", "demo", 10_000_000)
    file = shelf.publish(warehouse, "demo").tables["page_views"].files[0]

    cache.keep(shelf.store, tmp_path / "made", file.sha256)
    with pytest.raises(FootfallError, match=r"cannot keep a copy in .*nowhere/demo: .*FOOTFALL_CACHE_MB"):
        cache.path(shelf.store, file.key, file.sha256, file.bytes)


def test_other_bytes_than_the_snapshot_says_are_refused_and_not_kept(warehouse, shelf, tmp_path):
    file = shelf.publish(warehouse, "demo").tables["page_views"].files[0]
    shelf.store.put(file.key, b"other")
    cache = FileCache(tmp_path / "fresh", "demo", 10_000_000)

    with pytest.raises(FootfallError, match="is damaged: its sha256 is"):
        cache.path(shelf.store, file.key, file.sha256, file.bytes)

    assert list(cache.folder.iterdir()) == []


def test_a_reader_on_s3_is_told_that_its_snapshot_has_expired(warehouse, shelf, tmp_path):
    shelf.publish(warehouse, "demo")
    elsewhere = FileCache(tmp_path / "elsewhere", "demo", 10_000_000)
    with open_tables(shelf.store, "demo", elsewhere) as tables:
        see(warehouse, date(2026, 4, 1), "new")
        shelf.publish(warehouse, "demo", HOUR)
        shelf.publish(warehouse, "demo", 3 * HOUR)

        with pytest.raises(Expired, match="open it again"):
            tables.relation("page_views")


def test_each_table_has_a_list_of_its_files_that_athena_follows(warehouse, shelf):
    shelf.publish(warehouse, "demo")
    see(warehouse, TUESDAY, "cid")

    snapshot = shelf.publish(warehouse, "demo", HOUR)

    for name in ("page_views", "visitors"):
        listed = shelf.store.get(keys.published_links("demo", name)).decode().splitlines()
        assert listed == [shelf.store.url(file.key) for file in snapshot.tables[name].files]
