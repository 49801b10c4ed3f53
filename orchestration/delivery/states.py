"""The states of a delivery, and which may follow which. Everything else is a mistake of the program.

    planned → rendered → [ for the backup and for each of the client's buckets:
                           rendered → put → verified → committed ]  → committed → notified

    on the side: waiting (tried again by itself), blocked (waits for a person: auth, bucket, challenge,
    config), parked (after 72 hours of trying; looked at once a day), superseded (its data changed before
    the client could see it: never delivered)

`verified` is the intent to write the manifest: from then on somebody may see the revision, and it is
finished as it is, even where its data has changed meanwhile.

What a run does with a period is the first row of NEXT that fits; deliver.py has the steps.
"""

from dataclasses import dataclass
from enum import Enum

#: States of a whole delivery.
PLANNED, RENDERED, COMMITTED, NOTIFIED, SUPERSEDED = (
    "planned",
    "rendered",
    "committed",
    "notified",
    "superseded",
)
#: States of its copy in one bucket, beside `rendered` and `committed`.
PUT, VERIFIED = "put", "verified"
#: What can hold up a delivery or a copy, in any state.
WAITING, BLOCKED, PARKED = "waiting", "blocked", "parked"

#: State → states that may follow it. A repeated step is harmless, so each may follow itself.
DELIVERY: dict[str, tuple[str, ...]] = {
    PLANNED: (PLANNED, RENDERED, SUPERSEDED),
    # Data that changed before anybody could see it is rendered again in the same revision.
    RENDERED: (RENDERED, PLANNED, COMMITTED, SUPERSEDED),
    COMMITTED: (COMMITTED, NOTIFIED),
    NOTIFIED: (NOTIFIED,),
    SUPERSEDED: (SUPERSEDED,),
}
COPY: dict[str, tuple[str, ...]] = {
    RENDERED: (RENDERED, PUT),
    PUT: (PUT, VERIFIED, RENDERED),
    VERIFIED: (VERIFIED, COMMITTED),
    COMMITTED: (COMMITTED,),
}
#: What held it up → what may hold it up next. `""` is nothing.
HOLDS: dict[str, tuple[str, ...]] = {
    "": ("", WAITING, BLOCKED),
    WAITING: ("", WAITING, BLOCKED, PARKED),
    BLOCKED: ("", WAITING, BLOCKED, PARKED),
    PARKED: ("", PARKED, BLOCKED, WAITING),
}


def require(table: dict[str, tuple[str, ...]], before: str, after: str) -> None:
    """Refuse a step that is none."""
    assert after in table[before], f"{before} → {after} is no step"


class Seen(Enum):
    """Who may have the manifest of an open revision."""

    BY_NOBODY = "nobody"
    BY_US = "our backup"
    BY_CLIENT = "the client"


class Step(Enum):
    """What is done with a period."""

    FINISH = "send as it is what the client may have seen, then look again"
    KEEP = "leave what the client has, and drop what is open"
    SEND = "send what was rendered before"
    LEAVE = "drop what only our backup has, and render under the next number"
    RENDER = "render, in the number of the open revision or in the next one"


@dataclass(frozen=True)
class Facts:
    """What decides the step, beside the state of the open revision.

    A revision is right where rows, columns and completeness are those that would be delivered now. It is
    whole where its files wait in the outbox.
    """

    seen: Seen
    is_newest_right: bool
    is_pending_right: bool
    is_pending_whole: bool


#: State of the open revision (`""`: none is), and the facts → step. ANY fits whatever there is; the first row
#: that fits counts.
ANY = None
NEXT: tuple[tuple[tuple[object, ...], Step], ...] = (
    # state     seen             newest  pending pending
    #                            right   right   whole
    ((ANY,      Seen.BY_CLIENT,  ANY,    ANY,    ANY),   Step.FINISH),
    ((ANY,      ANY,             True,   ANY,    ANY),   Step.KEEP),
    ((RENDERED, ANY,             False,  True,   True),  Step.SEND),
    ((ANY,      Seen.BY_US,      False,  ANY,    ANY),   Step.LEAVE),
    ((ANY,      Seen.BY_NOBODY,  False,  ANY,    ANY),   Step.RENDER),
)  # fmt: skip


def next_step(state: str, facts: Facts) -> Step:
    """What to do with a period whose open revision is in `state`."""
    found = (state, facts.seen, facts.is_newest_right, facts.is_pending_right, facts.is_pending_whole)
    return next(
        step
        for row, step in NEXT
        if all(wanted in (ANY, given) for wanted, given in zip(row, found, strict=True))
    )
