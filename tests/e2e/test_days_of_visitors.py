"""A visitor's day is the site's day, through the door: over HTTP, from a log and from events of another tool.

Whoever comes twice in a local day is one visitor of it, whatever UTC says; sessions go on over the site's
midnight; a lake whose salts turned at midnight UTC goes on without counting anybody of that day twice.
"""

import json
from datetime import datetime
from pathlib import Path

import pytest
import zstandard
from support.told.days import LONG_DAY, PEOPLE, STORY
from support.told.run import rows_of
from support.told.story import Rows

from footfall.store import LocalStore


@pytest.fixture
def rows(told) -> Rows:
    """What the models say of the clients of this story."""
    return rows_of(told, STORY)


def _lines(path: Path) -> list[dict[str, str]]:
    """The stored lines of a raw object."""
    whole = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()
    return [json.loads(line) for line in whole.splitlines()]


def _visitors(rows: Rows, client: str, site: str) -> dict[str, int]:
    found = rows(
        "SELECT CAST(date AS VARCHAR), visitors FROM daily_metrics "
        f"WHERE client_id = '{client}' AND site_id = '{site}'"
    )
    return {str(day): int(str(visitors)) for day, visitors in found}


def test_whoever_comes_twice_in_a_day_of_the_site_is_one_visitor_over_http(rows):
    # With the one who was there over midnight.
    assert _visitors(rows, "live", "live") == {"2026-11-10": PEOPLE + 1, "2026-11-11": 1}


def test_two_sites_of_a_client_in_two_zones_have_days_of_their_own(rows):
    """14:30 and 17:30 of the 9th in Los Angeles."""
    assert _visitors(rows, "live", "west") == {"2026-11-09": PEOPLE}
    shared = rows(
        "SELECT count(*) FROM events AS one JOIN events AS other USING (visitor_id) "
        "WHERE one.site_id = 'live' AND other.site_id = 'west'"
    )
    assert shared == [(0,)]


@pytest.mark.parametrize("client", ["told", "log"])
def test_whoever_comes_twice_in_a_day_of_the_site_is_one_visitor_of_an_import(rows, client):
    assert _visitors(rows, client, client) == {"2026-11-10": PEOPLE}


def test_a_day_of_25_hours_has_one_visitor_for_each_who_comes_all_day(told):
    lake = told / "state" / "lake"
    texts = [
        line
        for info in LocalStore(lake).list("raw/")
        if "client=dst." in info.key
        for line in _lines(lake / info.key)
    ]
    days = {0: set(), 1: set(), 2: set()}
    for line in texts:
        at = datetime.fromisoformat(line["occurred_at"])
        days[(at >= LONG_DAY[1]) + (at >= LONG_DAY[-1])].add(line["visitor_id"])

    assert len(texts) == PEOPLE * len(LONG_DAY)
    assert [len(found) for found in days.values()] == [PEOPLE] * 3
    assert len(set().union(*days.values())) == 3 * PEOPLE


def test_a_session_goes_on_over_the_midnight_of_the_site(rows):
    found = rows(
        "SELECT page_views, CAST(date AS VARCHAR) FROM sessions "
        "WHERE client_id = 'live' AND ended_at = '2026-11-10T13:10:00Z'"
    )

    assert found == [(2, "2026-11-10")]


def test_a_lake_of_before_ends_its_utc_day_and_loses_no_session_at_its_end(rows):
    """Person 1 comes at 12:00, 23:00 and 1:00 in Sydney, which one UTC day holds, and then at 13:00."""
    found = rows(
        "SELECT list(DISTINCT visitor_id ORDER BY visitor_id), "
        "list(hour(occurred_at) + 24 * (day(occurred_at) - 10) ORDER BY occurred_at) "
        "FROM events WHERE client_id = 'before' GROUP BY visitor_id ORDER BY min(occurred_at)"
    )
    sessions = rows("SELECT page_views FROM sessions WHERE client_id = 'before' ORDER BY started_at")

    assert [hours for _, hours in found] == [[1, 12, 14], [23], [24], [26]]
    assert sessions == [(1,), (1,), (1,), (2,), (1,)]
