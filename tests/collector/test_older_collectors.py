"""An installation with one site takes what older collectors took, as their documents write it."""

import json
import re
import shlex
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.collectors import CollectorProcess
from support.waiting import wait_until

from footfall.access.api_keys import key_hash

SEEDS = Path(__file__).resolve().parents[3] / "shared" / "seeds"
OLD_KEY = "dev-key-analytics-2024"
CLIENT = f"""\
client_id: acme
name: Acme
sites:
  - {{site_id: acme-shop, key: pk_shop_acmeacme1, domains: [shop.example, "*.shop.example"]}}
destination: {{url: "file://${{FOOTFALL_HOME}}/buckets/app1-analytics-prod"}}
exports: [{{name: events, dataset: events, cadence: hourly}}]
api_keys:
  - {{name: old, sha256: {key_hash(OLD_KEY)}, permissions: [write, read]}}
"""
TRACK = {
    "bucket": "app1-analytics-prod",
    "eventType": "page_view",
    "timestamp": "2026-11-29T10:00:00.000Z",
    "page": "/x",
}


@pytest.fixture(scope="module")
def only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    """A collector whose installation has one site, which says nothing of older clients."""
    home = tmp_path_factory.mktemp("one-site")
    (home / "clients").mkdir()
    (home / "clients" / "acme.yaml").write_text(CLIENT)
    process = CollectorProcess(home, settings={"FOOTFALL_SEGMENT_SECONDS": "3600"}).start()
    yield process
    process.end()


def post(collector: CollectorProcess, path: str, body, **headers: str):
    return collector.ask("POST", path, json.dumps(body).encode(), headers)


def stored_with(collector: CollectorProcess, mark: str) -> dict:
    """The one stored line that holds a mark."""
    [line] = wait_until(lambda: [line for line in collector.stored() if mark in json.dumps(line)])
    return line


@pytest.fixture
def mark():
    return f"mark-{uuid.uuid4()}"


@pytest.mark.parametrize(
    ("path", "environment"),
    [("/dev/collect", "dev"), ("/prod/collect", "prod"), ("/collect", "prod"), ("/dev//collect/", "dev")],
)
def test_the_first_request_of_the_first_collector_works_and_names_its_environment(
    only, mark, path, environment
):
    reply = post(only, path, {"test": mark, "timestamp": 1234567890, "page": "/test"})

    assert reply.status == 200
    assert json.loads(reply.body)["environment"] == environment
    assert stored_with(only, mark)["event"]["url"] == "https://shop.example/test"


@pytest.mark.parametrize("path", ["/track", "/prod/track", "/collect", "/track?site=pk_shop_acmeacme1"])
def test_the_tracker_with_buckets_works_and_is_told_what_it_was(only, mark, path):
    reply = post(only, path, {**TRACK, "metadata": {"mark": mark}})

    answer = json.loads(reply.body)
    assert (reply.status, answer["status"], answer["bucket"]) == (200, "ok", "app1-analytics-prod")
    assert stored_with(only, mark)["event_id"] == answer["eventId"]


@pytest.mark.parametrize("field", ["bucket", "eventType", "timestamp"])
@pytest.mark.parametrize("path", ["/track", "/prod/track", "/collect", "/track?site=pk_shop_acmeacme1"])
def test_what_the_tracker_with_buckets_required_is_required(only, mark, path, field):
    body = {**TRACK, "page": f"/{mark}"}
    del body[field]
    if field == "eventType" and "site" not in path and path == "/collect":
        body.pop("page")

    reply = post(only, path, body)

    assert (reply.status, reply.reason) == (400, "invalid_event")
    answer = json.loads(reply.body)
    assert set(answer) == {"error", "message"}
    assert answer["error"] == f"Missing required field: {field}"
    kinds = {line["kind"] for line in only.stored() if mark in json.dumps(line)}
    assert kinds <= {"refused"}


def test_what_it_required_is_asked_for_before_its_bucket_is_compared(only, mark):
    reply = post(
        only, "/track", {"bucket": "of-somebody", "timestamp": TRACK["timestamp"], "page": f"/{mark}"}
    )

    assert (reply.status, json.loads(reply.body)["error"]) == (400, "Missing required field: eventType")


