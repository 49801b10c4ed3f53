"""A bucket's log: it only grows, each run writes what is new, and a death or a loss anywhere heals."""

import json
import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from support.logged import ONE, Logged
from support.manifests import HOUR
from support.orchestration_builders import EVENTS, SESSIONS

from footfall import bucket_log, notes
from footfall.clients import Registry
from footfall.merkle import Frontier
from footfall.store import LocalStore
from footfall.verify import verify_bucket
from orchestration.delivery.ledger import Ledger
from orchestration.delivery.redeliver import Redelivery, Wanted


@pytest.fixture
def at(tmp_path):
    return Logged(tmp_path)


def objects(store):
    return {info.key: store.get(info.key) for info in store.list("")}


def verified(at, hours=0, **more):
    """What verify says of both buckets, five past the hour after so many."""
    when = HOUR + (hours + 1) * ONE
    found = [verify_bucket(s, needs_log=True, at=when, **more) for s in at.stores.values()]
    return [problem for seen in found for problem in (*seen.problems, *seen.gaps, *seen.in_progress)]


def test_each_run_adds_its_leaves_and_signs_what_it_made(at):
    assert at.run(0) == []
    first = notes.opened(at.stores["main"].get("_log/checkpoint"), at.desk.own_keys)
    assert at.run(1) == []

    second = notes.opened(at.stores["main"].get("_log/checkpoint"), at.desk.own_keys)
    lying = [key for key in objects(at.stores["main"]) if key.startswith("_log/")]

    assert (first.origin, second.origin) == ("footfall/acme/main",) * 2
    assert second.size == first.size + 2, "the second run had two manifests and nothing else"
    assert len([key for key in lying if key.startswith("_log/entries/")]) == 2
    assert len([key for key in lying if key.startswith("_log/checkpoints/dt=2026-11-20/")]) == 2
    assert verified(at, 1) == []


def test_a_run_without_news_touches_no_bucket(at):
    at.run(0)
    before = objects(at.stores["main"])

    assert at.publish() == []

    assert objects(at.stores["main"]) == before


def test_what_is_promised_is_stated_and_what_ends_is_stated_with_its_end(tmp_path):
    at = Logged(tmp_path)
    for n in range(2):
        at.run(n)
    fewer = Logged(tmp_path, exports=[EVENTS])
    fewer.run(2)

    store = at.stores["main"]
    keys = sorted(key for key in objects(store) if key.startswith("_log/exports/"))
    said = [json.loads(store.get(key)) for key in keys]

    assert [each["number"] for each in said] == [1, 2]
    ends = {each["export"]: (each["first"], each.get("until")) for each in said[-1]["exports"]}
    assert ends == {
        "events": ("2026-11-20T14:00:00.000Z", None),
        "sessions": ("2026-11-20T14:00:00.000Z", "2026-11-20T16:00:00.000Z"),
    }
    assert verified(fewer, 9) != [], "events are behind"
    assert all("events" in line for line in verified(fewer, 9))


def test_an_installation_of_before_logs_begins_with_all_that_its_ledger_delivered(at):
    at.run(0)
    at.run(1)
    for store in at.stores.values():
        shutil.rmtree(store.root / "_log")
    with at.ledger.transaction() as connection:
        for table in ("logs", "log_leaves", "log_checkpoints", "log_objects"):
            connection.execute(f"DELETE FROM {table}")
    at.ledger.forget_written("")
    assert verified(at, 1), "there is no log"

    assert at.run(2) == []

    assert verified(at, 2) == []
    log = verify_bucket(at.stores["main"]).logs[0]
    assert sum(leaf.start is not None for leaf in log.leaves.values()) == 6


@pytest.mark.parametrize("is_asked_for", [True, False])
def test_a_ledger_that_was_lost_takes_the_log_up_and_goes_on(at, is_asked_for):
    at.run(0)
    at.run(1)
    before = {name: objects(store) for name, store in at.stores.items()}
    at.ledger.close()
    at.ledger = Ledger(at.folder / "home" / "new.sqlite")

    if is_asked_for:
        rows = list(redelivery(at).believe(Wanted()))
        assert len(rows) == 4
        assert {name: objects(store) for name, store in at.stores.items()} == before
    assert at.run(2) == []

    for name, store in at.stores.items():
        after = objects(store)
        assert before[name].items() - {
            ("_log/checkpoint", before[name]["_log/checkpoint"])
        } <= after.items() | {
            (key, data) for key, data in before[name].items() if key.endswith("_latest.json")
        }
    kept = notes.read(before["main"]["_log/checkpoint"])
    assert verify_bucket(at.stores["main"]).logs[0].grew_from(kept) is None
    assert verified(at, 2) == []


def test_a_ledger_from_an_older_backup_takes_up_what_the_bucket_has_more(at):
    at.run(0)
    at.ledger.close()
    older = at.folder / "home" / "older.sqlite"
    at.ledger.connection().execute("VACUUM INTO ?", (str(older),))
    at.run(1)
    kept = notes.read(at.stores["main"].get("_log/checkpoint"))
    at.ledger = Ledger(older)

    assert at.run(1) == []
    assert at.run(2) == []

    assert verify_bucket(at.stores["main"]).logs[0].grew_from(kept) is None
    assert verified(at, 2) == []


def test_a_log_with_another_history_is_refused_in_one_line_and_holds_up_no_other_bucket(at):
    at.run(0)
    stranger = Logged(at.folder / "other")
    stranger.run(5)
    stranger.run(6)
    for info in stranger.stores["main"].list("_log/"):
        at.stores["main"].put(info.key, stranger.stores["main"].get(info.key))

    [trouble] = at.run(1)

    assert "has another history than the ledger" in str(trouble)
    assert "move the folder away" in str(trouble)
    assert verify_bucket(at.stores["backup"], needs_log=True).problems == []


