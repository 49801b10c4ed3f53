"""The audit log: lines that prove that none of them was changed, left out, put in or cut off."""

import json
import os
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from footfall.access import audit
from footfall.signatures import load_signer, own_keys
from footfall.store import LocalStore

NOW = datetime(2026, 11, 20, 14, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


class Log:
    def __init__(self, folder):
        self.path = folder / "audit.jsonl"
        self.lake = LocalStore(folder / "lake")
        load_signer(folder / "keys")
        self.trusted = own_keys(folder / "keys")

    def note(self, subject="export 7", client="acme"):
        audit.note(
            self.path,
            NOW,
            who="ops",
            door="command",
            act="privacy.export",
            client=client,
            subject=subject,
            outcome="asked",
        )

    def wrong(self):
        return audit.verify(self.path, self.trusted, self.lake).wrong

    def lines(self):
        return self.path.read_bytes().splitlines(keepends=True)

    def write(self, lines):
        self.path.write_bytes(b"".join(lines))


@pytest.fixture
def log(tmp_path):
    log = Log(tmp_path)
    for n in range(5):
        log.note(f"export {n}")
    audit.anchor(log.path, log.lake, "2026-11-20")
    assert log.wrong() == ()
    return log


def _without(lines, n):
    return [*lines[:n], *lines[n + 1 :]]


def _edited(lines, n):
    line = {**json.loads(lines[n]), "who": "nobody"}
    return [*lines[:n], json.dumps(line).encode() + b"\n", *lines[n + 1 :]]


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: _edited(lines, 2),
        lambda lines: _edited(lines, 4),
        lambda lines: _without(lines, 0),
        lambda lines: _without(lines, 2),
        lambda lines: lines[:-1],
        lambda _lines: [],
        lambda lines: [lines[1], lines[0], *lines[2:]],
        lambda lines: [*lines[:2], lines[1], *lines[2:]],
        lambda lines: [*lines, b'{"at": "2026-11-20", "who": "me"}\n'],
        lambda lines: [*lines, lines[-1]],
    ],
    ids=[
        "edit",
        "edit last",
        "first gone",
        "one gone",
        "cut",
        "emptied",
        "order",
        "twice",
        "added",
        "repeated",
    ],
)
def test_every_change_is_seen(log, change):
    log.write(change(log.lines()))

    assert log.wrong() != ()


def test_a_log_that_is_put_back_with_its_head_to_an_earlier_day_is_seen_by_the_lake(log):
    head, lines = log.path.with_name(audit.HEAD).read_bytes(), log.lines()
    log.note("one more")
    audit.anchor(log.path, log.lake, "2026-11-21")

    log.write(lines)
    log.path.with_name(audit.HEAD).write_bytes(head)

    assert any("it was cut" in line for line in log.wrong())
    assert audit.verify(log.path, log.trusted).wrong == ()


def test_a_line_of_another_key_is_seen(log, tmp_path):
    other = Log(tmp_path / "other")
    other.note()

    log.write([*log.lines()[:-1], *other.lines()])

    assert any("not known here" in line for line in log.wrong())


def test_lines_of_before_there_was_a_chain_stay_and_are_counted(tmp_path):
    log = Log(tmp_path)
    old = dict.fromkeys(audit.FIELDS, "x")
    log.write([json.dumps(old).encode() + b"\n"] * 3)

    log.note()
    log.note()

    found = audit.verify(log.path, log.trusted)
    assert (found.lines, found.unsigned, found.wrong) == (5, 3, ())
    assert len(list(audit.lines(log.path))) == 5
    log.write([log.lines()[0], *log.lines()[2:]])
    assert log.wrong() != ()


def test_half_a_line_of_a_killed_process_loses_no_other(log):
    with log.path.open("ab") as file:
        file.write(b'{"at": "cut o')

    log.note("after")

    assert log.wrong() == ()
    assert [line["subject"] for line in audit.lines(log.path)][-2:] == ["export 4", "after"]


def test_a_disk_that_takes_half_a_line_has_whoever_adds_it_told_and_keeps_none_of_it(log):
    before, limits = log.lines(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.path.stat().st_size + 100, limits[1]))
    try:
        with pytest.raises(OSError, match="No space left"):
            log.note("no room")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert log.lines() == before and log.wrong() == ()
    log.note("room again")
    assert log.wrong() == ()


def test_a_line_whose_head_cannot_be_written_is_not_kept(log):
    before, head = log.lines(), log.path.with_name(audit.HEAD)
    said = head.read_bytes()
    head.unlink()
    head.mkdir()
    with pytest.raises(OSError):
        log.note("no head")
    head.rmdir()
    head.write_bytes(said)

    assert log.lines() == before and log.wrong() == ()


def test_lines_of_a_process_that_was_killed_before_the_head_are_no_change(log):
    head = log.path.with_name(audit.HEAD)
    said = head.read_bytes()
    for n in range(audit.MOST_TOGETHER):
        log.note(f"visitor {n}")
    head.write_bytes(said)
    assert log.wrong() == ()

    log.note("one more than are added at once")
    log.note("and its head")
    head.write_bytes(said)
    [told] = log.wrong()
    assert "lines were added without it" in told


def test_two_processes_make_one_chain(log):
    code = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from pathlib import Path; from datetime import UTC, datetime; from footfall.access import audit\n"
        "for n in range(20):\n"
        "    audit.note(Path(sys.argv[1]), datetime.now(UTC), who='x', door='job', act='a', client='',"
        " subject=str(n), outcome='')\n"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, log.path, ROOT], env=os.environ) for _ in range(2)]
    assert [each.wait(120) for each in both] == [0, 0]

    assert log.wrong() == ()
    assert len(log.lines()) == 45


def test_lines_of_many_threads_are_all_there_and_in_one_chain(tmp_path):
    log = Log(tmp_path)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: log.note(f"visitor {n}"), range(100)))

    assert sorted(line["subject"] for line in audit.lines(log.path)) == sorted(
        f"visitor {n}" for n in range(100)
    )
    assert log.wrong() == ()


def test_whoever_waits_for_a_line_that_cannot_be_written_is_told_so(tmp_path):
    log = Log(tmp_path)
    log.path.mkdir()

    with ThreadPoolExecutor(4) as threads:
        told = [threads.submit(log.note) for _ in range(8)]

    assert all(isinstance(each.exception(), OSError) for each in told)
