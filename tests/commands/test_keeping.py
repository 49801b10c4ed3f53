"""Children that end by themselves are started again, ever more slowly, and at last no more."""

import pytest
from support.waiting import wait_until

from commands.keeping import Keeper, exit_text
from commands.processes import Children, python
from footfall.errors import FootfallError

COUNTS = "import sys; open(sys.argv[1], 'a').write('x'); print('no such lake'); sys.exit(3)"
SLEEPS = "import time; time.sleep(600)"


class Heard:
    """Stands for what tells the alert routes; keeps what holds."""

    def __init__(self):
        self.holding = []

    def tend(self, holding):
        if self.holding[-1:] != [holding]:
            self.holding.append(holding)


@pytest.fixture
def children(tmp_path):
    with Children(tmp_path, {}, tmp_path / "logs") as started:
        yield started


def look_until(keeper, holds):
    def looks_and_holds():
        keeper.look()
        return holds()

    if not holds():
        wait_until(looks_and_holds, every=0.01)


def test_a_child_that_ends_each_time_is_started_after_each_wait_and_then_ends_the_keeping(children, tmp_path):
    heard, log = Heard(), []
    keeper = Keeper(children, heard, log.append, waits=(0.05, 0.1))
    children.start("collector", python("-c", COUNTS, str(tmp_path / "starts")))

    with pytest.raises(
        FootfallError, match=r"ended 3 times in a row, the last time by exit code 3"
    ) as raised:
        look_until(keeper, lambda: False)

    assert str(raised.value).endswith("Its last lines:\n  no such lake")
    assert (tmp_path / "starts").read_text() == "xxx"
    assert [len(line) > 0 for line in log] == [True, True, True]
    assert heard.holding[1][0]["subject"] == "collector"
    assert heard.holding[1][0]["facts"]["exit"] == "exit code 3"
    assert heard.holding[1][0]["facts"]["last lines"] == "no such lake"


def test_one_child_that_ends_leaves_the_others_alone(children, tmp_path):
    keeper = Keeper(children, Heard(), lambda _: None, waits=(0.05, 60))
    children.start("daemon", python("-c", SLEEPS))
    children.start("collector", python("-c", COUNTS, str(tmp_path / "starts")))

    look_until(keeper, lambda: (tmp_path / "starts").exists() and (tmp_path / "starts").read_text() == "xx")

    assert [name for name, _ in children.take_ended()] in ([], ["collector"])
    children.stop("daemon")  # is there


def test_the_last_lines_are_those_of_the_life_that_ended(children):
    children.start("one", python("-c", "print('first life')"))
    wait_until(children.take_ended)
    children.start("one", python("-c", ""))
    wait_until(children.take_ended)

    assert children.last_lines("one", 5) == [f"it wrote nothing to {children.log('one')}"]


@pytest.mark.parametrize(
    ("code", "text"), [(3, "exit code 3"), (-9, "killed by SIGKILL"), (-63, "killed by signal 63")]
)
def test_an_exit_is_said_in_words(code, text):
    assert exit_text(code) == text
