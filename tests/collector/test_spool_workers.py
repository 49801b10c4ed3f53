"""Workers that are killed one by one: their neighbours and successors ship what they promised."""

import random
import subprocess
import sys
import time

from support.collectors import ids, lake_lines
from support.waiting import wait_until

PROGRAM = """
import asyncio, os, sys
from datetime import UTC, datetime
from pathlib import Path
from collector.closing import Closer
from collector.shipper import Shipper
from collector.worker_folders import open_spool
from footfall.store import LocalStore

folder = Path(sys.argv[1])
spool = open_spool(folder / "spool", workers=3, collector_id="c1", segment_seconds=0.1,
                   segment_bytes=20_000, spool_bytes=1 << 30)
lake = LocalStore(folder / "lake")
shipper = Shipper(spool, lake, closer=Closer(spool, lake, "c1"), look_seconds=0.1)
shipper.start()
promised = os.open(folder / f"promised-{os.getpid()}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

async def client(number):
    count = 0
    while not Path(folder / "stop").exists():
        name = f"{os.getpid()}-{number}-{count}"
        count += 1
        # An hour long ago: it can be closed as soon as nothing of it is left.
        await spool.append(datetime(2026, 11, 20, 14, tzinfo=UTC), b'{"event_id":"%s"}\\n' % name.encode())
        os.write(promised, name.encode() + b"\\n")
        await asyncio.sleep(0.001)

async def main():
    await asyncio.gather(*(client(n) for n in range(4)))

asyncio.run(main())
spool.close()
print(shipper.finish(180))
spool.release()
"""


def test_workers_killed_at_random_lose_nothing_and_double_nothing(tmp_path):
    chance = random.Random(20261121)

    def start():
        return subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)], stdout=subprocess.PIPE)

    workers = [start() for _ in range(3)]
    try:
        for _ in range(9):
            time.sleep(0.25)
            number = chance.randrange(3)
            workers[number].kill()
            workers[number].communicate()
            workers[number] = start()
        # The last to die leaves its folder to its neighbours.
        last = tmp_path / f"promised-{workers[0].pid}"
        wait_until(lambda: last.exists() and last.read_text())
        workers[0].kill()
        workers[0].communicate()
        promised = set(last.read_text().split())
        wait_until(lambda: promised <= ids(lake_lines(tmp_path / "lake")), "nobody takes over")
        (tmp_path / "stop").touch()
        left = [int(worker.communicate(timeout=300)[0] or 0) for worker in workers[1:]]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
            assert worker.stdout is not None
            worker.stdout.close()

    promised = {name for path in tmp_path.glob("promised-*") for name in path.read_text().split()}
    shipped = lake_lines(tmp_path / "lake")
    stored = [line for data in shipped for line in data.splitlines()]
    assert left == [0, 0]
    assert len(promised) > 100
    assert promised <= ids(shipped)
    assert len(stored) == len(set(stored))
    assert not [p for p in (tmp_path / "spool").glob("*/2*") if p.suffix in (".open", ".sealed")]
