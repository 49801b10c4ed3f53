"""`footfall doctor --watch`: what tells of a dead daemon and a dead collector, outside of Dagster."""

import json
import socket
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from commands.watching import watch
from footfall.settings import Settings
from orchestration.alerting.book import alert_book, note_look

AT = datetime(2026, 11, 20, 14, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@contextmanager
def server():
    """A collector's /health that is well, and an alert webhook, in one. Yields its port and what it heard."""
    heard = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            message = json.loads(self.rfile.read(int(self.headers["content-length"])))
            heard.append((message["event"], message["kind"]))
            self.send_response(204)
            self.end_headers()

        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"dependencies": {}}')

        def log_message(self, *_):
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield made.server_port, heard
    finally:
        made.shutdown()
        made.server_close()
        thread.join()


class Machine:
    """An installation whose daemon beats, or does not, by the test's clock."""

    def __init__(self, settings, heard, capsys):
        self.settings, self.heard, self._capsys = settings, heard, capsys
        self.now = self.beat = AT

    def beats(self):
        self.beat = self.now

    def looks_for_alerts(self):
        with alert_book(self.settings.alert_book) as book:
            note_look(book, [], self.now)

    def watched(self, later=MINUTE):
        self.now += later
        code = watch(self.settings, self.now - self.beat, self.now)
        return code, self._capsys.readouterr().out


@pytest.fixture
def machine(tmp_path, monkeypatch, capsys):
    with server() as (port, heard):
        # Routes hold the name of a variable, not an address.
        monkeypatch.setenv("FOOTFALL_ALERT_WEBHOOK", f"http://127.0.0.1:{port}/")
        settings = Settings.from_environ(
            {
                "FOOTFALL_HOME": str(tmp_path),
                "FOOTFALL_ALERT_WEBHOOK": f"http://127.0.0.1:{port}/",
                "FOOTFALL_COLLECTOR_URLS": f"http://127.0.0.1:{port}",
            }
        )
        yield Machine(settings, heard, capsys)


def test_where_all_is_well_nothing_is_said(machine):
    machine.beats()
    machine.looks_for_alerts()
    assert machine.watched() == (0, "")
    assert machine.heard == []


def test_a_dead_daemon_is_told_once_and_its_return_once(machine):
    machine.beats()
    for _ in range(4):
        code, said = machine.watched(5 * MINUTE)
    assert code == 1
    assert "Dagster's daemon is silent" in said
    assert "last sign of life: 20 minutes ago" in said
    for _ in range(3):
        machine.beats()
        assert machine.watched(4 * MINUTE) == (0, "")
    assert machine.heard == [("firing", "daemon_silent"), ("resolved", "daemon_silent")]


def test_a_daemon_that_beats_and_looks_for_no_alerts_is_as_good_as_dead(machine):
    machine.looks_for_alerts()
    machine.now += 11 * MINUTE
    machine.beats()
    code, said = machine.watched()
    assert code == 1
    assert "nobody looks for alerts" in said
    assert machine.heard == [("firing", "daemon_silent")]


def test_a_dead_collector_is_printed_and_left_to_the_daemon_to_tell_as_long_as_it_lives(machine):
    machine.settings = machine.settings.model_copy(
        update={"collector_urls": (f"http://127.0.0.1:{free_port()}",)}
    )
    machine.beats()
    code, said = machine.watched()
    assert code == 1
    assert "does not answer" in said
    assert machine.heard == []

    machine.watched(10 * MINUTE)  # no beat meanwhile: nobody else would tell
    assert sorted(machine.heard) == [("firing", "collector_silent"), ("firing", "daemon_silent")]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
