"""Deliveries in processes that die: a child for each point at which SIGKILL comes, on real files.

python dying.py FOLDER kill EVERY      every point, one after the other; prints one JSON line
python dying.py FOLDER together EVERY  the same, of hours that are delivered together
python dying.py FOLDER race ROUNDS     two processes at once, on one ledger; prints one JSON line
python dying.py FOLDER full ROUNDS     FOLDER is a small disk: full at first, then with ever more room
"""

import importlib
import json
import os
import random
import shutil
import signal
import sys
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

from support.delivering import with_receipts
from support.orchestration_builders import EVENTS, HOUR, add_event, client, warehouse

from footfall.signatures import load_signer
from footfall.store import LocalStore, StoreError
from footfall.verify import verify_bucket
from orchestration.delivery.deliver import Deliverer
from orchestration.delivery.desk import Desk
from orchestration.delivery.digests import Digests
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.log_writing import publish
from orchestration.delivery.places import Place
from orchestration.delivery.progress import IngestedHours
from orchestration.delivery.receipts import Receipts

# DuckDB loads these when it is first given a value: here once, not in each child again.
for module in ("pandas", "pyarrow", "pytz"):
    importlib.import_module(module)

TOLD = EVENTS.model_copy(update={"notify": ["https://hooks.example/"]})


class Fuse:
    """Kills this process at the n-th point that is passed. Points are counted before and after each step."""

    def __init__(self, at):
        self.left = at
        self.passed = []

    def point(self, name):
        self.passed.append(name)
        if self.left == len(self.passed):
            os.kill(os.getpid(), signal.SIGKILL)


class FusedStore(LocalStore):
    def __init__(self, root, fuse, name):
        super().__init__(root)
        self.fuse, self.name = fuse, name

    def put(self, key, data, *, create_only=False):
        self.fuse.point(f"before {self.name} put {Path(key).name[:9]}")
        super().put(key, data, create_only=create_only)
        self.fuse.point(f"after {self.name} put {Path(key).name[:9]}")

    def create_all(self, objects):
        """As many as there are: a process may die when some are there, whatever their order."""
        self.fuse.point(f"before {self.name} creates {len(objects)}")
        half = dict(list(objects.items())[::2])
        taken = super().create_all(half)
        self.fuse.point(f"half of what {self.name} creates")
        taken += super().create_all({key: data for key, data in objects.items() if key not in half})
        self.fuse.point(f"after {self.name} creates {len(objects)}")
        return taken

    def get(self, key, *, limit=None):
        data = super().get(key, limit=limit)
        self.fuse.point(f"after {self.name} get {Path(key).name[:9]}")
        return data


class FusedLedger(Ledger):
    fuse = None

    @contextmanager
    def transaction(self):
        if self.fuse:
            self.fuse.point("before ledger")
        with super().transaction() as connection:
            yield connection
        if self.fuse:
            self.fuse.point("after ledger")


def deliver(folder, rows, fuse, hours=1):
    """One process's work: a fresh warehouse with so many events in the last of so many hours, delivered."""
    connection = with_receipts(warehouse())
    for n in range(rows):
        add_event(connection, f"event-{n:04d}")
    ledger = FusedLedger(folder / "ledger.sqlite")
    ledger.fuse = fuse
    stores = {
        "backup": FusedStore(folder / "backup", fuse, "backup"),
        "main": FusedStore(folder / "main", fuse, "main"),
    }
    desk = Desk(folder, load_signer(folder / "keys"), post=lambda *_: fuse.point("announced"))
    places = {name: Place(name, lambda store=store: store) for name, store in stores.items()}
    starts = [HOUR - timedelta(hours=n) for n in reversed(range(hours))]
    periods = [client().calendar(TOLD).at(start) for start in starts]
    deliverer = Deliverer(
        connection,
        client(),
        TOLD,
        places,
        ledger,
        desk,
        hours=IngestedHours(starts, starts[0] - timedelta(hours=1)),
        digests=Digests(connection, None),
        receipts=Receipts(connection),
    )
    outcomes = deliverer.together(periods) or [deliverer.deliver(period) for period in periods]
    for trouble in publish(ledger, desk, client(), places):
        raise trouble
    return outcomes[-1].status


