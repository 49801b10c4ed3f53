"""What is done with a period follows from its open revision, who may have seen it, and what is right."""

from itertools import product

import pytest

from orchestration.delivery.states import NEXT, PLANNED, RENDERED, Facts, Seen, Step, next_step

CASES = [
    (state, Facts(seen, newest, right, whole))
    for state, seen, newest, right, whole in product(
        ("", PLANNED, RENDERED), Seen, (False, True), (False, True), (False, True)
    )
]


@pytest.mark.parametrize(("state", "facts"), CASES)
def test_in_each_case_there_is_one_step_and_it_keeps_what_was_promised(state, facts):
    step = next_step(state, facts)

    # Nothing that the client may have seen is dropped or made anew, nor is anything else begun before it.
    assert (step is Step.FINISH) == (facts.seen is Seen.BY_CLIENT)
    # What was rendered is sent only where its files are there and right.
    assert step is not Step.SEND or (state == RENDERED and facts.is_pending_right and facts.is_pending_whole)
    # A client that has what would be delivered gets no further revision.
    assert not facts.is_newest_right or step in (Step.KEEP, Step.FINISH)
    # A number under which our backup has a manifest is never given to other bytes.
    assert step is not Step.RENDER or facts.seen is Seen.BY_NOBODY


@pytest.mark.parametrize(
    ("state", "facts", "step"),
    [
        ("", Facts(Seen.BY_NOBODY, False, False, False), Step.RENDER),
        ("", Facts(Seen.BY_NOBODY, True, False, False), Step.KEEP),
        (PLANNED, Facts(Seen.BY_NOBODY, False, False, False), Step.RENDER),
        (RENDERED, Facts(Seen.BY_NOBODY, False, True, True), Step.SEND),
        (RENDERED, Facts(Seen.BY_NOBODY, False, True, False), Step.RENDER),
        (RENDERED, Facts(Seen.BY_US, False, False, True), Step.LEAVE),
        (RENDERED, Facts(Seen.BY_US, False, True, True), Step.SEND),
        (RENDERED, Facts(Seen.BY_CLIENT, True, False, False), Step.FINISH),
    ],
)
def test_the_steps_of_a_period(state, facts, step):
    assert next_step(state, facts) is step


def test_every_row_of_the_table_is_needed():
    reached = {next_step(state, facts) for state, facts in CASES}

    assert reached == {step for _, step in NEXT} == set(Step)
