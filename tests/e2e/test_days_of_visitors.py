"""A visitor's day is the site's day, through the door: over HTTP, from a log and from events of another tool.

Whoever comes twice in a local day is one visitor of it, whatever UTC says; sessions go on over the site's
midnight; a lake whose salts turned at midnight UTC goes on without counting anybody of that day twice.
"""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import zstandard
from support.collectors import CollectorProcess
from support.told_visits import rows_of

from footfall.keys import salt_object_of_utc_day
from footfall.salts import new_salt
from footfall.store import LocalStore

CLIENT = """\
client_id: {client}
name: Days
timezone: {zone}
sites:
  - {{site_id: {client}, key: pk_{client}_Kd83hDs2, domains: [{client}.example]}}
{more}destination: {{url: "file://${{FOOTFALL_HOME}}/buckets/{client}"}}
exports:
  - {{name: days, dataset: daily_metrics, cadence: daily}}
"""
WEST = "  - {site_id: west, key: pk_west_Kd83hDs2, domains: [west.example], timezone: America/Los_Angeles}\n"
#: Client → zone, and its other sites: told over HTTP, by imports, and over HTTP to a lake of before.
CLIENTS = {
    "live": ("Australia/Sydney", WEST),
    "told": ("Australia/Sydney", ""),
    "log": ("Australia/Sydney", ""),
    "dst": ("Europe/Berlin", ""),
    "before": ("Australia/Sydney", ""),
}
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PEOPLE = 10
#: 9:30 and 12:30 of the 18th in Sydney; midnight UTC lies between them.
MORNING, NOON = datetime(2026, 11, 17, 22, 30, tzinfo=UTC), datetime(2026, 11, 18, 1, 30, tzinfo=UTC)
#: Ten minutes before and after the end of the 18th in Sydney.
LATE, EARLY = datetime(2026, 11, 18, 12, 50, tzinfo=UTC), datetime(2026, 11, 18, 13, 10, tzinfo=UTC)


def _view(collector: CollectorProcess, site: str, at: datetime, person: int) -> None:
    """A page view that came at a time, from a person's address."""
    event = {"id": f"{site}-{at:%d%H%M}-{person:04}", "type": "page_view", "url": f"https://{site}.example/"}
    headers = {
        "User-Agent": AGENT,
        "X-Forwarded-For": f"198.51.100.{person}",
        "x-footfall-import-key": "import-secret",
        "x-footfall-received-at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
    }
    body = json.dumps({"site": f"pk_{site}_Kd83hDs2", "events": [event]}).encode()
    assert collector.ask("POST", "/collect", body, headers).status == 204


def _send(collector: CollectorProcess) -> None:
    for site in ("live", "west"):
        for at in (MORNING, NOON):
            for person in range(PEOPLE):
                _view(collector, site, at, person)
    for at in (LATE, EARLY):
        _view(collector, "live", at, 99)
    # The lake has a salt of before for the 18th in UTC, so that day ends with it.
    for hours, person in ((1, 1), (12, 1), (14, 1), (23.9, 2), (24.1, 2), (26, 1)):
        _view(collector, "before", datetime(2026, 11, 18, tzinfo=UTC) + timedelta(hours=hours), person)


def _told() -> str:
    return "".join(
        json.dumps(
            {
                "occurred_at": at.isoformat(),
                "type": "page_view",
                "url": "https://told.example/",
                "visitor": f"p{person}",
                "user_agent": AGENT,
            }
        )
        + "\n"
        for at in (MORNING, NOON)
        for person in range(PEOPLE)
    )


def _log(*moments: datetime) -> str:
    return "".join(
        f'198.51.100.{person} - - [{at:%d/%b/%Y:%H:%M:%S} +0000] "GET / HTTP/1.1" 200 9 "-" "{AGENT}"\n'
        for at in moments
        for person in range(PEOPLE)
    )


