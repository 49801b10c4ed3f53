"""The addresses that the descriptions of older systems promise, word for word."""

import json
import re
from pathlib import Path

import pytest
import zstandard
from support.api_builders import served
from support.repository import ROOT


def _described(word: str) -> str:
    """The description that has a word; skips where the descriptions are not at hand."""
    folder = next(
        (
            each / "shared" / "seeds"
            for each in (ROOT.parent, *ROOT.parents)
            if (each / "shared" / "seeds").is_dir()
        ),
        None,
    )
    if folder is None:
        pytest.skip("../shared/seeds is not there: the descriptions' own words cannot be compared")
    for path in sorted(Path(folder).glob("*.txt")):
        text = path.read_text(errors="replace")
        if word in text:
            return text
    raise AssertionError(f"no description has {word!r}")


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with served(tmp_path_factory.mktemp("older")) as made:
        row = {"session_id": "s", "visitor_id": "user_12345", "date": "2026-11-19", "site_id": "two"}
        made.publish_sessions([row], "two")
        made.publish("daily_metrics", [{"date": "2026-11-19", "site_id": "two", "events": 4}], "two")
        yield made


def _promised(text: str) -> set[tuple[str, str]]:
    """(method, path) of every address that a description promises."""
    found = re.findall(
        r"(?:\*\*`)?\b(GET|POST|PUT) (/(?:analytics|events|export|generate|auth)[\w/{}-]*)", text
    )
    return {(method, path) for method, path in found}


def test_every_promised_address_answers_or_is_the_collectors(api):
    text = _described("generate-sample-data") + _described("/export/run")
    promised = _promised(text)
    assert len(promised) >= 8
    shown = {(method.upper(), path) for path, found in api.app.openapi()["paths"].items() for method in found}

    # To send events is the collector's.
    assert promised - shown == {("POST", "/events/")}


def test_the_question_about_a_user_is_asked_as_it_is_described(api):
    text = _described("generate-sample-data")
    [path] = set(re.findall(r"http://localhost:5000(/analytics/\?user_id=\w+)", text))

    said = api.ask("GET", path, role="other")

    assert said.status == 200
    assert [each["session_id"] for each in said.json["sessions"]] == ["s"]


def test_the_overview_has_summary_trend_and_conversions(api):
    said = api.ask("GET", "/analytics/", role="other").json

    assert said["summary"]["events"] == 4
    assert {"visitors", "page_views", "conversion_rate"} <= set(said["summary"])
    assert [each["day"] for each in said["trend"]] == ["2026-11-19"]


def test_an_enrichment_as_it_is_described_is_taken_whole(api):
    text = _described("generate-sample-data")
    path, body = re.findall(r"localhost:5000(/events/evt_\w+/enrich/).*?-d '(.+?)'", text, re.DOTALL)[0]
    document = json.loads(body)

    reply = api.ask("PUT", path, role="other", body=document)

    assert (reply.status, reply.json["taken"]) == (202, sorted(document["additional_properties"]))
    [key] = reply.json["keys"]
    line = json.loads(zstandard.ZstdDecompressor().decompress(api.lake.get(key)))
    assert line["fields"] == {"properties": document["additional_properties"]}


def test_names_of_our_columns_among_additional_properties_are_these_columns(api):
    path = "/events/evt_a1b2c3d4/enrich/"

    taken = api.ask("PUT", path, role="other", body={"additional_properties": {"country": "SE", "plan": 2}})
    refused = api.ask("PUT", path, role="other", body={"additional_properties": {"country": 5}})

    [key] = taken.json["keys"]
    line = json.loads(zstandard.ZstdDecompressor().decompress(api.lake.get(key)))
    assert line["fields"] == {"country": "SE", "properties": {"plan": 2}}
    assert (refused.status, refused.json["field"]) == (422, "additional_properties.country")


def test_exports_are_run_and_looked_at_where_they_are_described(api):
    run = api.ask("POST", "/export/run", role="other")

    assert run.status == 202
    assert api.installation.done[-1] == ("run", "two", "events", ("2026-11-20-11:00",))
    assert [each["export"] for each in api.ask("GET", "/export/status", role="other").json["exports"]] == [
        "events"
    ]
    [config] = api.ask("GET", "/export/config", role="other").json["exports"]
    assert config["settings"]["cadence"] == "hourly"


def test_sample_data_are_sent_in_the_background_by_an_administrator(api):
    text = _described("generate-sample-data")
    [path] = set(re.findall(r"localhost:5000(/generate-sample-data/\d+/)", text))

    started = api.ask("POST", path, role="other")

    assert started.status == 202
    while (said := api.ask("GET", started.json["follow"], role="other").json)["state"] != "done":
        assert said["state"] in ("waiting", "running")
    assert said["result"] == {"site_id": "two", "events": 1000}


def test_a_key_is_told_about_itself_where_it_is_described(api):
    said = api.ask("GET", "/auth/info", role="other").json

    assert {"permissions", "rate_limit", "authenticated"} <= set(said)
