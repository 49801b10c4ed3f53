"""The states of a delivery, and which may follow which. Everything else is a mistake of the program.

    planned → rendered → [ for the backup and for each of the client's buckets:
                           rendered → put → verified → committed ]  → committed → notified

    on the side: waiting (tried again by itself), blocked (waits for a person: auth, bucket, challenge,
    config), parked (after 72 hours of trying; looked at once a day), superseded (its data changed before
    the client could see it: never delivered)

`verified` is the intent to write the manifest: from then on somebody may see the revision, and it is
finished as it is, even where its data has changed meanwhile.
"""

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
