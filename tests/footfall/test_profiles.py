"""`profile: eu-strict`: what it fills in, that nothing laxer stands beside it, and what a collector does."""

import json

import pytest
import yaml
from support.client_files import client
from support.one_collector import StatedSpool, a_collector, ask

from collector.sender import Senders
from collector.targets import targets
from footfall.clients import load_registry
from footfall.geo import Place


def _read(tmp_path, **changes):
    (tmp_path / "acme.yaml").write_text(yaml.safe_dump(client("acme", **changes)))
    registry = load_registry(tmp_path)
    return registry.client("acme"), [str(each) for each in registry.mistakes]


def test_it_fills_in_what_the_file_does_not_say(tmp_path):
    found, mistakes = _read(tmp_path, profile="eu-strict")

    assert mistakes == []
    [site] = found.sites
    assert (site.consent_default, site.gpc_policy, site.dnt_policy) == (0, "tier0", "tier0")
    assert (site.consent_link, site.place) == ("off", "country")
    rule = found.retention
    assert (rule.raw, rule.quarantine, rule.events) == ("30d", "30d", "13 months")
    assert (rule.delivered, rule.backup) == ("keep", "13 months")


def test_shorter_times_of_the_file_stand(tmp_path):
    found, mistakes = _read(tmp_path, profile="eu-strict", retention={"events": "90d", "raw": "10d"})

    assert mistakes == []
    assert (found.retention.events, found.retention.raw) == ("90d", "10d")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"consent_default": 1}, "consent_default is 0 with it"),
        ({"gpc_policy": "tier1"}, "gpc_policy is tier0 with it"),
        ({"place": "city"}, "place is country with it"),
    ],
)
def test_nothing_laxer_stands_beside_it(tmp_path, changes, said):
    site = {**client("acme")["sites"][0], **changes}

    found, [mistake] = _read(tmp_path, profile="eu-strict", sites=[site])

    assert found is None
    assert said in mistake


def test_an_end_is_needed(tmp_path):
    found, [mistake] = _read(tmp_path, profile="eu-strict", retention={"events": "keep"})

    assert found is None
    assert "retention.events has an end with it" in mistake


def test_the_collector_keeps_no_place_below_the_country_and_recognises_nobody(tmp_path):
    _read(tmp_path, profile="eu-strict")
    spool = StatedSpool()
    collector = a_collector(spool, senders=Senders(locate=lambda _address: Place("DE", "BE", "Berlin")))
    collector.sites = targets(load_registry(tmp_path))
    event = {"id": "a" * 8, "type": "page_view", "url": "https://acme.example/", "consent": 3}

    for body in (
        {"site": "pk_acme_1234", "events": [event]},
        {"site": "pk_acme_1234", "events": [{**event, "consent": None}]},
    ):
        answer = ask(collector, body=json.dumps(body).encode(), sec_gpc="0")
        assert answer.status == 204

    lines = [json.loads(line) for line in spool.kept]
    assert [(line["country"], line.get("region"), line.get("city")) for line in lines] == [
        ("DE", None, None)
    ] * 2
    assert [line["consent_tier"] for line in lines] == [3, 0]
    assert lines[1].get("visitor_id") is None
