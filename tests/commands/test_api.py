"""`footfall api` on a real installation: its ledger, registry and alerts, over HTTP, as a process."""

import json
import re
import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

import pytest
from support.collectors import request
from support.command_line import ROOT, command_line
from support.waiting import wait_until, wait_until_it_works

from commands.api_installation import WAITING
from footfall.access import audit
from footfall.clients import load_registry
from orchestration.alerting.alert import Alert
from orchestration.alerting.book import alert_book, note_look
from orchestration.delivery.ledger import Ledger
from orchestration.discovery import domains
from orchestration.discovery.database import registry
from orchestration.discovery.domains import Sighting

HOUR = datetime(2026, 11, 20, 10, tzinfo=UTC)
#: Bytes that the process may have once it answers.
MOST_MEMORY = 200 << 20


@pytest.fixture
def footfall(tmp_path):
    made = command_line(tmp_path / "home")
    made.clients = tmp_path / "clients"
    shutil.copytree(ROOT / "clients", made.clients)
    return made


@pytest.fixture
def served(footfall):
    """A function that asks the process, with a key of the operator and, for `demo`, of the client."""
    footfall.home.mkdir()
    keys = {
        "ops": _key(footfall("keys", "new", "--operator", "--permission", "admin", "--label", "ops")),
        "demo": _key(footfall("keys", "new", "demo", "--permission", "admin", "--label", "r", "--write")),
    }
    _fill(footfall)
    environment = {
        "PATH": "/usr/bin:/bin",
        **footfall.ports,
        "FOOTFALL_ENV_FILE": "/dev/null",
        "FOOTFALL_HOME": str(footfall.home),
        "FOOTFALL_CLIENTS": str(footfall.clients),
        "FOOTFALL_STATE_METRICS_PORT": footfall.ports["FOOTFALL_SITE_PORT"],
    }
    port = int(footfall.ports["FOOTFALL_API_PORT"])
    process = subprocess.Popen(
        [sys.executable, "-m", "commands.cli", "api"],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )

    def health():
        assert process.poll() is None, process.stderr.read()
        return request(port, "GET", "/health").status

    assert wait_until_it_works(health, OSError) == 200

    def ask(method, path, key="ops", body=None):
        headers = {"x-api-key": keys[key], "content-type": "application/json"}
        reply = request(port, method, path, json.dumps(body).encode() if body is not None else None, headers)
        return reply.status, json.loads(reply.body)

    ask.pid, ask.keys = process.pid, keys
    yield ask
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert "Traceback" not in said


def _key(done):
    assert done.returncode == 0, done.stderr
    return next(word for word in done.stdout.split() if word.startswith("ffk_"))


def _fill(footfall):
    ledger = Ledger(footfall.home / "ledger.sqlite")
    plan = {"cadence": "hourly", "reason": "initial", "supersedes": None, "places": ("main",), "now": HOUR}
    ledger.plan("demo", "events", HOUR, 1, **plan)
    ledger.plan("demo", "events", HOUR.replace(hour=9), 1, **plan)
    ledger.plan("agency", "events", HOUR, 1, **plan)
    ledger.close()
    clients = load_registry(footfall.clients, None, is_delivering=False)
    with registry(footfall.home / "registry.sqlite") as database:
        for hour in (HOUR, HOUR.replace(hour=11)):
            domains.observe(
                database, clients.client("demo"), hour, [Sighting("shop", "new.example", 50)], now=HOUR
            )
    with alert_book(footfall.home / "alerts.sqlite") as book:
        note_look(book, [Alert("delivery_overdue", "demo", "events", "it fails", {"export": "events"})], HOUR)


