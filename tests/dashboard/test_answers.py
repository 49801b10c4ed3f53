"""Answers that sessions share: made once, for who may ask the same, of what is as it was."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dashboard.answers import Answers

#: Seconds that another thread may take.
PATIENCE = 60


@pytest.fixture
def answers():
    made = Answers(most_bytes=100)
    yield made
    made.close()


class Made:
    """What is asked, and how often it was made."""

    def __init__(self, answer=b"figures"):
        self.answer = answer
        self.times = 0

    def __call__(self):
        self.times += 1
        return self.answer


class Slow(Made):
    """One that is made once it is let go; until then it has `begun`."""

    def __init__(self):
        super().__init__()
        self.begun, self._go_on = threading.Event(), threading.Event()

    def __call__(self):
        self.begun.set()
        self._go_on.wait(PATIENCE)
        return super().__call__()

    def let_go(self):
        """In a moment: once whoever asks next waits for it."""
        threading.Timer(0.05, self._go_on.set).start()


def test_a_question_is_asked_once_of_the_same_tables_and_anew_of_others(answers):
    make = Made()

    assert [answers.ask("q", "snapshot 1", make) for _ in range(3)] == [b"figures"] * 3
    assert make.times == 1
    answers.ask("q", "snapshot 2", make)
    assert make.times == 2
    answers.ask("another", "snapshot 2", make)
    assert make.times == 3


def test_what_failed_is_asked_anew(answers):
    def fail():
        raise ValueError("the lake is away")

    for _ in range(2):
        with pytest.raises(ValueError, match="away"):
            answers.ask("q", "s", fail)
    assert answers.ask("q", "s", Made()) == b"figures"


def test_two_who_ask_the_same_at_once_share_the_answer_of_the_first(answers):
    slow, other = Slow(), Made(b"other")

    with ThreadPoolExecutor(2) as sessions:
        first = sessions.submit(answers.ask, "q", "s", slow)
        slow.begun.wait(PATIENCE)
        second = sessions.submit(answers.ask, "q", "s", other)
        slow.let_go()

        assert (first.result(), second.result()) == (b"figures", b"figures")
    assert (slow.times, other.times) == (1, 0)


def test_an_answer_that_is_on_its_way_is_waited_for_and_not_made_twice(answers):
    slow, other = Slow(), Made(b"other")

    answers.ahead("q", "s", slow)
    slow.begun.wait(PATIENCE)
    slow.let_go()

    assert answers.ask("q", "s", other) == b"figures"
    assert (slow.times, other.times) == (1, 0)


def test_slow_questions_of_others_hold_up_nobody(answers):
    """One client's slow questions fill the threads; another's page is made by its own."""
    go_on = threading.Event()
    try:
        for number in range(20):
            answers.ahead(f"slow {number}", "s", lambda: b"" if go_on.wait(PATIENCE) else b"?")
        make = Made()
        answers.ahead("mine", "s", make)

        assert answers.ask("mine", "s", make) == b"figures"
        assert make.times == 1
    finally:
        go_on.set()


def test_no_more_is_kept_than_was_said(answers):
    makes = [Made(b"x" * 40) for _ in range(3)]
    for number, make in enumerate(makes):
        answers.ask(number, "s", make)

    for number, make in reversed(list(enumerate(makes))):
        answers.ask(number, "s", make)
    assert [make.times for make in makes] == [2, 1, 1]
