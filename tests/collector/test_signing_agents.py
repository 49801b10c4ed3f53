"""Agents that sign their requests: what the collector keeps of them, by keys that an operator fetched."""

import http.server
import threading
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from support.collectors import CollectorProcess, batch, wire_event
from support.command_line import command_line
from support.signing_agent import KEYS, SigningAgent
from support.waiting import wait_until

WELL_KNOWN = "/.well-known/http-message-signatures-directory"


@contextmanager
def publishing():
    """A server that publishes an agent's keys."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == WELL_KNOWN else 404)
            self.end_headers()
            self.wfile.write(KEYS if self.path == WELL_KNOWN else b"")

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def collector(tmp_path):
    process = CollectorProcess(tmp_path).start()
    yield process
    process.end()


def test_an_agent_is_verified_by_keys_that_come_while_the_collector_runs_and_others_are_as_ever(collector):
    footfall = command_line(collector.home)
    footfall.settings["FOOTFALL_WEBHOOK_PRIVATE"] = "yes"
    host = f"127.0.0.1:{collector.port}"
    sent = 0

    def send(agent, **changed):
        nonlocal sent
        sent += 1
        signed = agent.headers("POST", "/collect", host) if agent else {}
        headers = {name.decode(): value.decode() for name, value in signed.items()} | changed
        reply = collector.ask("POST", "/collect", batch(wire_event(f"agent-{sent:04}")), headers)
        assert reply.status == 204
        return collector.await_stored(f"agent-{sent:04}")

    with publishing() as url:
        agent = SigningAgent(datetime.now(UTC), named=f'"{url}"', seconds=3600)
        before = send(agent)["agent"]
        fetched = footfall("agents", "fetch", url)
        assert fetched.returncode == 0, fetched
        after = wait_until(lambda: (said := send(agent)["agent"]).startswith("verified") and said)

    assert before == "unknown_key 127.0.0.1"
    assert after == "verified 127.0.0.1"
    assert send(agent, host="other.example")["agent"] == "invalid 127.0.0.1"
    assert send(None, **{"signature-agent": '"https://chatgpt.com"'})["agent"] == "unsigned chatgpt.com"
    assert "agent" not in send(None)
    assert "1 keys" in footfall("agents", "list").stdout
    wrong = footfall("agents", "fetch", "http://127.0.0.1:1")
    assert wrong.returncode == 1 and len(wrong.stderr.splitlines()) == 1, wrong
