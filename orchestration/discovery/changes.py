"""What the sensor of new domains asks for: a pure function from changed rows to partitions and runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestration.discovery.domain_rows import Domain

#: Changes that one tick looks at. Later ones wait for the next tick.
CHANGES_A_TICK = 100


@dataclass(frozen=True)
class Wanted:
    """Partitions to add and to delete, those whose proof is to be looked for, and the next cursor."""

    add: tuple[str, ...]
    delete: tuple[str, ...]
    look: tuple[tuple[str, int], ...]
    cursor: int


def wanted(changed: Sequence[Domain], known: frozenset[str], cursor: int) -> Wanted:
    """From rows changed since `cursor`, in order of change, and the partitions there are.

    A domain that became pending is looked at once; the hourly check goes on from there.
    """
    add, delete, look = [], [], []
    for row in changed:
        is_known = row.partition in known
        if row.state in ("pending", "verified", "billable") and not is_known:
            add.append(row.partition)
        if row.state in ("blocked", "retired") and is_known:
            delete.append(row.partition)
        if row.state == "pending":
            look.append((row.partition, row.change))
    return Wanted(tuple(add), tuple(delete), tuple(look), max([cursor, *(row.change for row in changed)]))
