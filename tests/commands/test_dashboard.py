"""`footfall dashboard` as a process, and the verbs that say who may see it."""

import http.client
import json
import signal
import subprocess
import sys

import pytest
from support.command_line import ROOT, command_line
from support.waiting import wait_until


@pytest.fixture
def footfall(tmp_path):
    return command_line(tmp_path / "state")


def _get(port, path, headers=()):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers=dict(headers))
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def test_the_process_shows_pages_to_this_machine_alone_and_ends_on_a_signal(footfall, tmp_path):
    port = int(footfall.ports["FOOTFALL_DASHBOARD_PORT"])
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "commands.entry", "dashboard"],
            env=footfall.environment(),
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )

    def answers():
        assert process.poll() is None, (tmp_path / "log").read_text()
        try:
            return _get(port, "/health")[0] == 200
        except OSError:
            return False

    try:
        wait_until(answers)
        status, headers, _ = _get(port, "/")
        assert (status, {k.lower(): v for k, v in headers.items()}["location"]) == (303, "/overview")
        status, headers, body = _get(port, "/overview")
        assert status == 200 and b"<html" in body
        assert "default-src 'self'" in {k.lower(): v for k, v in headers.items()}["content-security-policy"]
        assert _get(port, "/", {"Host": "evil.example"})[0] == 403
        assert _get(port, "/", {"X-Forwarded-For": "192.0.2.7"})[0] == 403
        process.send_signal(signal.SIGTERM)
        process.wait(120)
    finally:
        process.kill()
        process.wait()


def test_links_and_people_are_made_listed_and_taken_back_and_the_audit_knows(footfall, tmp_path):
    made = footfall("dashboard", "share", "--client", "demo", "--page", "overview", "--days", "7")
    share = made.stdout.splitlines()[1].split()[-1]

    assert "/?share=" in made.stdout
    assert f"{share}  valid" in footfall("dashboard", "shares").stdout
    footfall("dashboard", "revoke", "--", share)
    assert f"{share}  revoked" in footfall("dashboard", "shares").stdout

    footfall("dashboard", "allow", "Anna@agency.example", "--role", "viewer", "--client", "demo")
    assert "anna@agency.example  viewer  demo" in footfall("dashboard", "people").stdout
    footfall("dashboard", "refuse", "anna@agency.example")
    assert footfall("dashboard", "people").stdout == ""

    lines = [json.loads(line) for line in (tmp_path / "state" / "audit.jsonl").read_text().splitlines()]
    assert [line["act"] for line in lines] == [
        f"dashboard.{act}" for act in ("share", "revoke", "allow", "refuse")
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("share", "--client", "nobody"), "one of agency, demo"),
        (("share", "--client", "demo", "--page", "ask"), "there is no page 'ask'"),
        (("allow", "x", "--role", "client"), "--client"),
        (("allow", "x", "--role", "operator", "--client", "demo"), "leave --client"),
        (("refuse", "x"), "may not see the dashboard anyhow"),
        (("revoke", "x"), "there is no share link"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(footfall, words, said):
    done = footfall("dashboard", *words)

    assert done.returncode == 1
    assert said in done.stderr and len(done.stderr.splitlines()) == 1
