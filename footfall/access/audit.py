"""What people and programs decided and looked at, a line of JSON each, in a file that is only ever added to.

A line: `at` (UTC), `who` (a key's name, a user of the machine, a person, or `schedule`), `door` (`api`,
`command`, `dashboard`, `job`), `act`, `client` (empty: of the installation), `subject` (what was acted upon),
`outcome`.

And what makes changes seen: `number` from 1 on, `previous` (the SHA-256 of the line before as it lies there;
of the first, of nothing) and `signature`, by the installation's key. Beside it `audit.head.json`, signed,
says how many lines there are: a file that was cut ends before it. A copy of the head lies in the lake for
each day of the job `retention`, so that both cannot be put back to an earlier day.
"""

import errno
import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from footfall.event import timestamp
from footfall.keys import AUDIT_HEADS, audit_head
from footfall.signatures import Signer, load_signer, signed_by
from footfall.store import ObjectStore, put_once
from footfall.whole_files import written_beside

Door = Literal["api", "command", "dashboard", "job"]
HEAD = "audit.head.json"
#: What a line says, without what proves it.
FIELDS = ("at", "who", "door", "act", "client", "subject", "outcome")
_MAX_HEAD = 64 * 1024
#: Lines that are added at once at most: so many may lie there without the head where a process was killed
#: between the two.
MOST_TOGETHER = 16


@dataclass(frozen=True)
class Checked:
    """What was found of the chain: lines, those of before there was one, and what is wrong, a line each."""

    lines: int
    unsigned: int
    wrong: tuple[str, ...]


def note(
    path: Path, now: datetime, *, who: str, door: Door, act: str, client: str, subject: str, outcome: str
) -> None:
    """Add a line, on disk when this returns.

    Raises OSError, FootfallError where it cannot be kept or signed: then do not act.
    """
    mine = _Waiting(
        {
            "at": timestamp(now),
            "who": who,
            "door": door,
            "act": act,
            "client": client,
            "subject": subject,
            "outcome": outcome,
        },
        now,
    )
    with _GUARD:
        _WAITING.setdefault(path, []).append(mine)
    with _ADDING:
        while not mine.is_done:
            with _GUARD:
                together = _WAITING[path][:MOST_TOGETHER]
                del _WAITING[path][:MOST_TOGETHER]
            try:
                _add(path, together)
            except BaseException as error:
                for each in together:
                    each.error = error
            finally:
                for each in together:
                    each.is_done = True
    if mine.error is not None:
        raise mine.error


@dataclass
class _Waiting:
    """A line that a thread wants added."""

    said: Mapping[str, str]
    now: datetime
    is_done: bool = False
    error: BaseException | None = None


#: Lines that are to be added. Whoever comes first adds those of all that wait: two fsyncs for all of them,
#: and not two each.
_WAITING: dict[Path, list[_Waiting]] = {}
_GUARD, _ADDING = threading.Lock(), threading.Lock()


def _add(path: Path, waiting: Sequence[_Waiting]) -> None:
    signer = load_signer(path.parent / "keys")
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        # Whoever adds a line reads the one before it.
        fcntl.flock(file, fcntl.LOCK_EX)
        size = os.fstat(file).st_size
        before, is_cut = _last(file, size)
        number = _number(path, before)
        # One write in append mode; the half of a line that a killed process left ends there.
        data = b"\n" if is_cut else b""
        for each in waiting:
            number += 1
            previous = hashlib.sha256(before).hexdigest()
            line = signer.sign({**each.said, "number": number, "previous": previous})
            before = json.dumps(line, ensure_ascii=False).encode("utf-8", "replace")
            data += before + b"\n"
        try:
            if os.write(file, data) != len(data):  # a disk that is full takes a part, and says nothing
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            os.fsync(file)
            _put_head(path, signer, number, before, waiting[-1].now)
        except OSError:
            os.ftruncate(file, size)
            raise
    finally:
        os.close(file)


def person(path: Path, client: str, identifier: str) -> str:
    """How a line names a person: by a keyed digest. Whoever has the id and the key can find the lines."""
    return load_signer(path.parent / "keys").derived(f"audit:{client}:{identifier}")[:16]


def _last(file: int, size: int) -> tuple[bytes, bool]:
    """The last line of the file, without its end, and whether it has none."""
    block, start = b"", size
    while start > 0 and b"\n" not in block[:-1]:
        step = min(start, 64 * 1024)
        start -= step
        block = os.pread(file, step, start) + block
    is_cut = bool(block) and not block.endswith(b"\n")
    return block.removesuffix(b"\n").rpartition(b"\n")[2], is_cut


def _number(path: Path, before: bytes) -> int:
    """The number of a line; of one that has none, how many lines there are."""
    try:
        found = json.loads(before).get("number") if before else 0
    except (ValueError, AttributeError):
        found = None
    if isinstance(found, int):
        return found
    with path.open("rb") as file:
        return sum(1 for _ in file)


