"""Several workers below a supervisor: they share a port, one that dies loses nothing and comes back."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.collectors import CollectorProcess, Load, batch, ids, lake_lines, wire_event
from support.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")


@pytest.fixture
def workers(tmp_path, request):
    """A collector with two workers and the settings of the test, ended whatever happens."""
    settings = {"FOOTFALL_COLLECTOR_WORKERS": "2"} | getattr(request, "param", {})
    process = CollectorProcess(tmp_path, settings=settings)
    yield process
    if process._process is not None and process._process.poll() is None:
        process.end(kill=True)


def children(pid: int) -> set[int]:
    """The processes that a process has started and that still run."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(") ")[2].split()[:2]
        except OSError:
            continue
        if parent == str(pid) and state != "Z":
            found.add(int(stat.parent.name))
    return found


def worked(pid: int) -> int:
    """The ticks of the processor that a process had."""
    return sum(map(int, Path(f"/proc/{pid}/stat").read_text().split()[13:15]))


def answers(port: int) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        connection.request("GET", "/health")
        connection.getresponse().read()
        connection.close()
    except OSError:
        return False
    return True


def stored(home: Path) -> set[str]:
    return ids(lake_lines(home / "lake"))


def markers(home: Path) -> dict[str, dict]:
    """What the collector said of hours that are over."""
    found = map(json.loads, (path.read_text() for path in (home / "lake" / "closed").rglob("*.json")))
    return {marker["hour"]: marker for marker in found}


def test_a_worker_killed_under_load_is_replaced_and_nothing_acknowledged_is_lost(workers, tmp_path):
    workers.start()
    acknowledged = set()
    for round_ in range(3):
        before = children(workers.pid)
        assert len(before) == 2
        load = Load(workers.port, senders=12, prefix=f"kill{round_}").start().until(170)
        os.kill(min(before), signal.SIGKILL)
        wait_until(lambda before=before: len(children(workers.pid) - before) == 1)
        # Its connections were cut; new ones find both workers again.
        assert all(answers(workers.port) for _ in range(20))
        acknowledged |= load.stop()
    told = workers.end()

    assert workers.exit_code == 0
    assert told.count("ended with signal 9") == 3
    assert len(acknowledged) >= 500
    assert acknowledged <= stored(tmp_path)
    assert not list((tmp_path / "spool").rglob("*.sealed"))


def test_both_workers_get_connections_and_one_signal_ends_all(workers, tmp_path):
    workers.start()
    load = Load(workers.port, senders=24).start()
    both = children(workers.pid)
    ticks = {pid: worked(pid) for pid in both}
    wait_until(lambda: all(worked(pid) > ticks[pid] for pid in both), "one of them has nothing to do")
    load.until(100)
    told = workers.end()
    acknowledged = load.stop()

    assert (workers.exit_code, told) == (0, "")
    assert not any(Path(f"/proc/{pid}").exists() for pid in both)
    assert acknowledged <= stored(tmp_path)
    assert {path.name.split("-")[1] for path in (tmp_path / "lake" / "raw").rglob("*.zst")} == {"1", "2"}


@pytest.mark.parametrize("workers", [{"FOOTFALL_LAST_SHIPPING_SECONDS": "30"}], indirect=True)
def test_workers_are_renewed_one_by_one_and_no_request_is_refused(workers, tmp_path):
    workers.start()
    before = children(workers.pid)
    sent = 0
    os.kill(workers.pid, signal.SIGHUP)

    def sends_until_renewed() -> bool:
        nonlocal sent
        reply = workers.ask("POST", "/collect", batch(wire_event(f"renewed-{sent:06d}")))
        assert reply.status == 204
        sent += 1
        return not children(workers.pid) & before and len(children(workers.pid)) >= 2 and sent >= 20

    wait_until(sends_until_renewed, every=0)
    now = f"{datetime.now(UTC):%Y-%m-%dT%H}"
    assert now not in markers(tmp_path), "others took the place of those that ended"
    told = workers.end()

    assert workers.exit_code == 0 and "ERROR" not in told
    last = [hour for hour, marker in markers(tmp_path).items() if "is_last" in marker]
    assert last == [max(markers(tmp_path))] and last[0] >= now
    assert {f"renewed-{n:06d}" for n in range(sent)} <= stored(tmp_path)


def test_a_worker_whose_place_is_taken_hears_while_it_ships_that_none_comes_after_it(tmp_path):
    settings = {"FOOTFALL_LAST_SHIPPING_SECONDS": "120", "FOOTFALL_SEGMENT_SECONDS": "3600"}
    process = CollectorProcess(tmp_path, settings=settings).start()
    assert process.ask("POST", "/collect", batch(wire_event("kept-000001"))).status == 204
    in_the_way = tmp_path / "lake" / "raw"
    in_the_way.write_text("")  # nothing can be put
    os.kill(process.pid, signal.SIGHUP)
    wait_until(lambda: list((tmp_path / "spool").rglob("*.sealed")))
    os.kill(process.pid, signal.SIGTERM)
    in_the_way.unlink()
    process.end()

    assert process.exit_code == 0
    assert "kept-000001" in stored(tmp_path)
    assert "is_last" in markers(tmp_path)[max(markers(tmp_path))]


def test_workers_do_not_outlive_their_supervisor(workers):
    workers.start()
    both = children(workers.pid)

    workers.end(kill=True)

    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in both))
    with socket.create_server(("127.0.0.1", workers.port)):
        pass


def test_what_prevents_a_start_is_told_once(tmp_path):
    (tmp_path / "clients").mkdir()
    many = {"FOOTFALL_COLLECTOR_WORKERS": "3"}

    lake = tmp_path / "later"
    lake.mkdir()
    (lake / "_footfall.json").write_text('{"lake": 99}')
    code, told = CollectorProcess(tmp_path, settings=many | {"FOOTFALL_LAKE": lake.as_uri()}).fails_to_start()
    assert code == 1
    assert told.count("\n") == 1 and "_footfall.json" in told and "99" in told

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, told = CollectorProcess(tmp_path, port=port, settings=many).fails_to_start()
    assert code == 1
    assert told.count("\n") == 1 and f"127.0.0.1:{port}: Address already in use" in told


def test_a_single_worker_has_no_supervisor(tmp_path):
    process = CollectorProcess(tmp_path).start()
    try:
        assert children(process.pid) == set()
        told = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(process.pid)], capture_output=True, text=True, check=True
        )
        assert int(told.stdout) < 64 * 1024
    finally:
        process.end()
