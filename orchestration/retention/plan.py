"""Pure: a client's rule, what counts now and what stands in the way → from when on each class is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from footfall.retention.records import State
from footfall.retention.rules import CLASSES, LEAST_EVENTS_DAYS, LOOK_BACK_DAYS, Retention

#: Days for which everything stays of a client that has ended: what may still be asked of it is asked by then.
ENDED_DAYS = 90
#: What goes of it then. What lies in its own buckets is its own.
_OF_ENDED = ("raw", "quarantine", "events", "backup")
#: Classes that a delivery is still made of.
_SOURCES = ("raw", "events")


@dataclass(frozen=True)
class Facts:
    """What may keep a client's data longer than its rule says.

    `is_held`: somebody holds it, all of it or what was received from `held_from` on. `undelivered`: the
    start of the earliest period that is not delivered yet, and which. `ingested_until`: the end of the newest
    hour that was ingested. `unmodelled`: why figures are not what they should be; empty: they are.
    """

    is_held: bool = False
    held_from: datetime | None = None
    undelivered: tuple[datetime, str] | None = None
    ingested_until: datetime | None = None
    unmodelled: str = ""


@dataclass(frozen=True)
class Plan:
    """`horizons`: class → from when on it is kept. `blocked`: class → why that is not what the rule says."""

    horizons: Mapping[str, datetime]
    blocked: Mapping[str, str]

    def moves(self, state: State) -> bool:
        """Whether anything more goes than before."""
        return dict(self.horizons) != dict(state.horizons)


def plan(rule: Retention, state: State, now: datetime, facts: Facts) -> Plan:
    """From when on each class is kept, as of `now`. No horizon moves back, and none beyond its rule."""
    horizons: dict[str, datetime] = {}
    blocked: dict[str, str] = {}
    for name in CLASSES:
        before, wanted = state.horizon(name), rule.horizon(name, now)
        if wanted is None or (before is not None and wanted <= before):
            if before is not None:
                horizons[name] = before
            continue
        latest, why = _latest(name, facts)
        if why and (latest is None or latest < wanted):
            blocked[name] = why
            wanted = latest
        moved = [each for each in (wanted, before) if each is not None]
        if moved:
            horizons[name] = max(moved)
    return Plan(horizons, blocked)


def plan_ended(rule: Retention, state: State, now: datetime, facts: Facts, ended_at: datetime) -> Plan:
    """The same of a client that ended: by its last rule, and all of it after ENDED_DAYS, but what is held."""
    until = _day(ended_at) + timedelta(days=ENDED_DAYS + 1)
    made = plan(rule, state, now, facts)
    if now < until:
        return made
    # Nothing of it lies after that: its horizons come to rest there, and no decision follows any more.
    horizons = {
        name: max(before, min(at, until)) if (before := state.horizon(name)) else min(at, until)
        for name, at in made.horizons.items()
    }
    blocked = dict[str, str]()
    for name in _OF_ENDED:
        if name == "events" and facts.unmodelled:
            blocked[name] = facts.unmodelled  # its figures are frozen first
            continue
        wanted: datetime | None = until
        if facts.is_held:
            blocked[name] = "a hold"
            wanted = min(until, facts.held_from) if facts.held_from else None
        moved = [each for each in (wanted, horizons.get(name)) if each is not None]
        if moved:
            horizons[name] = max(moved)
    return Plan(horizons, blocked)


def _latest(name: str, facts: Facts) -> tuple[datetime | None, str]:
    """Up to where a class may go, and why no further; no reason where nothing stands in the way."""
    found: list[tuple[datetime | None, str]] = []
    if facts.is_held:
        found.append((facts.held_from, "a hold"))
    if name in _SOURCES and facts.undelivered is not None:
        start, which = facts.undelivered
        # What is delivered late is made of the days before it, too.
        back = LOOK_BACK_DAYS + 1 if name == "events" else 1
        found.append((_day(start) - timedelta(days=back), which))
    if name == "events":
        if facts.unmodelled:
            found.append((None, facts.unmodelled))
        if facts.ingested_until is None:
            found.append((None, "no hour was ingested"))
        else:
            until = _day(facts.ingested_until) - timedelta(days=LEAST_EVENTS_DAYS)
            said = (
                f"hours are ingested up to {facts.ingested_until:%Y-%m-%dT%H}: days before it are not final"
            )
            found.append((until, said))
    if not found:
        return None, ""
    for moment, why in found:
        if moment is None:
            return None, why
    return min(((moment, why) for moment, why in found if moment is not None), key=lambda each: each[0])


def _day(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
