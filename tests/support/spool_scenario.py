"""One life of a spool on a simulated disk: recovery, appends, sealing, shipping, closing; and its audit.

`live` runs it and `audit` says what is wrong afterwards, in words; nothing, if all is well. `snapshots`
keeps the disk and the lake of every moment between two calls, so that one run shows every cut and kill.
"""

import asyncio
import json
import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import zstandard
from support.simulated_disk import SimulatedDisk, SimulatedLake, State
from support.spools import HOUR

from collector.closing import CLOSE_AFTER, Closer
from collector.segments import OPEN, SEALED
from collector.shipper import Shipper
from collector.spool import NotDurable, Spool
from collector.worker_folders import open_spool
from footfall.errors import FootfallError
from footfall.frames import frames
from footfall.hours import HOUR as ONE_HOUR

ROOT = Path("/disk/spool")
EARLIER = HOUR - ONE_HOUR
#: When every hour of the scenario is over.
LATER = HOUR + 2 * ONE_HOUR + CLOSE_AFTER


def line(hour: datetime, number: int) -> bytes:
    """A stored line that says which hour it belongs to."""
    return f"{hour:%Y-%m-%dT%H} line {number}\n".encode()


@dataclass
class Life:
    """What was done and promised."""

    acknowledged: list[bytes] = field(default_factory=list)
    attempted: list[bytes] = field(default_factory=list)
    #: A start that was refused with a clear error.
    refused_start: str | None = None
    loop: asyncio.AbstractEventLoop | None = None


@dataclass
class Moment:
    """The world between two calls."""

    disk: State
    lake: dict[str, bytes]
    acknowledged: list[bytes]


def leftover(disk: SimulatedDisk, life: Life) -> None:
    """What a worker that crashed left: acknowledged lines, a damaged frame, a torn tail."""
    lines = [line(EARLIER, n) for n in range(3)]
    damaged = bytearray(frames([line(EARLIER, 90)]))
    damaged[-3] ^= 1
    torn = frames([line(EARLIER, 91)])[:-4]
    data = frames(lines[:2]) + bytes(damaged) + frames(lines[2:]) + torn
    disk.put_file(ROOT / "1" / "20261120T13-c1-1-1700000000000-000001.open", data)
    neighbour = line(EARLIER, 50)
    disk.put_file(ROOT / "2" / "20261120T13-c1-2-1700000000000-000007.open", frames([neighbour]))
    life.acknowledged += [*lines, neighbour]
    life.attempted += [*lines, neighbour]


def start(disk: SimulatedDisk) -> Spool:
    """A spool that seals each commit at once."""
    return open_spool(
        ROOT,
        workers=2,
        collector_id="c1",
        segment_seconds=3600,
        segment_bytes=40,
        spool_bytes=1 << 30,
        files=disk,
    )


def live(disk: SimulatedDisk, lake: SimulatedLake, life: Life, *, appends: int = 7) -> None:
    """One life, from a start to an orderly end. What fails is tried again a few times, as it would be."""
    try:
        spool = start(disk)
    except FootfallError as error:
        life.refused_start = str(error)
        return

    async def append() -> None:
        life.loop = asyncio.get_running_loop()
        for number in range(appends):
            hour = HOUR + (number % 3 == 1) * ONE_HOUR
            payload = line(hour, number)
            life.attempted.append(payload)
            try:
                await spool.append(hour, payload)
            except NotDurable:
                continue
            life.acknowledged.append(payload)

    asyncio.run(append())
    life.loop = None
    spool.close()
    ship(spool, lake)
    try:
        spool.release()
    except OSError:
        pass


def ship(spool: Spool, lake: SimulatedLake) -> None:
    """Ship and close all there is, with a few attempts for each."""
    now = EARLIER
    closer = Closer(spool, lake, "c1", now=lambda: now)
    now = LATER
    shipper = Shipper(spool, lake, closer=closer)
    for _ in range(6):
        steps = [lambda path=path: shipper.ship(path) for path in spool.sealed()]
        for step in [*steps, closer.look]:
            try:
                step()
            except (OSError, FootfallError):
                pass


def recover_and_audit(disk: State, lake: SimulatedLake, life: Life) -> list[str]:
    """A later start on what is left, without faults; then the audit."""
    again = SimulatedDisk(state=disk)
    lake.sites.healed = True
    try:
        spool = start(again)
    except FootfallError as error:
        return [f"the next start is refused: {error}"]
    spool.close()
    ship(spool, lake)
    spool.release()
    left = [path.name for path in again.state.volatile if path.suffix in (OPEN, SEALED)]
    return [*audit(lake, life), *(f"never shipped: {name}" for name in left)]


