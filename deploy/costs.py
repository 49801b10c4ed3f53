"""`python -m deploy.costs` in a checkout: the table of docs/costs.md by events a month, made anew.

Bytes of an event and requests of a month are read from the page's own tables, the latter of which
tests/orchestration/test_costs.py compares with what the code asks of a store. Prices: deploy/prices.yaml.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent
PAGE = FOLDER.parent / "docs" / "costs.md"
BEGIN, END = "<!-- costs: made by deploy/costs.py -->", "<!-- end of costs -->"
#: Events in a batch of the pixel; seconds and gigabytes of a call of the function. It makes two requests of
#: S3, one of them a PUT (docs/operations.md).
BATCH, CALL_SECONDS, CALL_GB = 4, 0.1, 0.25
#: Events a session.
SESSION = 6
#: What a row costs on Spark at least, beside the same row on one machine (docs/scaling.md, a cluster of two
#: workers): executors had used 7.0 times DuckDB's CPU seconds when they had made a quarter of the models.
SPARK_RATIO = 7
#: A run of all models that has nearly nothing to do, in seconds on two cores (measured at the demo's size on
#: a busy machine, so too high); it takes place each hour. Gigabytes for each core.
SPARK_RUN_SECONDS, SPARK_CORES, SPARK_GB, HOURS = 172, 2, 4, 730
#: Collection by tasks at its least: tasks, cores and gigabytes of each, addresses with those of the balancer.
TASKS, TASK_CORES, TASK_GB, TASK_ADDRESSES = 2, 1, 2, 4
#: Hours a day of a machine that sleeps (`machineHours` of deploy/cdk), and alarms of the collector.
AWAKE_HOURS, ALARMS = 2, 4
#: Part of the page's row for the collector, which a function does in its own way.
COLLECTOR = "collector"


@dataclass(frozen=True)
class Size:
    """Machines by name, gigabytes of disk. `outside`: those that collect, which a function replaces.

    `beside`: those for all but the models, where an engine of many machines has them.
    """

    events: int
    inside: tuple[str, ...]
    outside: tuple[str, ...]
    beside: tuple[str, ...]
    disk: int

    @property
    def shown(self) -> str:
        """The number of events in words."""
        for unit, name in ((1_000_000_000, "1 B"), (1_000_000, "M"), (1_000, "k")):
            if self.events >= unit:
                return name if name == "1 B" else f"{self.events // unit} {name}"
        return str(self.events)


#: Events a month → machines. The last is at the end of what the models of one machine can do.
SIZES = (
    Size(10_000, ("t4g.small",), (), ("t4g.small",), 20),
    Size(100_000, ("t4g.small",), (), ("t4g.small",), 20),
    Size(10_000_000, ("t4g.medium",), (), ("t4g.medium",), 50),
    Size(1_000_000_000, ("r7g.2xlarge",), ("c7g.large", "c7g.large"), ("c7g.large",), 500),
)


def prices() -> dict[str, Any]:
    """What deploy/prices.yaml says."""
    found: dict[str, Any] = yaml.safe_load((FOLDER / "prices.yaml").read_text())
    return found


def stored_bytes(page: str) -> float:
    """Bytes in the lake and the backup bucket for each event, by the page's table of bytes."""
    rows = dict(re.findall(r"^\| ([^|]+?) \|[^|]*\|[^|]*\| (\d+) \|$", page, re.MULTILINE))
    taken = {name: int(value) for name, value in rows.items()}
    sessions = sum(value for name, value in taken.items() if "for each session" in name)
    return sum(taken.values()) - sessions + sessions / SESSION


def requests(page: str) -> dict[str, tuple[int, int]]:
    """(PUT and LIST, GET and HEAD) of a month, by the page's table of requests."""
    table = page.partition("## Requests in a month")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\w+)[^|]*\| ([\d,]+) \| ([\d,]+) \| [\d.]+ \|$", table, re.MULTILINE)
    return {name: (int(puts.replace(",", "")), int(gets.replace(",", ""))) for name, puts, gets in rows}


def core_seconds(page: str) -> float:
    """CPU seconds of one machine for a million events, by the page's table of them."""
    part = page.partition("## A million events in CPU seconds")[2].partition("\n## ")[0]
    return sum(
        float(value) for value in re.findall(r"^\| [^|]+ \| ([\d.]+) \| [^|]+ \|$", part, re.MULTILINE)
    )


def engine(page: str, events: int) -> float:
    """Dollars a month of Spark for so many events: a run each hour, and what grows with the events."""
    price = prices()
    runs = HOURS * SPARK_RUN_SECONDS * SPARK_CORES
    hours = (runs + events / 1e6 * core_seconds(page) * SPARK_RATIO) / 3600
    return float(hours * (price["spark_vcpu_hour"] + SPARK_GB * price["spark_gb_hour"]))