def redelivery(at):
    return Redelivery(Registry((at.client,), ()), lambda _: at.places(), at.ledger, at.desk)


def replay(at):
    """What `footfall deliveries replay` does: (status of each delivery sent again, what was put back)."""
    again = redelivery(at)
    return [outcome.status for _, outcome in again.replay(Wanted())], list(again.mend(Wanted()))


def test_a_wiped_bucket_is_put_back_byte_for_byte(at):
    for n in range(3):
        at.run(n)
    before = objects(at.stores["main"])
    shutil.rmtree(at.stores["main"].root)
    at.stores["main"].root.mkdir()

    sent, [mended] = replay(at)

    assert sent == ["delivered"] * 6
    assert (mended.place, mended.trouble) == ("main", None)
    assert objects(at.stores["main"]) == before
    assert replay(at) == ([], [])


@pytest.mark.parametrize(
    "lost",
    [
        "_schema/events/abc/athena.sql",
        "_schema/events/abc/columns.md",
        "README.txt",
        "_keys/",
        "_log/checkpoint",
        "_log/entries/",
        "_log/checkpoints/",
        "_log/exports/",
        "events/_latest.json",
        "events/dt=2026-11-20/hour=14/rev=0001/events-",
    ],
)
@pytest.mark.parametrize("how", ["deleted", "changed"])
def test_replay_mends_what_lies_beside_the_manifests(at, lost, how):
    at.run(0)
    at.run(1)
    store = at.stores["main"]
    before = objects(store)
    for key in [key for key in before if key.startswith(lost)]:
        if how == "deleted":
            store.delete(key)
        elif not lost.startswith("events/dt="):  # what readers may have read is named, and never overwritten
            store.put(key, b"This file is written by Footfall, which replaces it when its text changes. DROP")
    if how == "deleted" or not lost.startswith("events/dt="):
        assert verified(at, 1)

    replay(at)

    assert objects(store) == before
    assert verified(at, 1) == []


def test_the_owners_own_readme_is_named_and_stays(at):
    at.run(0)
    at.stores["main"].put("README.txt", b"mine")

    _, [mended] = replay(at)

    assert "somebody's own text" in mended.trouble.text
    assert at.stores["main"].get("README.txt") == b"mine"


def test_a_run_that_dies_between_any_two_steps_is_made_whole_by_the_next(tmp_path):
    """A store that dies at its n-th call of the log, for each n."""

    class Dies(Exception):
        pass

    class Dying(LocalStore):
        left = -1

        def _step(self):
            self.left -= 1
            if self.left == 0:
                raise Dies

        def put(self, key, data, **more):
            self._step()
            super().put(key, data, **more)
            self._step()

    for n in range(1, 40):
        at = Logged(tmp_path / str(n))
        at.stores["main"] = Dying(at.stores["main"].root)
        at.run(0)
        for export in (EVENTS, SESSIONS):
            at.deliver(export, HOUR + ONE)
        at.stores["main"].left = n
        troubles = at.publish()
        at.stores["main"].left = -1
        if not troubles:
            break
        assert at.run(2) == []
        assert verified(at, 2) == [], n
    assert n > 6


def test_ten_years_of_leaves_in_one_first_run_are_cut_into_objects_that_can_be_read(at):
    at.run(0)
    book = at.book()
    for n in range(25):
        book.note(f"_schema/events/{n:04d}/athena.sql", b"x%d" % n)
    most, bucket_log.MOST_LEAVES = bucket_log.MOST_LEAVES, 10
    try:
        assert at.publish() == []
    finally:
        bucket_log.MOST_LEAVES = most

    log = verify_bucket(at.stores["main"]).logs[0]
    assert log.is_whole
    assert (
        Frontier().extended(log.leaves[n].hash for n in range(log.checkpoint.size)).root
        == log.checkpoint.root
    )


def test_four_runs_at_once_make_one_order_without_a_number_twice_or_left_out(tmp_path):
    script = Path(__file__).resolve().parents[1] / "support" / "four_runs.py"
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), "6"],
        cwd=script.parents[2],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (script.parents[2], script.parents[1])))},
        capture_output=True,
        text=True,
        timeout=550,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)

    assert result["codes"] == [0, 0, 0, 0], done.stderr
    assert (result["troubles"], result["problems"], result["manifests"]) == ([], [], 24)
    for ranges in result["ranges"].values():
        assert ranges[0][0] == 0
        assert all(one[1] == other[0] for one, other in pairwise(ranges))


class DeliveredMeanwhile:
    """A bucket into which a run delivers while somebody checks it: after it was listed for the first time."""

    def __init__(self, store, deliver):
        self._store = store
        self._deliver = deliver

    def __getattr__(self, name):
        return getattr(self._store, name)

    def list(self, prefix):
        found = list(self._store.list(prefix))
        deliver, self._deliver = self._deliver, lambda: None
        deliver()
        return iter(found)


def test_a_run_that_ends_while_somebody_checks_is_no_damage(at):
    at.run(0)
    bucket = DeliveredMeanwhile(at.stores["main"], lambda: at.run(1))

    seen = verify_bucket(bucket, needs_log=True, at=HOUR + ONE)

    assert [*seen.problems, *seen.gaps] == []
    assert seen.logs[0].checkpoint == notes.opened(at.stores["main"].get("_log/checkpoint"), at.desk.own_keys)