#: Every two hours of the 25th of October in Berlin, which has 25 hours, and an hour before and after it.
LONG_DAY = [datetime(2026, 10, 24, 21, tzinfo=UTC) + timedelta(hours=n) for n in (0, *range(1, 26, 2), 26)]

Rows = Callable[[str], list[tuple[object, ...]]]


@pytest.fixture(scope="module")
def rows(installation_of_module) -> Rows:
    """Rows of the models after all was sent, imported and run."""
    installation = installation_of_module
    folder: Path = installation.home.parent
    clients = folder / "clients"
    clients.mkdir()
    for client, (zone, more) in CLIENTS.items():
        (clients / f"{client}.yaml").write_text(CLIENT.format(client=client, zone=zone, more=more))
    installation.environment["FOOTFALL_CLIENTS"] = str(clients)
    lake = LocalStore(installation.home / "lake")
    lake.put(salt_object_of_utc_day("before", date(2026, 11, 18)), json.dumps(new_salt()).encode())
    settings = {"FOOTFALL_CLIENTS": str(clients), "FOOTFALL_TRUSTED_PROXIES": "127.0.0.1"}
    collector = CollectorProcess(installation.home, settings=settings).start()
    _send(collector)
    assert "Traceback" not in collector.end()
    imports = {
        "told": ("ndjson", _told()),
        "log": ("combined", _log(MORNING, NOON)),
        "dst": ("combined", _log(*LONG_DAY)),
    }
    for client, (form, text) in imports.items():
        (folder / f"{client}.log").write_text(text)
        done = installation.run("import", f"{folder}/{client}.log", "--client", client, "--format", form)
        assert done.returncode == 0, done.stdout + done.stderr
    done = installation.run("run", "--from", "2026-11-17T22", "--to", "2026-11-19T03")
    assert done.returncode == 0, done.stdout + done.stderr

    return rows_of(installation)


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
    assert _visitors(rows, "live", "live") == {"2026-11-18": PEOPLE + 1, "2026-11-19": 1}


def test_two_sites_of_a_client_in_two_zones_have_days_of_their_own(rows):
    """14:30 and 17:30 of the 17th in Los Angeles."""
    assert _visitors(rows, "live", "west") == {"2026-11-17": PEOPLE}
    shared = rows(
        "SELECT count(*) FROM events AS one JOIN events AS other USING (visitor_id) "
        "WHERE one.site_id = 'live' AND other.site_id = 'west'"
    )
    assert shared == [(0,)]


@pytest.mark.parametrize("client", ["told", "log"])
def test_whoever_comes_twice_in_a_day_of_the_site_is_one_visitor_of_an_import(rows, client):
    assert _visitors(rows, client, client) == {"2026-11-18": PEOPLE}


@pytest.mark.usefixtures("rows")
def test_a_day_of_25_hours_has_one_visitor_for_each_who_comes_all_day(installation_of_module):
    texts = [
        line
        for info in LocalStore(installation_of_module.home / "lake").list("raw/")
        if "client=dst." in info.key
        for line in _lines(installation_of_module.home / "lake" / info.key)
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
        "WHERE client_id = 'live' AND ended_at = '2026-11-18T13:10:00Z'"
    )

    assert found == [(2, "2026-11-18")]


def test_a_lake_of_before_ends_its_utc_day_and_loses_no_session_at_its_end(rows):
    """Person 1 comes at 12:00, 23:00 and 1:00 in Sydney, which one UTC day holds, and then at 13:00."""
    found = rows(
        "SELECT list(DISTINCT visitor_id ORDER BY visitor_id), "
        "list(hour(occurred_at) + 24 * (day(occurred_at) - 18) ORDER BY occurred_at) "
        "FROM events WHERE client_id = 'before' GROUP BY visitor_id ORDER BY min(occurred_at)"
    )
    sessions = rows("SELECT page_views FROM sessions WHERE client_id = 'before' ORDER BY started_at")

    assert [hours for _, hours in found] == [[1, 12, 14], [23], [24], [26]]
    assert sessions == [(1,), (1,), (1,), (2,), (1,)]
