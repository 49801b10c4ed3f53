"""Raw events of a request, checked one after the other, and what they came to."""

from collections.abc import Callable
from dataclasses import dataclass, field

from collector.older_events import older
from collector.server.message import Request
from collector.targets import Target
from collector.turns import Steps
from footfall.event import MAX_EVENT_BYTES, Event, Refused, check_event
from footfall.persons import NOBODY, Person, told_apart
from footfall.scrub_work import MAX_EVENT_WORK, work
from footfall.shapes import Shape


@dataclass(slots=True)
class Checked:
    """What the events of a request came to."""

    shape: Shape | None
    events: list[Event] = field(default_factory=list)
    refusals: list[Refused] = field(default_factory=list)
    rejected: list[bytes] = field(default_factory=list)
    #: Whom each event, and each refused one, is about, where a program with a key sent them.
    persons: list[Person] = field(default_factory=list)
    rejected_persons: list[Person] = field(default_factory=list)


def check(
    raws: list[bytes],
    into: Checked,
    request: Request,
    target: Target,
    reading: Callable[[bytes], bytes] | None,
    *,
    is_keyed: bool,
) -> Steps:
    """Check events, one a step."""
    for sent in raws:
        raw, person = sent, NOBODY
        try:
            if reading is not None:
                raw = reading(sent)
            if is_keyed and len(raw) <= MAX_EVENT_BYTES and work(raw) <= MAX_EVENT_WORK:
                raw, person = told_apart(raw)
            event = check_event(raw)
        except Refused as refused:
            try:
                event, shape = older(raw, refused, request, target)
                into.shape = into.shape or shape
            except Refused as final:
                into.refusals.append(final)
                into.rejected.append(sent)
                into.rejected_persons.append(person)
                yield
                continue
        into.events.append(event)
        into.persons.append(person)
        yield