@pytest.mark.parametrize("path", ["/collect", "/dev/collect", "/track", "/collect?site=pk_shop_acmeacme1"])
def test_a_probe_is_answered_as_health_and_nothing_is_stored(only, path):
    before = len(only.stored())

    reply = post(only, path, {"health": "check"})

    answer = json.loads(reply.body)
    assert (reply.status, answer["status"]) == (200, "healthy")
    assert "nothing was stored" in answer["message"]
    assert "taken" not in reply.body.decode()
    assert len(only.stored()) == before


@pytest.mark.parametrize(
    ("body", "url"),
    [
        ({"page": "/s", "domain": "https://blog.shop.example/"}, "https://blog.shop.example/s"),
        ({"page": "HTTPS://Shop.Example/x"}, "https://shop.example/x"),
        ({"page": "/s", "domain": "shop.example:8443"}, "https://shop.example:8443/s"),
        ({"page": "/s", "domain": "my_shop.example"}, "https://my_shop.example/s"),
        ({"page": "/s", "domain": "bücher.example"}, "https://xn--bcher-kva.example/s"),
        ({"page": "/s", "domain": "[::1]"}, "https://[::1]/s"),
    ],
)
def test_the_host_of_an_older_body_is_read_however_it_is_written(only, mark, body, url):
    assert post(only, "/collect", {"event_type": "page_view", **body, "mark": mark}).status == 200
    assert stored_with(only, mark)["event"]["url"] == url


def test_a_host_that_cannot_be_read_is_refused_and_none_takes_its_place(only, mark):
    reply = post(
        only,
        "/collect?site=pk_shop_acmeacme1",
        {"event_type": "page_view", "page": "/s", "domain": "not a host", "mark": mark},
    )

    assert (reply.status, reply.reason) == (400, "invalid_event")
    assert stored_with(only, mark)["kind"] == "refused"


@pytest.mark.parametrize(
    "stated", [1795946400, "1795946400000", 1795946400000000000, "Sun, 29 Nov 2026 10:00:00 GMT"]
)
def test_a_null_type_and_times_of_every_unit_are_read(only, mark, stated):
    body = {"event_type": None, "page": "/n", "timestamp": stated, "mark": mark}

    assert post(only, "/collect", body).status == 200
    line = stored_with(only, mark)
    assert (line["type"], line["event"]["occurred_at"]) == ("page_view", 1795946400000)


def test_what_is_no_older_body_still_needs_its_site_and_is_told_how(only):
    reply = post(only, "/collect", {"type": "page_view", "url": "https://shop.example/"})

    assert (reply.status, reply.reason) == (400, "missing_site")
    for word in ("?site=KEY", "path", "legacy_domains"):
        assert word in reply.body.decode()


def test_where_there_are_two_sites_the_answer_names_the_setting(tmp_path, mark):
    (tmp_path / "clients").mkdir()
    second = "  - {site_id: two, key: pk_second_site, domains: [two.example]}\n"
    text = CLIENT.replace("destination:", second + "destination:").replace(
        "permissions: [write, read]", "permissions: [write, read], site_id: two"
    )
    (tmp_path / "clients" / "acme.yaml").write_text(text)
    collector = CollectorProcess(tmp_path).start()
    try:
        for path in ("/dev/collect", "/collect"):
            reply = post(collector, path, {"page": "/test", "mark": mark})
            assert (reply.status, reply.reason) == (400, "missing_site")
            assert "legacy_domains" in reply.body.decode()
    finally:
        collector.end()


def test_a_site_may_take_a_path_of_an_older_collector_for_itself(tmp_path, mark):
    (tmp_path / "clients").mkdir()
    second = "  - {site_id: two, key: pk_second_site, domains: [two.example], path: /dev/collect}\n"
    text = CLIENT.replace("destination:", second + "destination:").replace(
        "permissions: [write, read]", "permissions: [write, read], site_id: two"
    )
    (tmp_path / "clients" / "acme.yaml").write_text(text)
    collector = CollectorProcess(tmp_path).start()
    try:
        assert post(collector, "/dev/collect", {"page": "/test", "mark": mark}).status == 200
        assert stored_with(collector, mark)["site_id"] == "two"
    finally:
        collector.end()


