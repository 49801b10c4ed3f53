"""What tests/e2e/test_days_of_visitors.py tells: people who come more than once in a day of their site."""

import json
from datetime import UTC, date, datetime, timedelta

from support.collectors import CollectorProcess
from support.told.story import AGENT, Story

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
PEOPLE = 10
#: 9:30 and 12:30 of the 10th in Sydney; midnight UTC lies between them.
MORNING, NOON = datetime(2026, 11, 9, 22, 30, tzinfo=UTC), datetime(2026, 11, 10, 1, 30, tzinfo=UTC)
#: Ten minutes before and after the end of the 10th in Sydney.
LATE, EARLY = datetime(2026, 11, 10, 12, 50, tzinfo=UTC), datetime(2026, 11, 10, 13, 10, tzinfo=UTC)


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
    # The lake has a salt of before for the 10th in UTC, so that day ends with it.
    for hours, person in ((1, 1), (12, 1), (14, 1), (23.9, 2), (24.1, 2), (26, 1)):
        _view(collector, "before", datetime(2026, 11, 10, tzinfo=UTC) + timedelta(hours=hours), person)


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


def _salted(lake: LocalStore) -> None:
    lake.put(salt_object_of_utc_day("before", date(2026, 11, 10)), json.dumps(new_salt()).encode())


STORY = Story(
    clients={
        client: CLIENT.format(client=client, zone=zone, more=more) for client, (zone, more) in CLIENTS.items()
    },
    files={
        "told": ("ndjson", _told()),
        "log": ("combined", _log(MORNING, NOON)),
        "dst": ("combined", _log(*LONG_DAY)),
    },
    send=_send,
    before=_salted,
)