def tasks() -> float:
    """Dollars a month of collection by tasks, at its least."""
    price = prices()
    each = TASK_CORES * price["task_vcpu_hour"] + TASK_GB * price["task_gb_hour"]
    beside = price["balancer_month"] + TASK_ADDRESSES * price["address_month"]
    return float(TASKS * each * HOURS + beside)


def asked(page: str, without: str = "") -> float:
    """Dollars a month of the page's requests, but for those of one row."""
    price = prices()
    counts = [each for name, each in requests(page).items() if name != without]
    puts, gets = (sum(count[kind] for count in counts) for kind in (0, 1))
    return float(puts / 1000 * price["puts_thousand"] + gets / 1000 * price["gets_thousand"])


def function(events: int) -> float:
    """Dollars a month of collection by a function."""
    price = prices()
    calls = events / BATCH
    found = calls / 1e6 * (price["api_million"] + price["calls_million"])
    found += calls * CALL_SECONDS * CALL_GB * price["gb_second"]
    return float(found + calls / 1000 * (price["puts_thousand"] + price["gets_thousand"]))


def stored(page: str, events: int) -> float:
    """Dollars a month of what lies in the lake and the backup bucket after a year."""
    return float(events * 12 * stored_bytes(page) / 1e9 * prices()["storage_gb_month"])


def asleep(page: str, size: "Size") -> float:
    """Dollars a month of deploy/cdk's small layout whose machine sleeps for most of each day."""
    price = prices()
    machine = sum(price["machine_month"][name] for name in size.inside) + price["address_month"]
    beside = size.disk * price["disk_gb_month"] + price["key_month"] + ALARMS * price["alarm_month"]
    return float(
        machine * AWAKE_HOURS / 24
        + beside
        + stored(page, size.events)
        + asked(page, COLLECTOR)
        + function(size.events)
    )


def asked_by(peer: Mapping[str, Mapping[float, float]], events: int) -> float | None:
    """Dollars a month that another service asks, or None where it names no price for so many events."""
    if "plans" in peer:
        return next((price for most, price in sorted(peer["plans"].items()) if events <= most), None)
    found, below = 0.0, 0.0
    for most, price in sorted(peer["tiers"].items()):
        found += max(0.0, min(events, most) - below) * price
        below = most
    return found


def table(page: str) -> str:
    """Markdown: a row for each number of events a month."""
    price = prices()
    machine = price["machine_month"]
    rows = [
        "| Events a month | Machine | Its disk, address | Storage after a year | Requests | **One "
        "machine** | "
        f"Collector as a function instead | **With it** | Models on Spark instead | **With it** | "
        f"{' | '.join(price['peers'])} |",
        "|---|---|---|---|---|---|---|---|---|---|" + "---|" * len(price["peers"]),
    ]
    for size in SIZES:
        inside = sum(machine[name] for name in size.inside)
        outside = sum(machine[name] for name in size.outside)
        disk = size.disk * price["disk_gb_month"] + price["address_month"]
        storage, calls = stored(page, size.events), function(size.events)
        one = inside + outside + disk + storage + asked(page)
        split = inside + disk + storage + asked(page, COLLECTOR) + calls
        spark = engine(page, size.events)
        beside = sum(machine[name] for name in size.beside)
        spread = beside + outside + disk + storage + asked(page) + spark
        names = " + ".join((*size.inside, *size.outside))
        peers = [asked_by(each, size.events) for each in price["peers"].values()]
        cells = (inside + outside, disk, storage, asked(page), one, calls, split, spark, spread, *peers)
        money = [
            "ask them" if cell is None else f"{cell:,.2f}" if cell < 1000 else f"{cell:,.0f}"
            for cell in cells
        ]
        for total in (4, 6, 8):
            money[total] = f"**{money[total]}**"
        rows.append(f"| {size.shown} | {names}: {money[0]} | " + " | ".join(money[1:]) + " |")
    sleeping = [f"{asleep(page, size):.2f} for {size.shown}" for size in SIZES[:2]]
    rows.append(
        f"\nThe small layout with `machineHours` of {AWAKE_HOURS} hours a day, and files once a day: "
        f"{' and '.join(sleeping)}, with key and alarms."
    )
    rows.append(
        f"\nCollection by tasks (`collection: fargate`), at its least, in place of a machine that collects: "
        f"{tasks():.2f}, and what passes the balancer."
    )
    return "\n".join(rows)


def with_table(page: str) -> str:
    """The page with the table of today between its markers."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{PAGE} has no markers")
    return f"{before}{BEGIN}\n{table(page)}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
