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
class Aim:
    """What a figure, which is `value`, ought to be: no less than `bound`, or no more (`is_most`)."""

    value: float
    bound: float
    unit: str
    is_most: bool = False

    @property
    def shown(self) -> str:
        """≥ 20,000 events/s."""
        bound = f"{self.bound:,.0f}" if self.bound >= 100 else f"{self.bound:g}"
        return f"{'≤' if self.is_most else '≥'} {bound} {self.unit}"

    @property
    def verdict(self) -> str:
        """Whether it is, or how far from it."""
        if self.value <= self.bound if self.is_most else self.value >= self.bound:
            return "reached"
        return f"**missed by {abs(self.value - self.bound) / self.bound:.0%}**"


@dataclass(frozen=True)
class Row:
    """One line of the table. `ratios`: Footfall's speed ÷ the reference's, one a repetition; 1 is as fast."""

    what: str
    ours: str
    reference: str
    ratios: Sequence[float]
    remark: str
    aim: Aim | None = None


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


def timed_row(
    what: str,
    pairs: Sequence[tuple[float, float]],
    amount: int,
    unit: str,
    remark: str,
    *,
    most: float | None = None,
) -> Row:
    """The row of a benchmark whose pairs are wall seconds for the same `amount`.

    `most`: so many times as long as the reference it may take.
    """
    ours, reference = (statistics.median(side) for side in zip(*pairs, strict=True))
    return Row(
        what,
        f"{rate(amount / ours)} {unit}/s ({ours:.2f} s)",
        f"{rate(amount / reference)} {unit}/s ({reference:.2f} s)",
        [theirs / mine for mine, theirs in pairs],
        remark,
        most and times_aim(pairs, most),
    )


def times_aim(pairs: Sequence[tuple[float, float]], most: float) -> Aim:
    """That it takes no more than so many times as long as the reference: the median of (ours, theirs)."""
    return Aim(statistics.median(mine / theirs for mine, theirs in pairs), most, "× the reference", True)


def rate(value: float) -> str:
    """A rate with as many digits as it deserves: 27,400."""
    digits = len(f"{value:.0f}")
    return f"{round(value, 3 - digits):,.0f}" if digits > 3 else f"{value:.0f}"


def table(rows: Iterable[Row]) -> str:
    """The rows as Markdown: medians, and of the ratio also its least and greatest. Then the references."""
    lines = ["| Benchmark | Footfall | Aim | | Reference | Ratio (from, to) |", "|---|---|---|---|---|---|"]
    remarks: dict[str, int] = {}
    for row in rows:
        spread = f"{min(row.ratios):.2f}, {max(row.ratios):.2f}"
        ratio = f"**{statistics.median(row.ratios):.2f}** ({spread})"
        aim, verdict = (row.aim.shown, row.aim.verdict) if row.aim else ("", "")
        number = remarks.setdefault(row.remark, len(remarks) + 1)
        lines.append(
            f"| {row.what} | {row.ours} | {aim} | {verdict} | {row.reference} ({number}) | {ratio} |"
        )
    references = [f"{number}. {remark}" for remark, number in remarks.items()]
    return "\n".join([*lines, "", "The references, and what they leave out:", "", *references])


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
