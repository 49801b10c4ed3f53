"""What lies before the day on which a client is live is delivered, and nobody is told of it."""

from datetime import date, timedelta

import pytest
from support.orchestration_builders import EVENTS, HOUR, add_event, client


@pytest.mark.parametrize(("live_from", "told"), [("2026-11-20", 1), ("2026-11-21", 0)])
def test_nobody_is_told_of_what_was_before_the_client_was_live(at, live_from, told):
    owner = client().model_copy(update={"live_from": date.fromisoformat(live_from)})
    export = EVENTS.model_copy(update={"notify": ["https://hooks.example/a"]})

    at.deliver(export=export, owner=owner)
    add_event(at.connection, "late")
    at.deliver(export=export, owner=owner)

    assert len(at.posts) == 2 * told
    assert at.states() == [(n, "notified" if told else "committed") for n in (1, 2)]
    assert at.ledger.unfinished() == []


def test_the_hour_in_which_the_client_is_live_is_told(at):
    """The 21st begins at 18:30 UTC in Kolkata."""
    owner = client(timezone="Asia/Kolkata").model_copy(update={"live_from": date(2026, 11, 21)})
    export = EVENTS.model_copy(update={"notify": ["https://hooks.example/a"]})

    for hours in (3, 4):
        at.deliver(HOUR + timedelta(hours=hours), export=export, owner=owner)

    assert [row.state for row in at.ledger.all()] == ["committed", "notified"]


def test_whom_nobody_could_tell_of_what_is_history_by_now_is_not_tried_again(at):
    export = EVENTS.model_copy(update={"notify": ["https://hooks.example/a"]})
    at.hook_is_down = True
    at.deliver(export=export)
    assert at.ledger.unfinished()
    at.hook_is_down = False

    at.deliver(export=export, owner=client().model_copy(update={"live_from": date(2026, 11, 21)}))

    assert at.posts == []
    assert at.ledger.unfinished() == []
