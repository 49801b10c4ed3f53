"""`python -m collector`: what prevents a start is one clear line; an end loses nothing."""

import json
import os
import signal
import socket
import threading

import pytest
from support.collectors import SITE, CollectorProcess, Load, batch, lake_lines, wire_event
from support.waiting import wait_until


@pytest.fixture
def collector_here(tmp_path):
    """A collector of this test alone, ended whatever happens."""
    started = []

    def make(**settings: str) -> CollectorProcess:
        process = CollectorProcess(tmp_path, settings=settings)
        started.append(process)
        return process

    yield make
    for process in started:
        if process._process is not None:
            process.end(kill=True)


def test_a_second_collector_on_the_same_state_is_refused(collector_here, tmp_path):
    collector_here().start()

    code, told = CollectorProcess(tmp_path).fails_to_start()

    assert code == 1
    assert told.count("\n") == 1 and "belongs to a collector that is running" in told


def test_a_port_in_use_is_named(tmp_path):
    (tmp_path / "clients").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, told = CollectorProcess(tmp_path, port=port).fails_to_start()

    assert code == 1
    assert told.count("\n") == 1 and f"127.0.0.1:{port}: Address already in use" in told


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"FOOTFALL_LAKE": "ftp://x"}, "is not a store"),
        ({"FOOTFALL_CLIENTS": "/nowhere/at/all"}, "/nowhere/at/all does not exist"),
        ({"FOOTFALL_TRUSTED_PROXIES": "10.0.0"}, "FOOTFALL_TRUSTED_PROXIES"),
        ({"FOOTFALL_COLLECTOR_ID": "../c1"}, "FOOTFALL_COLLECTOR_ID"),
        ({"FOOTFALL_COLLECTOR_HOST": "no.such.host.invalid"}, "no.such.host.invalid"),
        ({"FOOTFALL_SEGMENT_SECONDS": "0"}, "FOOTFALL_SEGMENT_SECONDS"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_clear_line(tmp_path, settings, words):
    (tmp_path / "clients").mkdir()

    code, told = CollectorProcess(tmp_path, settings=settings).fails_to_start()

    assert code == 1
    assert told.count("\n") == 1 and told.startswith("collector: ")
    assert words in told and "Traceback" not in told


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_answers_what_it_took_ships_it_and_ends_well(collector_here, tmp_path, number):
    collector = collector_here().start()
    load = Load(collector.port).start().until(20)

    os.kill(collector.pid, number)
    told = collector.end()
    acknowledged = load.stop()

    assert (collector.exit_code, told) == (0, "")
    assert len(acknowledged) >= 20
    assert not list((tmp_path / "spool").glob("*/2*.sealed"))
    shipped = b"".join(lake_lines(tmp_path / "lake")).splitlines()
    assert acknowledged <= {json.loads(line)["event_id"] for line in shipped}


def test_segments_reach_the_lake_while_it_runs_and_the_probe_leaves_nothing(collector_here, tmp_path):
    collector = collector_here(FOOTFALL_SEGMENT_SECONDS="1").start()
    collector.ask("POST", "/collect", batch(wire_event("while-it-runs")))

    # The object comes first; the segment goes once the lake has confirmed it.
    wait_until(lambda: lake_lines(tmp_path / "lake") and not list(tmp_path.glob("spool/*/2*.[os]*")))

    assert not list((tmp_path / "lake" / "probe").iterdir())


def test_a_full_spool_is_answered_503_and_shown_and_loses_nothing(collector_here):
    collector = collector_here(FOOTFALL_SPOOL_BYTES="131072").start()
    taken, pad = [], ["x" * 2000] * 10  # longer strings are cut
    for n in range(20):
        event = wire_event(f"fill-{n:04d}", pad=pad)
        reply = collector.ask("POST", "/collect", batch(event))
        if reply.status != 204:
            break
        taken.append(event["id"])

    assert (reply.status, reply.reason, reply.headers["retry-after"]) == (503, "not_durable", "5")
    assert 4 <= len(taken) <= 6
    # Fill what is left with small events; the figure for balancers turns before the very last byte.
    while collector.ask("POST", "/collect", batch(wire_event("fill-small", pad="x" * 500))).status == 204:
        pass
    health = collector.ask("GET", "/health")
    assert (health.status, json.loads(health.body)["status"]) == (503, "degraded")
    assert set(taken) <= {line["event_id"] for line in collector.stored()}


def test_a_day_that_begins_without_the_lake_has_one_salt_and_the_lake_gets_it(collector_here, tmp_path):
    """The lake goes away before the first event of a day."""
    collector = collector_here(FOOTFALL_SEGMENT_SECONDS="1").start()
    lake, away = tmp_path / "lake", tmp_path / "away"
    probe = lake / "probe"
    wait_until(lambda: probe.is_dir() and not list(probe.iterdir()), "the lake was never asked")
    lake.rename(away)
    lake.write_text("a file where the lake was")

    first = collector.ask("POST", "/collect", batch(wire_event("no-lake-1")))
    unreadable = collector.ask("POST", f"/collect?site={SITE}", b"{")
    wait_until(lambda: collector.health()["dependencies"]["lake"] != "ok")
    degraded = collector.ask("GET", "/health")
    lake.unlink()
    away.rename(lake)
    second = collector.ask("POST", "/collect", batch(wire_event("no-lake-2")))
    collector.end()

    assert (first.status, unreadable.status, second.status) == (204, 400, 204)
    assert (degraded.status, json.loads(degraded.body)["status"]) == (200, "degraded")
    lines = [json.loads(line) for line in b"".join(lake_lines(lake)).splitlines()]
    taken = [line.get("event_id", line.get("reason")) for line in lines]
    assert sorted(taken) == ["malformed_json", "no-lake-1", "no-lake-2"]
    assert len({line["visitor_id"] for line in lines if "event_id" in line}) == 1


def test_many_senders_at_once_are_all_answered(collector_here):
    collector = collector_here().start()
    loads = [Load(collector.port, senders=16, prefix=f"many{n}").start() for n in range(4)]
    for load in loads:
        load.until(30)

    acknowledged = set().union(*(load.stop() for load in loads))

    assert threading.active_count() < 20
    assert len(acknowledged) > 100
    assert acknowledged <= {line["event_id"] for line in collector.stored()}
