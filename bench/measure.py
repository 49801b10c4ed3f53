"""What every benchmark shares: pairs of runs, their ratio, and the table.

An absolute figure belongs to one machine at one moment. A ratio to a reference that ran in turn with it
travels further: what slows the one slows the other.
"""

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar


@dataclass(frozen=True)
class Row:
    """One line of the table. `ratios`: Footfall's speed ÷ the reference's, one a repetition; 1 is as fast."""

    what: str
    ours: str
    reference: str
    ratios: Sequence[float]
    remark: str


T = TypeVar("T")


def alternate(repeats: int, ours: Callable[[], T], reference: Callable[[], T]) -> list[tuple[T, T]]:
    """(ours, reference) of each repetition. The order turns round each time, so that drift hits both."""
    pairs = []
    for n in range(repeats):
        if n % 2:
            second = reference()
            pairs.append((ours(), second))
        else:
            first = ours()
            pairs.append((first, reference()))
    return pairs


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds that `work` takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def timed_row(what: str, pairs: Sequence[tuple[float, float]], amount: int, unit: str, remark: str) -> Row:
    """The row of a benchmark whose pairs are wall seconds for the same `amount`."""
    ours, reference = (statistics.median(side) for side in zip(*pairs, strict=True))
    return Row(
        what,
        f"{rate(amount / ours)} {unit}/s ({ours:.2f} s)",
        f"{rate(amount / reference)} {unit}/s ({reference:.2f} s)",
        [theirs / mine for mine, theirs in pairs],
        remark,
    )


def rate(value: float) -> str:
    """A rate with as many digits as it deserves: 27,400."""
    digits = len(f"{value:.0f}")
    return f"{round(value, 3 - digits):,.0f}" if digits > 3 else f"{value:.0f}"


def table(rows: Iterable[Row]) -> str:
    """The rows as Markdown: medians, and of the ratio also its least and greatest."""
    lines = [
        "| Benchmark | Footfall | Reference | Ratio (from, to) | The reference, and what it leaves out |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        spread = f"{min(row.ratios):.2f}, {max(row.ratios):.2f}"
        ratio = f"**{statistics.median(row.ratios):.2f}** ({spread})"
        lines.append(f"| {row.what} | {row.ours} | {row.reference} | {ratio} | {row.remark} |")
    return "\n".join(lines)


def setting(folder: Path) -> str:
    """One line about the machine, as far as it bears on the figures. `folder` is where files are written."""
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    packages = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "uvloop", "dagster", "dbt-core"))
    return (
        f"{len(cores())} cores, load {load} before the start; fdatasync of 600 bytes "
        f"{sync_milliseconds(folder):.2f} ms (median); {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, {packages}."
    )


def sync_milliseconds(folder: Path, times: int = 100) -> float:
    """Median ms of writing 600 bytes and having them on disk. Near 0.00: the folder is in memory."""
    sync = getattr(os, "fdatasync", os.fsync)
    took = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(times):
            file.write(b"x" * 600)
            took.append(seconds(lambda: sync(file.fileno())))
    (folder / "sync").unlink()
    return statistics.median(took) * 1000


def cores() -> list[int]:
    """The cores that this process may use; numbered from 0 where the system does not tell."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def pin(pid: int, *on: int) -> bool:
    """Keep a process on some cores, and its threads to come. False where the system cannot, or has one."""
    if not hasattr(os, "sched_setaffinity") or len(cores()) < 2:
        return False
    os.sched_setaffinity(pid, on)
    return True


def megabytes(pid: int) -> tuple[float, float]:
    """Memory that a process holds now, and the most it ever held, in MB; NaN where the system is silent."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return float("nan"), float("nan")
    told = dict(line.split(":", 1) for line in status.splitlines())
    now, most = (int(told[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return now, most


@contextmanager
def environment(more: Mapping[str, str]) -> Iterator[None]:
    """The process's environment with more in it, as long as the block lasts."""
    before = dict(os.environ)
    os.environ.update(more)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def say(text: str) -> None:
    """Progress, on stderr: stdout is the table's."""
    print(text, file=sys.stderr, flush=True)
