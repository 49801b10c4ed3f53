"""Consent in the middle of a visit, over HTTP: one visitor and one session, credited to where he came from.

The rules are in docs/privacy.md; each has a unit test of its name beside the model int_session_bridges.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from support.collectors import CollectorProcess
from support.told_visits import rows_of

SITES = ("shop", "reload", "office", "back", "apart")
CLIENT = """\
client_id: acme
name: Acme
timezone: Europe/Berlin
sites:
{sites}
destination: {{url: "file://${{FOOTFALL_HOME}}/buckets/acme"}}
exports:
  - {{name: days, dataset: daily_metrics, cadence: daily}}
"""
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NINE = datetime(2026, 11, 18, 9, tzinfo=UTC)
ANNA, BERT = "anna-first-party-id", "bert-first-party-id"
#: An id as the pixel makes it, at 9:01.
_AT = int((NINE + timedelta(minutes=1)).timestamp() * 1000)
MADE = f"{_AT >> 16:08x}-{_AT & 0xFFFF:04x}-7000-8000-000000000000"

Rows = Callable[[str], list[tuple[object, ...]]]


class Browser:
    """Sends events of one site, each as it happens."""

    def __init__(self, collector: CollectorProcess) -> None:
        self._collector = collector
        self._sent = 0

    def send(
        self, site: str, minute: float, kind: str = "page_view", page: str = "/", **more: object
    ) -> None:
        self._sent += 1
        at = NINE + timedelta(minutes=minute)
        milliseconds = int(at.timestamp() * 1000)
        event = {
            "id": f"event-{self._sent:06}",
            "type": kind,
            "url": f"https://{site}.example{page}",
            "occurred_at": milliseconds,
            **more,
        }
        body = {"site": f"pk_{site}_Kd83hDs2", "sent_at": milliseconds, "events": [event]}
        headers = {
            "User-Agent": AGENT,
            "x-footfall-import-key": "import-secret",
            "x-footfall-received-at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        }
        assert self._collector.ask("POST", "/collect", json.dumps(body).encode(), headers).status == 204

    def consent(self, site: str, minute: float, visitor: str) -> None:
        self.send(site, minute, "consent", consent=3, visitor=visitor, props={"from": 1, "to": 3})

    def buy(self, site: str, minute: float, visitor: str) -> None:
        bought = {"revenue": 80, "currency": "EUR"}
        self.send(site, minute, "purchase", "/thanks", consent=3, visitor=visitor, props=bought)


LETTER = "/?utm_source=newsletter&utm_medium=email&utm_campaign=may"


def _visit(collector: CollectorProcess) -> None:
    browser = Browser(collector)
    for site in ("shop", "apart"):
        browser.send(site, -30, page="/morning")
        browser.send(site, 10, page=LETTER)
        browser.consent(site, 10.4, ANNA)
        browser.send(site, 11, page="/cart", consent=3, visitor=ANNA)
        browser.buy(site, 12, ANNA)
    # The page is loaded anew with the consent: nothing tells of it but the id.
    browser.send("reload", 0, page=LETTER)
    browser.send("reload", 1, page=LETTER, consent=3, visitor=MADE)
    browser.buy("reload", 3, MADE)
    # Two people of one address; the second one consents an hour later.
    browser.send("office", 0, page=LETTER)
    browser.consent("office", 1, ANNA)
    browser.buy("office", 2, ANNA)
    browser.consent("office", 50, BERT)
    # The consent is taken back, and given again.
    browser.send("back", 0, page=LETTER)
    browser.consent("back", 1, ANNA)
    browser.buy("back", 2, ANNA)
    browser.send("back", 40, page="/after")
    browser.consent("back", 41, ANNA)
    browser.buy("back", 42, ANNA)


@pytest.fixture(scope="module")
def rows(installation_of_module) -> Rows:
    """Rows of the models after all was sent and run."""
    installation = installation_of_module
    clients = installation.home.parent / "clients"
    clients.mkdir()
    sites = "\n".join(
        f"  - {{site_id: {site}, key: pk_{site}_Kd83hDs2, domains: [{site}.example]"
        + (", consent_link: off}" if site == "apart" else "}")
        for site in SITES
    )
    (clients / "acme.yaml").write_text(CLIENT.format(sites=sites))
    installation.environment["FOOTFALL_CLIENTS"] = str(clients)
    collector = CollectorProcess(installation.home, settings={"FOOTFALL_CLIENTS": str(clients)}).start()
    _visit(collector)
    assert "Traceback" not in collector.end()
    (installation.home / "first_hour").write_text("2026-11-18T08\n")
    done = installation.run("run", "--from", "2026-11-18T08", "--to", "2026-11-18T10")
    assert done.returncode == 0, done.stdout + done.stderr

    return rows_of(installation)


def _sessions(rows: Rows, site: str) -> list[tuple[object, ...]]:
    return rows(
        "SELECT landing_page, page_views, conversions, source, consent_tier FROM sessions "
        f"WHERE site_id = '{site}' ORDER BY started_at"
    )


def _day(rows: Rows, site: str) -> tuple[object, ...]:
    [found] = rows(f"SELECT visitors, new_visitors, sessions FROM daily_metrics WHERE site_id = '{site}'")
    return found


def test_who_consents_in_a_visit_and_buys_is_one_visitor_in_one_session_of_the_newsletter(rows):
    """What the same device did half an hour before is another session, and stays another visitor's."""
    assert _sessions(rows, "shop") == [
        ("/morning", 1, 0, "(direct)", 1),
        ("/", 2, 1, "newsletter", 3),
    ]
    assert _day(rows, "shop") == (2, 1, 2)
    bought = rows("SELECT source, medium, revenue FROM conversions WHERE site_id = 'shop'")
    assert bought == [("newsletter", "email", 80)]


def test_events_keep_the_ids_that_they_came_with(rows):
    found = rows(
        "SELECT count(DISTINCT visitor_id), count(DISTINCT session_id) FROM events "
        "WHERE site_id = 'shop' AND occurred_at > '2026-11-18T09:00:00Z'"
    )
    kinds = rows("SELECT id_kind, sessions, first_source FROM visitors WHERE site_id = 'shop' ORDER BY 1")

    assert found == [(2, 1)]
    assert kinds == [("daily", 1, "(direct)"), ("first_party", 1, "newsletter")]


def test_a_page_that_is_loaded_anew_with_the_consent_goes_on_with_the_visit(rows):
    assert _sessions(rows, "reload") == [("/", 2, 1, "newsletter", 3)]
    assert _day(rows, "reload") == (1, 1, 1)


def test_two_people_who_claim_one_hash_are_not_linked(rows):
    assert _sessions(rows, "office") == [("/", 1, 0, "newsletter", 1), (None, 0, 1, "(direct)", 3)]
    assert _day(rows, "office") == (2, 1, 2)


def test_nothing_is_linked_beyond_a_withdrawal(rows):
    assert _sessions(rows, "back") == [
        ("/", 1, 1, "newsletter", 3),
        ("/after", 1, 0, "(direct)", 1),
        (None, 0, 1, "(direct)", 3),
    ]
    assert _day(rows, "back") == (2, 1, 3)


def test_a_site_that_links_nothing_has_two_visitors_and_stores_no_hash_with_an_id(rows):
    assert _sessions(rows, "apart")[1:] == [("/", 1, 0, "newsletter", 1), ("/cart", 1, 1, "(direct)", 3)]
    linking = rows(
        "SELECT count(*) FROM intermediate.int_events_sessionised WHERE site_id = 'apart' "
        "AND previous_visitor_id IS NOT NULL"
    )
    assert linking == [(0,)]