def audit(lake: SimulatedLake, life: Life) -> list[str]:
    """What is wrong with the lake, given what was promised."""
    wrong = [f"written twice: {key}" for key in lake.overwritten]
    contents = {
        key: zstandard.decompress(data).splitlines(keepends=True)
        for key, data in lake.objects.items()
        if key.startswith("raw/")
    }
    counted: Counter[bytes] = Counter()
    for key, lines in contents.items():
        counted.update(lines)
        hour = key.split("/")[1].removeprefix("dt=") + "T" + key.split("/")[2].removeprefix("hour=")
        wrong += [
            f"in the wrong hour: {each!r} in {key}" for each in lines if not each.startswith(hour.encode())
        ]
    wrong += [f"lost: {each!r}" for each in life.acknowledged if not counted[each]]
    wrong += [f"stored {n} times: {each!r}" for each, n in counted.items() if n > 1]
    wrong += [f"never appended: {each!r}" for each in counted if each not in life.attempted]
    for key, data in lake.objects.items():
        if key.startswith("closed/"):
            wrong += _audit_marker(json.loads(data), contents, life)
    return wrong


def _audit_marker(marker: dict, contents: dict[str, list[bytes]], life: Life) -> list[str]:
    named = [each for key in marker["keys"] for each in contents.get(key, [])]
    promised = [each for each in life.acknowledged if each.startswith(marker["hour"].encode())]
    wrong = [f"closed without {each!r}" for each in promised if each not in named]
    if marker["lines"] != len(named) or marker["objects"] != len(marker["keys"]):
        wrong.append(f"the marker of {marker['hour']} counts {marker['lines']} of {len(named)} lines")
    return wrong


def snapshots(**options: int) -> tuple[list[Moment], Life]:
    """One life without faults: the world before each of its calls, and at its end."""
    life = Life()
    disk, lake = SimulatedDisk(), SimulatedLake()
    lake.sites = disk.sites
    moments: list[Moment] = []

    def keep() -> None:
        _drain(life.loop)
        moments.append(Moment(disk.snapshot(), dict(lake.objects), list(life.acknowledged)))

    leftover(disk, life)
    disk.sites.look = keep
    live(disk, lake, life, **options)
    keep()
    return moments, life


def _drain(loop: asyncio.AbstractEventLoop | None) -> None:
    """Let the loop do what it was asked to before this moment: an answer that is under way counts."""
    for _ in range(4):
        if loop is None or loop.is_closed():
            return
        done = threading.Event()
        try:
            loop.call_soon_threadsafe(done.set)
        except RuntimeError:
            return
        done.wait(1)


def cut_everywhere(seed: int = 0, *, until: str | None = None, **options: int) -> tuple[int, list[str]]:
    """Kill and cut the power before every call of a life. Returns the number of calls, and what is wrong.

    Ends early once something wrong says `until`.
    """
    moments, life = snapshots(**options)
    chance = random.Random(seed)
    wrong = []
    for number, moment in enumerate(moments):
        for how, state in (
            ("killed", moment.disk.killed()),
            ("cut", moment.disk.cut()),
            ("half cut", moment.disk.cut_half(chance)),
        ):
            then = Life(moment.acknowledged, life.attempted)
            lake = SimulatedLake(objects=dict(moment.lake))
            wrong += [f"{how} at call {number}: {each}" for each in recover_and_audit(state, lake, then)]
        if until is not None and any(until in each for each in wrong):
            break
    return len(moments), wrong


def fail_everywhere(
    fault: str, *, after: bool = False, sticky: bool = False, until: str | None = None, **options: int
) -> tuple[Counter[str], list[str]]:
    """Let every call of a life fail in turn. Returns how many of each kind failed, and what is wrong.

    After each life the power is cut as well: what was acknowledged must not hang on a failed sync. Ends
    early once something wrong says `until`.
    """
    failed: Counter[str] = Counter()
    wrong = []
    at = 0
    while True:
        life = Life()
        disk = SimulatedDisk()
        leftover(disk, life)
        sites = disk.sites
        sites.fault, sites.at, sites.after, sites.sticky = fault, at, after, sticky
        lake = SimulatedLake(sites)
        live(disk, lake, life, **options)
        if at >= len(sites.names) or (until is not None and any(until in each for each in wrong)):
            return failed, wrong
        failed[sites.names[at]] += 1
        place = f"{fault}{' after' if after else ''} at call {at} ({sites.names[at]})"
        wrong += [f"{place}: {each}" for each in recover_and_audit(disk.snapshot().cut(), lake, life)]
        at += 1
