"""No value of one client's data fails the models: they are one build for all clients, and all would stop."""

import json
from datetime import UTC, datetime

import pytest
from support.collectors import CollectorProcess
from support.extreme_values import events, log

from footfall.hours import HOUR, floor

CLIENT = """\
client_id: {0}
name: {0}
timezone: {1}
sites:
  - site_id: {0}
    key: pk_{0}_00000
    domains: ["*.{0}.example", {0}.example]
    conversions: [purchase, search]
    properties: [plan, revenue, "*", "/", "~", "$", "(", "=cmd|"]
destination: {{url: "file://${{FOOTFALL_HOME}}/buckets/{0}"}}
exports:
  - {{name: events, dataset: events, cadence: hourly}}
  - {{name: lines, dataset: events, cadence: hourly, format: jsonl}}
  - {{name: parquet, dataset: page_views, cadence: hourly, format: parquet}}
  - {{name: sessions, dataset: sessions, cadence: hourly}}
  - name: some
    dataset: events
    cadence: hourly
    filter: "props.revenue > 1 or payload.status = 200 or props.'a/~b' is not null or learnt.x"
funnels:
  - {{name: buying, steps: [{{name: a}}, {{name: b, event: purchase}}]}}
"""
NAMES = ("odd", "plain")


@pytest.fixture
def clients(installation, tmp_path):
    """Two clients: one that sends everything odd, and one that does not."""
    folder = tmp_path / "clients"
    folder.mkdir()
    for name, zone in zip(NAMES, ("Pacific/Apia", "UTC"), strict=True):
        (folder / f"{name}.yaml").write_text(CLIENT.format(name, zone))
    installation.environment["FOOTFALL_CLIENTS"] = str(folder)
    checked = installation.run("clients")
    assert checked.returncode == 0, checked.stdout
    return installation


def sent(installation, moment, name, bodies):
    """Batches over HTTP, received at `moment`. Returns how many the collector took."""
    collector = CollectorProcess(
        installation.home,
        settings={"FOOTFALL_CLIENTS": installation.environment["FOOTFALL_CLIENTS"]} | UNLIMITED,
    ).start()
    taken = 0
    for body in bodies:
        headers = {"x-footfall-received-at": f"{moment:%Y-%m-%dT%H:%M:%SZ}"} | TRUSTED
        said = collector.ask("POST", f"/collect?site=pk_{name}_00000", body, headers)
        assert said.status in (204, 207, 400, 413), (said.status, said.body, body[:200])
        taken += said.status in (204, 207)
    assert "Traceback" not in collector.end()
    return taken


TRUSTED = {"x-footfall-import-key": "import-secret"}
UNLIMITED = {"FOOTFALL_ADDRESS_EVENTS_PER_SECOND": "0", "FOOTFALL_SITE_EVENTS_PER_SECOND": "0"}


def test_no_value_of_a_client_stops_the_models_of_all(clients, tmp_path):
    hour = floor(datetime.now(UTC)) - 2 * HOUR
    at = hour.replace(minute=20)
    extreme = events("www.odd.example")
    assert len(extreme) > 400
    usual = json.dumps({"type": "page_view", "url": "https://plain.example/"}).encode()
    taken = sent(clients, at, "odd", (number(text, n) for n, text in enumerate(extreme)))
    assert taken > 300
    assert sent(clients, at, "plain", [number(usual, 0)]) == 1
    lines = [moved(text, at) for text in extreme]
    (tmp_path / "events.ndjson").write_bytes(b"\n".join(lines) + b"\n")
    (tmp_path / "cdn.log").write_bytes(log("www.odd.example", f"{at:%Y-%m-%d}", f"{at:%H:%M:%S}"))
    for file, form in (("events.ndjson", "ndjson"), ("cdn.log", "cloudfront")):
        done = clients.run("import", str(tmp_path / file), "--client", "odd", "--format", form)
        # Where more than a tenth is too odd to be kept, the command says so.
        assert done.returncode == 0 or "more than a tenth" in done.stderr, done.stderr

    done = clients.run("run", "--from", f"{hour:%Y-%m-%dT%H}", "--to", f"{hour + HOUR:%Y-%m-%dT%H}")

    assert done.returncode == 0, done.stdout + done.stderr
    for name in NAMES:
        verified = clients.run("verify", (clients.home / "buckets" / name).as_uri(), "--client", name)
        assert verified.returncode == 0, verified.stdout + verified.stderr


def number(text, n):
    """An event with an id, as the body of a request."""
    return text.replace(b'{"type"', b'{"id":"extreme-%08d","type"' % n, 1)


def moved(text, at):
    """An event at a time of its own, as a line."""
    return text.replace(b'"occurred_at":', b'"said_at":').replace(
        b'{"type"', f'{{"occurred_at":"{at:%Y-%m-%dT%H:%M:%SZ}","type"'.encode(), 1
    )