def _put_head(path: Path, signer: Signer, number: int, line: bytes, now: datetime) -> None:
    said = {
        "record": "audit",
        "lines": number,
        "sha256": hashlib.sha256(line).hexdigest(),
        "at": timestamp(now),
    }
    data = json.dumps(signer.sign(said)).encode() + b"\n"
    written_beside(path.with_name(HEAD), data).replace(path.with_name(HEAD))


def lines(path: Path, client: str | None = None) -> Iterator[dict[str, str]]:
    """What the lines say, in order; those of one client, or all. One that was cut off is left out."""
    return (said for _, said in lines_from(path, 0, client))


def lines_from(path: Path, place: int, client: str | None = None) -> Iterator[tuple[int, dict[str, str]]]:
    """The same from a place (bytes, where a line begins) on, each line with its own place."""
    try:
        with path.open("rb") as file:
            file.seek(place)
            for raw in file:
                place += len(raw)
                try:
                    line = json.loads(raw)
                    said = {name: str(line[name]) for name in FIELDS}
                except (ValueError, KeyError, TypeError):
                    continue
                if client is None or said["client"] == client:
                    yield place - len(raw), said
    except FileNotFoundError:
        return


def verify(path: Path, trusted: Mapping[str, bytes], lake: ObjectStore | None = None) -> Checked:
    """Whether no line was changed, left out, put in or cut off. `trusted`: key id → PEM of our own keys.

    `lake`: where the heads of earlier days lie; without it these are not asked. Raises StoreError.
    """
    wrong: list[str] = []
    digests: dict[int, str] = {}
    before, unsigned, number = b"", 0, 0
    for raw in _raw_lines(path):
        number += 1
        problem, is_signed = _problem(raw, before, number, trusted, has_begun=bool(digests))
        if problem:
            wrong.append(f"line {number}: {problem}")
        if is_signed:
            digests[number] = hashlib.sha256(raw).hexdigest()
        else:
            unsigned += 1
        before = raw
    heads = [(HEAD, _head_beside(path))] if number or path.with_name(HEAD).exists() else []
    if lake is not None:
        heads += [(info.key, lake.get(info.key, limit=_MAX_HEAD)) for info in lake.list(AUDIT_HEADS)]
    for name, data in heads:
        is_newest = name == HEAD and bool(digests)
        wrong += _against(name, data, digests, number, trusted, is_newest=is_newest)
    return Checked(number, unsigned, tuple(wrong))


def _raw_lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            for raw in file:
                yield raw.removesuffix(b"\n")
    except FileNotFoundError:
        return


def _problem(
    raw: bytes, before: bytes, number: int, trusted: Mapping[str, bytes], *, has_begun: bool
) -> tuple[str, bool]:
    """What is wrong with a line, and whether it is one of the chain, which `has_begun` or not."""
    try:
        line: Any = json.loads(raw)
    except ValueError:
        # Half of a line, which a killed process left; the next one has its digest.
        return "", False
    if not isinstance(line, dict) or "previous" not in line:
        return ("is not signed, and lines before it are" if has_begun else ""), False
    try:
        signed_by(line, trusted)
    except ValueError as error:
        return str(error), True
    if line["number"] != number:
        return f"says that it is line {line['number']}: lines are missing before it, or were put in", True
    previous = hashlib.sha256(before).hexdigest()
    return ("" if line["previous"] == previous else "the line before it is another than it was", True)


def _head_beside(path: Path) -> bytes:
    try:
        return path.with_name(HEAD).read_bytes()
    except FileNotFoundError:
        return b""


def _against(
    name: str,
    data: bytes,
    digests: Mapping[int, str],
    number: int,
    trusted: Mapping[str, bytes],
    *,
    is_newest: bool,
) -> Iterator[str]:
    """What is wrong with the file by one of its heads."""
    if not data:
        if is_newest:
            yield f"{name}: is missing"
        return
    try:
        said = json.loads(data)
        signed_by(said, trusted)
    except (ValueError, AttributeError) as error:
        yield f"{name}: {error}"
        return
    if number < said["lines"]:
        yield f"{name}: there were {said['lines']} lines, and the file has {number}: it was cut"
    elif digests.get(said["lines"]) != said["sha256"]:
        yield f"{name}: line {said['lines']} is another than it was"
    elif is_newest and number > said["lines"] + MOST_TOGETHER:
        # A process may have died between its lines and the head.
        yield f"{name}: {number - said['lines']} lines were added without it"


def anchor(path: Path, lake: ObjectStore, day: str) -> None:
    """Keep the head of a day in the lake, if there is one. Raises StoreError."""
    data = _head_beside(path)
    if data:
        put_once(lake, audit_head(day, hashlib.sha256(data).hexdigest()), data)