@pytest.mark.parametrize(
    ("url", "stored"),
    [
        ("capacitor://localhost/cart?x=1", "https://capacitor/cart?x=1"),
        ("file:///android_asset/www/index.html#/home", "https://file/android_asset/www/index.html#/home"),
        ("http://[::1]:3000/dev", "http://[::1]:3000/dev"),
    ],
)
def test_pages_of_apps_that_a_site_declares_are_events_of_its_own(tmp_path, url, stored):
    (tmp_path / "clients").mkdir()
    text = CLIENT.replace(
        'domains: [shop.example, "*.shop.example"]', 'domains: [shop.example, "::1"], apps: [capacitor, file]'
    )
    (tmp_path / "clients" / "acme.yaml").write_text(text)
    collector = CollectorProcess(
        tmp_path, settings={"FOOTFALL_CORS_ORIGINS": "capacitor://localhost,http://[::1]:3000"}
    ).start()
    try:
        body = {"site": "pk_shop_acmeacme1", "id": "event-of-app", "type": "page_view", "url": url}
        reply = post(collector, "/collect", body, Origin="http://[::1]:3000")
        assert reply.status == 204
        assert reply.headers["access-control-allow-origin"] == "http://[::1]:3000"
        line = collector.await_stored("event-of-app")
        assert (line["event"]["url"], line["is_declared_host"]) == (stored, True)
        assert line["event"].get("url_as_sent", url) == url
        strange = {**body, "url": "tauri://localhost/"}
        assert post(collector, "/collect", strange).reason == "invalid_event"
    finally:
        collector.end()


# Verbatim ---------------------------------------------------------------------------------------------


def commands() -> list[tuple[str, list[str]]]:
    """Every `curl` command of the documents of older collectors: its file, and its words."""
    found = []
    for path in sorted(SEEDS.glob("00*.txt")):
        for block in re.findall(r"```bash\n(.*?)```", path.read_text(), re.DOTALL):
            for text in re.findall(r"^curl (?:[^\n]*\\\n)*[^\n]*(?:\n(?![#\n]|curl)[^\n]*)*", block, re.M):
                try:
                    found.append((path.name, shlex.split(text)))
                except ValueError:
                    continue
    return found


def request_of(words: list[str]) -> tuple[str, str, bytes | None, dict[str, str]]:
    """Method, path, body and headers of a `curl` command."""
    method, url, body, headers = None, "", None, {}
    rest = iter(words[1:])
    for word in rest:
        if word == "-X":
            method = next(rest)
        elif word == "-H":
            name, _, value = next(rest).partition(": ")
            headers[name] = value
        elif word == "-d":
            body = next(rest).encode()
        elif "://" in word:
            url = word
    parts = urlsplit(url.replace("[your-api-id]", "your-api-id").replace("[api-id]", "api-id"))
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return method or ("POST" if body else "GET"), path, body, headers


@pytest.mark.skipif(not SEEDS.is_dir(), reason="the documents of older collectors are not beside the project")
def test_requests_of_the_documents_of_older_collectors_work_as_they_are_written(only):
    answers = {}
    for file, words in commands():
        method, path, body, headers = request_of(words)
        if path.endswith(("/collect", "/track")) or path.startswith("/events/"):
            answers.setdefault((file[:3], method, path), only.ask(method, path, body, headers).status)

    assert answers == {
        ("000", "POST", "/dev/collect"): 200,
        ("001", "GET", "/events/count"): 401,  # only with a key: a client sees its own events alone
        ("002", "POST", "/prod/track"): 200,
        ("002", "POST", "/track"): 400,  # its body is `{…, ...}`, which is no JSON
        ("004", "POST", "/events/"): 201,
        ("004", "PUT", "/events/evt_a1b2c3d4e5f6/enrich/"): 422,
        ("004", "PUT", "/events/evt_generated_id/enrich/"): 422,
    }
