"""`footfall up`: a child that is killed comes back and is told of; one that cannot come back ends it all."""

import json
import os
import signal
import socket
import urllib.request
from pathlib import Path

from support.receiver import Receiver, receiver
from support.waiting import wait_until, wait_until_it_works

#: What to look for in the command line of each child.
CHILDREN = {
    "collector": b"\0-m\0collector\0",
    "api": b"\0commands.entry\0api\0",
    "dagster-code": b"\0code-server\0start\0",
    "dagster-webserver": b"/dagster-webserver\0",
    "dagster-daemon": b"/dagster-daemon\0run\0",
}


def test_a_killed_child_is_started_again_and_told_and_one_that_cannot_be_ends_up_with_its_last_error(
    installation, processes_of
):
    with receiver() as receives:
        installation.environment["FOOTFALL_ALERT_WEBHOOK"] = f"{receives.origin}/alerts"
        installation.environment["FOOTFALL_WEBHOOK_PRIVATE"] = "yes"
        up = installation.start("up")
        up.wait_until_it_says("Ctrl-C ends all of it")
        collector = up.wait_until_it_says(r"collector\s+(http\S+)")
        api = up.wait_until_it_says(r"API\s+(http\S+)")
        interface = up.wait_until_it_says(r"Dagster UI\s+(http\S+)")
        first = {name: _child(up.process.pid, mark) for name, mark in CHILDREN.items()}

        for pid in first.values():
            os.kill(pid, signal.SIGKILL)
        for name in first:
            alert = _told(receives, f"process_died::{name}")
            assert alert["title"] == f"{name} ended by itself: killed by SIGKILL"
            assert alert["facts"]["exit"] == "killed by SIGKILL"
            up.wait_until_it_says(rf"{name} ended \(killed by SIGKILL\): .+; it is started again in 1 s")
        _wait_for(f"{collector}/health")
        _wait_for(f"{api}/health")
        _wait_for(f"{interface}/server_info")
        for name, mark in CHILDREN.items():
            assert _child(up.process.pid, mark) != first[name]
        assert up.process.poll() is None

        host, port = collector.removeprefix("http://").split(":")
        os.kill(_child(up.process.pid, CHILDREN["collector"]), signal.SIGKILL)
        with _taken(host, int(port)):
            code = up.process.wait(300)
        up.close()
        assert code == 1, up.said
        assert "collector cannot be kept alive: it ended" in up.said
        assert "nobody could be told" not in up.said
        ending = _told(receives, "process_died::up")["facts"]["error"]

    last = up.said.rpartition("Its last lines:")[2]
    assert port in last and "in use" in last, up.said
    assert "Traceback" not in up.said
    assert "collector cannot be kept alive" in ending and "in use" in ending
    assert processes_of(installation.home) == []


def _told(receives: Receiver, key: str) -> dict:
    """The alert of a key in the first message that tells of its beginning, alone or with others."""

    def messages() -> list[dict]:
        bodies = [json.loads(posted.body) for posted in receives.posted]
        told = [alert for body in bodies if body["event"] == "firing" for alert in body["alerts"]]
        return [alert for alert in told if alert["key"] == key]

    never = f"nothing was told of {key}"
    return wait_until(messages, lambda: f"{never}: {[p.body for p in receives.posted]}")[0]


def _child(parent: int, mark: bytes) -> int:
    """The process id of a child, once it is there."""

    def found() -> int | None:
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                is_child = int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent
                if is_child and mark in b"\0" + (entry / "cmdline").read_bytes():
                    return int(entry.name)
            except OSError:
                continue
        return None

    return wait_until(found, f"no child {mark!r} of {parent}")


def _wait_for(url: str) -> None:
    wait_until_it_works(lambda: urllib.request.urlopen(url, timeout=60).close(), OSError)


def _taken(host: str, port: int) -> socket.socket:
    """The port, held by somebody else from the moment at which it is free."""
    return wait_until_it_works(lambda: socket.create_server((host, port)), OSError, every=0.002)