def in_child(work):
    """Run in a process of its own. Returns its exit code, negative for a signal."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def state(folder):
    """What counts in the end: the manifests of both buckets, problems, and rows by state."""
    rows = [(row.revision, row.state) for row in Ledger(folder / "ledger.sqlite").all()]
    seen = [verify_bucket(LocalStore(folder / name), needs_log=True) for name in ("main", "backup")]
    problems = [problem for each in seen for problem in (*each.problems, *each.gaps)]
    manifests = {
        name: sorted(
            info.key for info in LocalStore(folder / name).list("") if info.key.endswith("_manifest.json")
        )
        for name in ("main", "backup")
    }
    files = [
        json.loads(LocalStore(folder / "main").get(key))["files"][0]["rows"] for key in manifests["main"]
    ]
    return rows, problems, manifests, files


def kill(folder, every, hours=1):
    """Die at every n-th point of a delivery; then go on, and look."""
    points = 0
    empty = [0] * (hours - 1)
    bad = []
    for n in range(1, 200, every):
        here = folder / f"k{n}"
        here.mkdir(parents=True)
        code = in_child(partial(deliver, here, 2, Fuse(n), hours))
        if code == 0:
            break  # there is no n-th point
        points += 1
        again = in_child(partial(deliver, here, 2, Fuse(0), hours))
        rows, problems, manifests, files = state(here)
        if (code, again) != (-signal.SIGKILL, 0) or problems or files != [*empty, 2]:
            bad.append((n, code, again, problems, files))
        if manifests["main"] != manifests["backup"] or rows != [(1, "notified")] * hours:
            bad.append((n, rows, manifests))
        shutil.rmtree(here)
    return {"points": points, "bad": bad}


def race(folder, rounds):
    """Two processes deliver the same hour at once, one of them sometimes with more data or dying."""
    bad = []
    for n in range(rounds):
        here = folder / f"r{n}"
        here.mkdir(parents=True)
        load_signer(here / "keys")
        dies = random.Random(n).choice([0, 0, 3, 7, 11])
        pids = []
        for rows, fuse in ((2, 0), (2, dies)):
            pid = os.fork()
            if pid == 0:
                try:
                    deliver(here, rows, Fuse(fuse))
                finally:
                    os._exit(0)
            pids.append(pid)
        for pid in pids:
            os.waitpid(pid, 0)
        in_child(partial(deliver, here, 2, Fuse(0)))
        rows, problems, manifests, files = state(here)
        if problems or files != [2] or rows != [(1, "notified")] or manifests["main"] != manifests["backup"]:
            bad.append((n, rows, problems, manifests))
        shutil.rmtree(here)
    return {"rounds": rounds, "bad": bad}


def full(folder, rounds):
    """Deliver on a disk that is full, then with a few kilobytes more each time until there is enough."""
    load_signer(folder / "keys")
    in_child(partial(deliver, folder, 0, Fuse(0)))  # the ledger has its file
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    said = []
    for _ in range(rounds):
        try:
            said.append(deliver(folder, 2, Fuse(0)))
        except StoreError as error:
            said.append("failed" if error.retryable else str(error))
        os.truncate(filler, max(0, filler.stat().st_size - 65536))
        if said[-1] in ("delivered", "unchanged"):
            break
    rows, problems, _, files = state(folder)
    return {"said": said, "states": [s for _, s in rows], "problems": problems, "rows": files[-1:]}


if __name__ == "__main__":
    where = Path(sys.argv[1])
    together = partial(kill, hours=6)
    result = {"kill": kill, "together": together, "race": race, "full": full}[sys.argv[2]](
        where, int(sys.argv[3])
    )
    sys.stdout.write(json.dumps(result) + "\n")
