"""SQL of a person: what it may read, and that nothing else is reached, whatever it says."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from support.waiting import wait_until

from dashboard.sandbox import MOST_AT_ONCE, QueryFailed, answer_of, tables_in

ATTACKS = {
    "another client's files": "SELECT * FROM read_parquet('{other}/**/*.parquet')",
    "a file of the machine": "SELECT * FROM read_text('/etc/passwd')",
    "all files": "SELECT * FROM glob('/*')",
    "a replacement scan": "SELECT * FROM '/etc/passwd'",
    "a copy": "COPY (SELECT 1) TO '{own}/x.csv'",
    "a copy behind a SELECT": "SELECT 1; COPY (SELECT 1) TO '{own}/x.csv'",
    "a copy that is explained": "EXPLAIN ANALYZE COPY (SELECT 1) TO '{own}/x.csv' (USE_TMP_FILE false)",
    "a published file": "EXPLAIN ANALYZE COPY (SELECT 1) TO '{published}' (USE_TMP_FILE false)",
    "folders": "EXPLAIN ANALYZE COPY (SELECT 1 AS p) TO '{own}/f' (FORMAT csv, PARTITION_BY p)",
    "a database": "ATTACH '/tmp/x.db'",
    "an extension": "INSTALL httpfs",
    "the network": "SELECT * FROM read_csv('http://127.0.0.1:1/x.csv')",
    "a setting": "SET enable_external_access = true",
    "a table of its own": "CREATE TABLE t AS SELECT 1",
    "a deletion": "DELETE FROM sessions",
    "an endless one": "SELECT max(hash(a.range + b.range)) FROM range(1000000) a, range(1000000) b",
    "much to be sorted": "SELECT * FROM range(2000000000) ORDER BY hash(range)",
    "much memory": "SELECT length(repeat('x', 4000000000))",
    "more than an answer may have": "SELECT repeat('x', 9999) AS a, a AS b FROM range(4000)",
    "nothing": "",
    "no SQL": "what is this",
}


@pytest.fixture
def ask(dashboard):
    tables = dashboard.service.tables

    def asked(query, values=(), seconds=60):
        reading, folder = tables.of("one"), tables.folder("one")
        return answer_of(reading, folder, query, dict(values), memory_bytes=256 << 20, seconds=seconds)

    return asked


def test_a_query_is_answered_from_the_clients_own_tables(ask):
    found = ask("SELECT site_id, count(*) AS n FROM sessions GROUP BY 1 ORDER BY 1")

    assert found.columns == ["site_id", "n"]
    assert [row[0] for row in found.rows] == ["blog", "shop"]
    assert not found.is_cut


@pytest.mark.parametrize("what", list(ATTACKS))
def test_nothing_but_that_is_reached(dashboard, ask, what):
    folders = {name: dashboard.service.tables.folder(name) for name in ("one", "two")}
    before = sorted(folders["one"].rglob("*"))
    published = next(each for each in before if each.suffix == ".parquet")
    query = ATTACKS[what].format(own=folders["one"], other=folders["two"], published=published)

    with pytest.raises(QueryFailed) as failed:
        ask(query, seconds=1 if "end" in what else 60)

    assert ("took more" in str(failed.value)) == ("endless" in what)
    assert "\n" not in str(failed.value)
    assert sorted(folders["one"].rglob("*")) == before


def test_a_long_answer_is_cut_and_says_so(ask):
    found = ask("SELECT * FROM range(6000)")

    assert (len(found.rows), found.is_cut) == (5000, True)


def test_so_many_run_at_once_and_a_further_one_is_told(ask):
    def is_told() -> bool:
        with pytest.raises(QueryFailed) as failed:
            ask("SELECT 1", seconds=0)
        return "other queries run" in str(failed.value)

    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        for _ in range(MOST_AT_ONCE):
            pool.submit(ask, ATTACKS["an endless one"], seconds=4)
        wait_until(is_told, "any number of queries ran at once")

    assert ask("SELECT 1").rows == [[1]]


def test_tables_that_a_query_does_not_name_are_not_opened():
    assert tables_in("select * from Sessions s join page_views using (session_id)") == [
        "page_views",
        "sessions",
    ]
