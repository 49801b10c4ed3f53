"""What tests/e2e/test_consent_in_a_visit.py tells: people who consent in the middle of a visit, over HTTP."""

import json
from datetime import UTC, datetime, timedelta

from support.collectors import CollectorProcess
from support.told.story import AGENT, Story

SITES = ("store", "reload", "office", "back", "apart")
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
NINE = datetime(2026, 11, 10, 9, tzinfo=UTC)
ANNA, BERT = "anna-first-party-id", "bert-first-party-id"
#: An id as the pixel makes it, at 9:01.
_AT = int((NINE + timedelta(minutes=1)).timestamp() * 1000)
MADE = f"{_AT >> 16:08x}-{_AT & 0xFFFF:04x}-7000-8000-000000000000"


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
    for site in ("store", "apart"):
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


_OF_SITES = "\n".join(
    f"  - {{site_id: {site}, key: pk_{site}_Kd83hDs2, domains: [{site}.example]"
    + (", consent_link: off}" if site == "apart" else "}")
    for site in SITES
)
STORY = Story(clients={"acme": CLIENT.format(sites=_OF_SITES)}, send=_visit)
