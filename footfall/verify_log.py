"""A bucket against its own log: what must be there, and what may be gone."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime

from footfall.bucket_log import POINTER
from footfall.completeness import missing
from footfall.found import period_of
from footfall.log_check import (
    FoundLog,
    Outstanding,
    Read,
    check_leaves,
    check_unknown,
    is_under_way,
    until_of,
)
from footfall.manifest import DeliveredFile, ReadManifest
from footfall.verification import Verification


def check_logged(
    log: FoundLog, key: str, data: bytes, read: ReadManifest, at: datetime | None, seen: Verification
) -> None:
    """The manifest is a leaf, with these bytes; one of a run that is under way becomes one at its end.

    `at`: when it is looked at; None where no run of ours can have left it.
    """
    leaf = log.newest.get(key.removeprefix(log.above))
    if leaf is not None:
        if hashlib.sha256(data).hexdigest() != leaf.sha256:
            seen.problems.append(f"{key}: its bytes are others than the log says")
    elif log.is_whole:
        if at is not None and is_under_way(read.planned_at, at):
            seen.in_progress.append(key)
        else:
            seen.problems.append(f"{key}: is in no leaf of the log")


def may_be_gone(
    log: FoundLog | None, file: DeliveredFile, read: ReadManifest, since: datetime | None, seen: Verification
) -> bool:
    """Whether a file that is not there was signed away, or is older than what was asked for."""
    if since is not None and period_of(read).start < since:
        seen.expired += 1
        return True
    return log is not None and log.goes(file.key, file.sha256) is not None


def gone_by(log: FoundLog, since: datetime | None) -> set[str]:
    """Keys of the manifests that may be gone because their periods are older than what was asked for."""
    if since is None:
        return set()
    return {leaf.key for leaf in log.manifests if datetime.fromisoformat(str(leaf.start)) < since}


def check_log(
    log: FoundLog,
    sizes: Mapping[str, int],
    listed_now: Callable[[], Mapping[str, int]],
    read: Read,
    at: datetime | None,
    since: datetime | None,
    whose: str,
    seen: Verification,
) -> None:
    """What must be there by a log: each leaf, each period that was promised; and nothing it does not know.

    `sizes`: what was listed before the log was read. `listed_now`: lists it once more.
    """
    if whose != log.client_id:
        seen.problems.append(f"{log.above}{POINTER}: is of the client {log.client_id}, not of {whose}")
    folder = log.above.rstrip("/").rpartition("/")[2]
    if folder not in ("", log.client_id) and log.checkpoint.origin.endswith("/backup"):
        seen.problems.append(f"{log.above}: is the backup of {log.client_id}, under another name")
    seen.expired += check_leaves(log, sizes, listed_now, since, read, seen.problems.append)
    check_unknown(log, sizes, [key.removeprefix(log.above) for key in seen.in_progress], seen.problems.append)
    for key, (record, removed) in sorted(log.gone.items()):
        if log.above + key in sizes:
            seen.outstanding.append(Outstanding(log.above + key, record, until_of(removed)))
    late = [each for each in seen.outstanding if at is not None and each.until < at]
    for each in late:
        seen.problems.append(
            f"{each.key}: was to be removed by {each.until:%Y-%m-%dT%H:%MZ} "
            f"({each.record.kind} {each.record.id})"
        )
    seen.outstanding = [each for each in seen.outstanding if each not in late]
    starts = log.starts()
    for promise in log.statement.exports if log.statement else ():
        there = starts.get(promise.export, set())
        for begin, end in missing(promise, there, since, at, max(there, default="")):
            seen.gaps.append(
                f"{log.client_id} {promise.export}: nothing from {begin:%Y-%m-%dT%H:%M%z} "
                f"to {end:%Y-%m-%dT%H:%M%z}"
            )
