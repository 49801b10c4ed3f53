"""A disk that is full, and a lake that is away: nothing acknowledged is lost, and both heal by themselves."""

import json
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from support.collectors import CollectorProcess, batch, lake_lines, wire_event
from support.small_disk import BALLAST, MountedDisk, SmallDisk, mounted
from support.waiting import wait_until

MIB = 1 << 20


class Scene:
    """Collectors one after the other on one disk, whose lake lies elsewhere; and what they acknowledged."""

    def __init__(self, disk: SmallDisk | MountedDisk, lake: Path) -> None:
        self.disk = disk
        self.lake = lake
        self.away = lake.with_name("away")
        self.acknowledged: list[str] = []
        self.process: CollectorProcess | None = None

    def start(self) -> CollectorProcess:
        self.process = self.made().start()
        return self.process

    def start_and_die(self, step: str) -> None:
        """A collector that is killed before its first such call on a segment that the lake holds."""
        dying = self.made(DISK_DIES=step)
        done = subprocess.run(
            dying.command(), env=dying.environ, capture_output=True, timeout=300, check=False
        )
        assert done.returncode == -signal.SIGKILL

    def made(self, **settings: str) -> CollectorProcess:
        environ = {"FOOTFALL_LAKE": f"file://{self.lake}", "FOOTFALL_SEGMENT_SECONDS": "1", **settings}
        return CollectorProcess(
            self.disk.home, settings={**self.disk.settings, **environ}, program=self.disk.program
        )

    def kill(self) -> None:
        if self.process is not None:
            self.process.end(kill=True)
            self.process = None

    def take_lake_away(self) -> None:
        if self.lake.exists():
            self.lake.rename(self.away)
        self.lake.write_text("a file where the lake was")

    def bring_lake_back(self) -> None:
        self.lake.unlink()
        if self.away.exists():
            self.away.rename(self.lake)

    def send(self) -> int:
        """One batch of some 20 KB; the status it got."""
        assert self.process is not None
        event_id = f"event-{len(self.acknowledged):05d}"
        reply = self.process.ask("POST", "/collect", batch(wire_event(event_id, pad=["x" * 2000] * 10)))
        if reply.status == 204:
            self.acknowledged.append(event_id)
        else:
            assert (reply.status, reply.reason) == (503, "not_durable")
            assert reply.headers["retry-after"] == "5"
        return reply.status

    def send_until(self, status: int) -> None:
        wait_until(
            lambda: self.send() == status,
            lambda: f"never {status}: {self.told()}",
            every=0.1 if status == 204 else 0,
        )

    def told(self) -> object:
        assert self.process is not None
        return self.process.health()

    def stored(self) -> Counter[str]:
        lines = b"".join(lake_lines(self.lake)).splitlines()
        return Counter(json.loads(line)["event_id"] for line in lines)

    def await_all_stored(self) -> None:
        """All that was acknowledged is in the lake, once, and nothing of it is left on the disk."""
        wait_until(
            lambda: self.stored() == Counter(self.acknowledged) and not self.left(),
            lambda: (self.left(), self.stored() - Counter(self.acknowledged)),
        )

    def left(self) -> list[str]:
        return [path.name for path in self.disk.home.glob("spool/*/2*") if path.suffix != ".tally"]

    def counted(self) -> set[str]:
        """The keys in the tallies."""
        tallies = [json.loads(path.read_bytes()) for path in self.disk.home.glob("spool/*/*.tally")]
        return {key for tally in tallies for key in tally["objects"]}


def fills_and_recovers(scene: Scene) -> None:
    """Taken, 503 when full, still 503 after a kill, and taken again once the lake is back."""
    scene.start()
    scene.send_until(204)
    scene.take_lake_away()
    scene.send_until(503)
    scene.disk.fill()
    assert scene.process is not None
    ready = scene.process.ask("GET", "/readyz")
    assert (ready.status, json.loads(ready.body)["reasons"][0]) == (503, "spool_nearly_full")
    assert len(scene.acknowledged) > 20
    for _ in range(2):
        scene.kill()
        scene.start()
        assert scene.send() == 503

    scene.bring_lake_back()

    scene.send_until(204)
    scene.await_all_stored()
    keys = {path.relative_to(scene.lake).as_posix() for path in scene.lake.glob("raw/**/*.zst")}
    wait_until(lambda: scene.counted() == keys, "an object is in no tally")
    assert (scene.disk.home / "spool" / BALLAST).exists() or (scene.disk.home / BALLAST).exists()


@pytest.fixture
def scene(tmp_path):
    made = Scene(SmallDisk(tmp_path / "home", 2 * MIB), tmp_path / "lake")
    yield made
    made.kill()


def test_a_spool_on_a_full_disk_recovers_when_the_lake_takes_its_segments(scene):
    fills_and_recovers(scene)


def test_a_kill_at_any_step_of_letting_a_segment_go_on_a_full_disk_loses_and_doubles_nothing(scene):
    scene.start()
    scene.send_until(204)
    scene.take_lake_away()
    scene.send_until(503)
    scene.disk.fill()
    scene.kill()
    scene.bring_lake_back()

    for step in ("rename", "sync_folder", "truncate", "unlink"):
        scene.start_and_die(step)

    scene.start()
    scene.send_until(204)
    scene.await_all_stored()


@pytest.mark.proof
def test_a_spool_on_a_real_full_disk_recovers_when_the_lake_takes_its_segments(tmp_path):
    with mounted(tmp_path / "disk", 8 * MIB) as disk:
        if disk is None:
            pytest.skip("mounting a tmpfs is not allowed here")
        scene = Scene(disk, tmp_path / "lake")
        try:
            fills_and_recovers(scene)
        finally:
            scene.kill()


def test_a_collector_starts_without_its_lake_keeps_events_and_ships_them_when_it_is_back(tmp_path):
    scene = Scene(SmallDisk(tmp_path / "home", 64 * MIB), tmp_path / "lake")
    try:
        scene.take_lake_away()
        first = scene.start()
        scene.send_until(204)
        wait_until(lambda: json.loads(first.ask("GET", "/readyz").body)["lake"] == "away")
        assert first.ask("GET", "/readyz").status == 200
        told = first.end(kill=True)
        scene.start()
        scene.send_until(204)
        before = {line["visitor_id"] for line in scene.process.stored()}

        scene.bring_lake_back()

        scene.await_all_stored()
        salts = scene.lake / "salts"
        agreed = wait_until(lambda: list(salts.rglob("*.json")), "the salt never came to the lake")
        scene.send_until(204)
        scene.await_all_stored()
    finally:
        scene.kill()
    assert "the lake cannot be written (FOOTFALL_LAKE)" in told
    lines = [json.loads(line) for line in b"".join(lake_lines(scene.lake)).splitlines()]
    assert len(before) == 1
    assert {line["visitor_id"] for line in lines} == before, (
        "a restart and the lake's return change no visitor"
    )
    [kept] = (tmp_path / "home" / "spool" / "salts").rglob("*.json")
    assert json.loads(kept.read_bytes())["salt"] == json.loads(agreed[0].read_bytes())["salt"]
    assert kept.parents[2].stat().st_mode & 0o077 == 0
