"""Every call that spool, recovery, shipper and closer make is killed, cut off from power, and made to fail.

The audit after each of them: what was acknowledged is in the lake once, in its hour, and counted by its
marker; nothing else is there. The mutants at the end show that the audit would notice.
"""

import inspect
import sys
import textwrap

import pytest
from support.spool_scenario import cut_everywhere, fail_everywhere

from collector import segments, shipper
from collector.closing import Closer
from collector.shipper import Shipper
from collector.spool import Spool
from footfall import frames

#: Kinds of calls that a life must have made, so that "every call" means something.
KINDS = {
    *("create", "write", "sync", "close", "sync_folder", "rename", "unlink", "truncate", "read", "names"),
    *("lock", "make_folder", "put", "head"),
}


def test_a_kill_or_a_power_cut_at_any_call_loses_nothing_and_doubles_nothing():
    calls, wrong = cut_everywhere()

    assert wrong == []
    assert calls > 200


@pytest.mark.parametrize(
    ("fault", "after"),
    [("EIO", False), ("EIO", True), ("ENOSPC", False)],
    ids=["EIO", "EIO though it was done", "ENOSPC"],
)
def test_a_failure_of_any_call_is_never_acknowledged_and_loses_nothing(fault, after):
    failed, wrong = fail_everywhere(fault, after=after)

    assert wrong == []
    assert set(failed) >= KINDS
    assert failed.total() > 200


def test_a_disk_that_stays_full_or_broken_loses_nothing():
    for fault in ("EIO", "ENOSPC"):
        failed, wrong = fail_everywhere(fault, sticky=True, appends=3)

        assert wrong == []
        assert failed.total() > 100


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(40))
def test_thousands_of_cuts_with_parts_of_the_rest_on_disk_lose_nothing(seed):
    _, wrong = cut_everywhere(seed, appends=5 + seed % 9)

    assert wrong == []


# Mutants --------------------------------------------------------------------------------------------

#: What is broken, where (owner, function), how (text → text), and in which words the audit complains.
MUTANTS = [
    ("no sync of the file", Spool, "_commit_hour", "self.files.sync(segment.descriptor)", "pass", "lost"),
    ("no sync of the folder", Spool, "_create", "self.files.sync_folder(self.folder)", "pass", "lost"),
    (
        "an answer before the sync",
        Spool,
        "_commit",
        "self._commit_hour(hour, data)",
        "_release(together, None); self._commit_hour(hour, data)",
        "lost",
    ),
    (
        "a failed sync tried again on the same file",
        Spool,
        "_commit_hour",
        "    self.files.sync(segment.descriptor)",
        "    try:\n        self.files.sync(segment.descriptor)\n"
        "    except OSError:\n        self.files.sync(segment.descriptor)",
        "lost",
    ),
    ("an error that is swallowed", Spool, "_commit", 'NotDurable("the disk refused")', "None", "lost"),
    (
        "one segment for several hours",
        Spool,
        "_commit_hour",
        "self._open.get(hour)",
        "next(iter(self._open.values()), None)",
        "in the wrong hour",
    ),
    ("a checksum that is not looked at", frames, "_frame_at", ") == checksum", ") >= 0", "never appended"),
    (
        "a torn tail that is taken for a frame",
        frames,
        "scan",
        "            if not end:\n",
        "            if not end:\n                spans.append((at, len(data)))\n",
        "never appended",
    ),
    (
        "a segment that cannot be read and is given up",
        segments,
        "recover",
        "found.left += 1",
        "files.unlink(path)",
        "lost",
    ),
    (
        "a segment removed before the lake has it",
        Shipper,
        "ship",
        "made = self._prepare(path)",
        "made = self._prepare(path); self._spool.remove(path)",
        "lost",
    ),
    ("a put that overwrites", shipper, "put_once", ", create_only=True", "", "written twice"),
    (
        "a new key for each attempt",
        Shipper,
        "_prepare",
        "raw_object(hour, origin,",
        "raw_object(hour, f'{origin}-{time.monotonic_ns()}',",
        "stored 2 times",
    ),
    (
        "a tally written after the segment is gone",
        Closer,
        "count",
        "self._tallies.add(",
        "[self._files.unlink(path) for path in of_hour]; self._tallies.add(",
        "closed without",
    ),
    (
        "a segment emptied before its name is durable",
        Closer,
        "count",
        "self._files.sync_folder(self._spool.folder)",
        "pass",
        "closed without",
    ),
    ("an hour closed too early", Closer, "_finish", "hour not in held and ", "", "closed without"),
    ("a marker written again", Closer, "_mark", ", create_only=True", "", "written twice: closed/"),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant[0] for mutant in MUTANTS])
def test_the_audit_catches(monkeypatch, mutant):
    _, owner, name, old, new, complaint = mutant
    function = getattr(owner, name)
    source = textwrap.dedent(inspect.getsource(function))
    assert old in source, "the mutant no longer fits the code"
    made: dict = {}
    exec(compile(source.replace(old, new), f"<mutant of {name}>", "exec"), function.__globals__, made)
    # Where other modules hold the function by name, they get the mutant too.
    for module in (owner, *(m for n, m in sys.modules.items() if n.startswith("collector."))):
        if getattr(module, name, None) is function:
            monkeypatch.setattr(module, name, made[name])
    if complaint == "closed without" and owner is Closer:
        # The hour is guarded twice: by each worker for itself, and by the one that closes.
        monkeypatch.setattr(Closer, "_held", lambda _self: set())

    _, found = cut_everywhere(until=complaint, appends=3)
    if not found:
        _, found = fail_everywhere("EIO", until=complaint, appends=3)

    assert any(complaint in each for each in found), found[:3]