def test_what_the_commands_know_is_told_and_what_is_decided_is_what_they_know(served, footfall):
    status, said = served("GET", "/v1/deliveries?limit=1", "demo")
    assert (status, [(row["export"], row["state"]) for row in said["deliveries"]]) == (
        200,
        [("events", "planned")],
    )
    _, rest = served("GET", f"/v1/deliveries?limit=1&cursor={said['next']}", "demo")
    starts = [row["period_start"][:13] for row in said["deliveries"] + rest["deliveries"]]
    assert (starts, rest["next"]) == (["2026-11-20T10", "2026-11-20T09"], None)
    assert served("GET", "/v1/deliveries?cursor=bm9uZQ", "demo")[0] == 422
    assert served("GET", "/v1/exports/events/status", "demo")[1]["waiting"] == 2
    assert [row["domain"] for row in served("GET", "/v1/domains", "demo")[1]["domains"]] == ["new.example"]
    [alert] = served("GET", "/v1/alerts", "demo")[1]["alerts"]

    status, approved = served("POST", "/v1/domains/new.example/approve?client=demo")
    assert (status, approved["state"], approved["decided_by"]) == (200, "verified", "operator/ops")
    status, known = served("POST", f"/v1/alerts/{alert['key']}/ack", "ops", {"because": "we know"})
    assert (status, known["silences"]) == (200, ["acknowledged by operator/ops: we know"])

    assert "verified" in footfall("domains", "list", "--client", "demo").stdout
    assert "acknowledged by operator/ops: we know" in footfall("alerts", "list").stdout
    listed = footfall("keys", "list").stdout
    assert listed.count("last used") == 2
    acts = [line["act"] for line in audit.lines(footfall.home / "audit.jsonl")]
    assert acts == ["keys.new", "keys.new", "domains.approve", "alerts.ack"]


def test_what_the_operator_has_blocked_only_the_operator_takes_back(served, footfall):
    assert footfall("domains", "block", "demo", "new.example").returncode == 0

    status, said = served("POST", "/v1/domains/new.example/approve", "demo")
    assert (status, said["code"]) == (409, "not_decided")
    assert served("POST", "/v1/domains/new.example/approve?client=demo")[1]["state"] == "verified"


def test_without_dagster_a_run_is_503_and_everything_else_is_answered(served):
    span = {"from": "2026-11-20T10:00:00Z", "to": "2026-11-20T11:00:00Z"}

    status, said = served("POST", "/v1/exports/events/run?client=demo", "ops", span)

    assert (status, said["code"]) == (503, "unavailable")
    assert "footfall up" in said["detail"]


def test_where_dagster_hangs_the_ninth_who_asks_for_a_run_is_answered_at_once(served, footfall):
    span = {"from": "2026-11-20T10:00:00Z", "to": "2026-11-20T11:00:00Z"}
    asked = partial(served, "POST", "/v1/exports/events/run?client=demo", "ops", span)
    with (
        socket.create_server(("127.0.0.1", int(footfall.ports["FOOTFALL_UI_PORT"]))) as dagster,
        ThreadPoolExecutor(WAITING) as pool,
    ):
        slow = [pool.submit(asked) for _ in range(WAITING)]
        held = [dagster.accept()[0] for _ in range(WAITING)]

        status, said = asked()

        assert (status, said["detail"]) == (503, "Dagster is slow: 8 requests wait for it already")
        assert not [each for each in slow if each.done()]
        assert served("GET", "/v1/sites", "demo")[0] == 200
        for each in held:
            each.close()
        assert {each.result()[0] for each in slow} == {503}


def test_the_process_is_small(served):
    served("GET", "/v1/sites", "demo")
    with open(f"/proc/{served.pid}/status") as file:  # noqa: PTH123
        resident = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS"))

    assert resident < MOST_MEMORY


@pytest.mark.usefixtures("served")
def test_a_port_that_is_taken_is_said_in_one_line(footfall):
    done = footfall("api")

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "FOOTFALL_API_PORT" in done.stderr


def test_who_leaves_in_the_middle_of_a_request_is_counted_apart_from_failures_which_begin_at_0(
    served, footfall
):
    form, query = "/v1/privacy/form/made-up", "/v1/query"
    key = served.keys["demo"]
    for path, kind in ((form, "application/x-www-form-urlencoded"), (query, "application/json")):
        with socket.create_connection(("127.0.0.1", int(footfall.ports["FOOTFALL_API_PORT"]))) as leaving:
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Type: {kind}\r\n"
            leaving.sendall(f"{head}Content-Length: 100\r\n\r\nwanted=".encode())

    def counted():
        shown = request(int(footfall.ports["FOOTFALL_SITE_PORT"]), "GET", "/metrics").body.decode()
        found = re.findall(r'^footfall_api_requests_total\{route="(.*?)",status="(\d+)"\} (\S+)', shown, re.M)
        return {(route, int(status)): float(count) for route, status, count in found}

    named = "/v1/privacy/form/{link}"
    assert wait_until(lambda: {(named, 499), (query, 499)} <= counted().keys())
    found = counted()
    assert (found[named, 499], found[named, 500], found[query, 500]) == (1, 0, 0)
    assert found["/v1/sites", 500] == 0, "nobody asked there yet"
