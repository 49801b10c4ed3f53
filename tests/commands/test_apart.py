"""Work in a process of its own: its exit code, its answer, and Ctrl-C, which ends it in order."""

import os
import signal
import subprocess
import sys

import pytest
from support.waiting import PATIENCE

from commands.apart import ask_apart, run_apart
from footfall.errors import FootfallError
from footfall.store import CloudAccess, StoreError, open_store

STOPPED = """
import os, sys, time
from commands.apart import run_apart
from commands.processes import stop_on_signals

def work():
    stop_on_signals()
    try:
        print("working", os.getpgid(0) == os.getpid(), flush=True)
        time.sleep(600)
    except KeyboardInterrupt:
        print("ended in order", flush=True)
        return 130

stop_on_signals()
try:
    run_apart(dict(os.environ), work)
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_the_exit_code_of_the_work_is_that_of_the_command_and_the_environment_is_its_own():
    assert run_apart({"CODE": "7"}, lambda: int(os.environ["CODE"])) == 7
    assert "CODE" not in os.environ


def test_an_answer_comes_back_and_so_does_an_error():
    def fails():
        raise FootfallError("no warehouse")

    assert ask_apart(dict(os.environ), lambda: {"lines": 3}) == {"lines": 3}
    with pytest.raises(FootfallError, match="no warehouse"):
        ask_apart(dict(os.environ), fails)
    with pytest.raises(FootfallError, match="without a word"):
        ask_apart(dict(os.environ), lambda: os._exit(3))


def test_nothing_is_copied_once_a_cloud_was_asked():
    """A copy has none of the threads that ask there."""
    access = CloudAccess("http://127.0.0.1:9", lambda: "no key")
    with pytest.raises(StoreError):
        open_store("gs://nobody-s-bucket", cloud=access).head("k")

    for act in (run_apart, ask_apart):
        with pytest.raises(FootfallError, match="no copy of it could ask there again"):
            act(dict(os.environ), lambda: 0)


def test_ctrl_c_reaches_the_work_through_its_owner_and_ends_it_in_order():
    started = subprocess.Popen(
        [sys.executable, "-c", STOPPED], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    with started.stdout as said:
        assert said.readline() == "working True\n"
        os.killpg(started.pid, signal.SIGINT)
        assert said.read() == "ended in order\n"
    assert started.wait(PATIENCE) == 130


def test_work_whose_owner_was_killed_ends_in_order():
    started = subprocess.Popen(
        [sys.executable, "-c", STOPPED], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    with started.stdout as said:
        assert said.readline() == "working True\n"
        started.kill()
        assert said.read() == "ended in order\n"
    started.wait(PATIENCE)
