"""The code server of `footfall up`: where it listens, and what becomes of it when what is below it dies."""

import os
import signal
from pathlib import Path

import pytest
import yaml
from support.waiting import wait_until

from commands import code_server
from commands.processes import Children, python
from footfall.errors import FootfallError
from footfall.installed import DATA
from footfall.settings import Settings
from orchestration.reloading import LOAD_SECONDS

#: Stands for the proxy: starts what has the command line of the process below it, and says its number.
PROXY = """
import subprocess, sys, time
below = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "api", "grpc", "."])
open(sys.argv[1], "w").write(str(below.pid) + "\\n")
below.wait()
time.sleep(600)
"""


def settings(home: Path) -> Settings:
    return Settings.from_environ({"FOOTFALL_HOME": str(home)})


@pytest.mark.parametrize("name", ["state", "a-state-folder-whose-name-is-long-" * 5])
def test_its_socket_lies_in_a_folder_of_ours_alone_and_the_workspace_names_it(tmp_path, name):
    given = settings(tmp_path / name)
    given.dagster_home.mkdir(parents=True, mode=0o700)

    path = code_server.write_workspace(given)

    [location] = yaml.safe_load(path.read_text())["load_from"]
    where = Path(location["grpc_server"]["socket"])
    assert where == code_server.address(given)
    assert len(os.fsencode(where)) < 107
    assert where.parent.stat().st_mode & 0o077 == 0
    if where.parent != given.dagster_home:
        where.parent.rmdir()


def test_a_folder_for_its_socket_that_somebody_else_has_made_is_refused(tmp_path):
    given = settings(tmp_path / ("a-state-folder-whose-name-is-long-" * 5))
    given.dagster_home.mkdir(parents=True)
    where = code_server.address(given).parent
    where.mkdir(mode=0o777)
    where.chmod(0o777)
    try:
        with pytest.raises(FootfallError, match="may be written by others"):
            code_server.write_workspace(given)
    finally:
        where.rmdir()


@pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="nobody says here what a process has started"
)
def test_where_what_is_below_it_dies_it_is_ended_so_that_it_is_started_again(tmp_path):
    with Children(tmp_path, {}, tmp_path / "logs") as children:
        watch = code_server.Watch(children)
        children.start(code_server.NAME, python("-c", PROXY, str(tmp_path / "below")))
        below = tmp_path / "below"
        wait_until(lambda: below.exists() and below.read_text().endswith("\n"))
        pid = children.pid(code_server.NAME)
        wait_until(lambda: code_server.has_below(pid))
        watch.look()
        assert children.take_ended() == []

        os.kill(int((tmp_path / "below").read_text()), signal.SIGKILL)

        def taken():
            watch.look()
            return children.take_ended()

        ended = wait_until(taken)
    assert ended == [(code_server.NAME, -signal.SIGKILL)]


def test_what_may_take_long_on_a_busy_machine_may_take_as_long_everywhere():
    given = yaml.safe_load((DATA / "dagster.yaml").read_text())

    limits = {
        given["run_monitoring"]["start_timeout_seconds"],
        given["code_servers"]["local_startup_timeout"],
        given["code_servers"]["reload_timeout"],
    }
    assert limits == {LOAD_SECONDS} == {300}
