"""Children end with their parent, whatever they started; one that fails says why."""

import fcntl
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support.waiting import wait_until

from commands.processes import Children, end_group, python, require_free_port
from footfall.errors import FootfallError

#: Holds a file's lock for a minute: whether it still runs can be told from outside.
HOLDER = """
import fcntl, sys, time
lock = open(sys.argv[1], "w")
fcntl.flock(lock, fcntl.LOCK_EX)
lock.write("held")
lock.flush()
time.sleep(600)
"""
#: Starts a holder and waits for it. The holder does not get the SIGTERM.
PARENT = """
import subprocess, sys
subprocess.run([sys.executable, "-c", sys.argv[1], sys.argv[2]])
"""
#: Sends itself a signal in the callback of a weak reference, as Python runs it: nothing can catch it there.
FORGETFUL = """
import os, signal, sys, time, weakref
from commands.processes import stop_on_signals
class Thing: pass
stop_on_signals()
thing = Thing()
seen = weakref.ref(thing, lambda _: os.kill(os.getpid(), int(sys.argv[1])))
try:
    del thing
    time.sleep(20)
except KeyboardInterrupt:
    sys.exit(130)
"""
#: Starts a holder as `footfall up` starts its parts, and waits.
OWNER = """
import os, sys, time
from pathlib import Path
from commands.processes import Children
children = Children(Path.cwd(), dict(os.environ), Path(sys.argv[3]))
children.start("holder", [sys.executable, "-c", sys.argv[1], sys.argv[2]])
time.sleep(600)
"""
SERVER = """
import http.server, sys
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


@pytest.fixture
def children(tmp_path):
    with Children(tmp_path, {"PATH": "/usr/bin:/bin"}, tmp_path / "logs") as started:
        yield started


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_held(path: Path) -> None:
    wait_until(lambda: path.exists() and path.read_text() == "held", "the child did not start")


def is_held(path: Path) -> bool:
    with path.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def wait_until_free(path: Path) -> None:
    """A grandchild was killed, but is not ours to wait for: its end takes a moment."""
    wait_until(lambda: not is_held(path), "it still runs")


def test_leaving_ends_every_child_and_what_the_children_started(tmp_path):
    own, grandchilds = tmp_path / "own", tmp_path / "grandchild's"

    with Children(tmp_path, {}, tmp_path / "logs") as children:
        children.start("plain", python("-c", HOLDER, str(own)))
        children.start("parent", python("-c", PARENT, HOLDER, str(grandchilds)))
        wait_until_held(own)
        wait_until_held(grandchilds)
        assert is_held(own)
        assert is_held(grandchilds)

    assert not is_held(own)
    wait_until_free(grandchilds)


def test_children_of_one_that_was_killed_end_too(tmp_path):
    lock = tmp_path / "lock"
    owner = subprocess.Popen([sys.executable, "-c", OWNER, HOLDER, str(lock), str(tmp_path / "logs")])
    wait_until_held(lock)

    owner.kill()
    owner.wait()

    wait_until_free(lock)


def test_leaving_by_an_error_ends_them_too(tmp_path):
    lock = tmp_path / "lock"

    with pytest.raises(KeyboardInterrupt), Children(tmp_path, {}, tmp_path / "logs") as children:
        children.start("plain", python("-c", HOLDER, str(lock)))
        wait_until_held(lock)
        raise KeyboardInterrupt

    assert not is_held(lock)


def test_one_child_can_be_ended_alone(children, tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    for path in (one, other):
        children.start(path.name, python("-c", HOLDER, str(path)))
        wait_until_held(path)

    children.stop("one")

    assert not is_held(one)
    assert is_held(other)
    children.check()


def test_a_child_that_does_not_heed_sigterm_is_killed(tmp_path):
    lock = tmp_path / "lock"
    stubborn = subprocess.Popen(
        [sys.executable, "-c", "import signal; signal.signal(15, signal.SIG_IGN)" + HOLDER, str(lock)],
        start_new_session=True,
    )
    wait_until_held(lock)
    stubborn.terminate()

    end_group(stubborn, 0.1)

    assert stubborn.returncode == -9
    assert not is_held(lock)


def test_a_child_that_answers_is_waited_for_whatever_proxy_the_environment_names(
    children, free_port, monkeypatch
):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    children.start("server", python("-c", SERVER, str(free_port)))

    children.wait_for("server", f"http://127.0.0.1:{free_port}/", 120)

    children.check()


def test_a_child_that_dies_at_start_is_reported_with_its_last_line(children, free_port):
    children.start("server", python("-c", "print('reading\\nno such lake'); raise SystemExit(3)"))

    with pytest.raises(FootfallError, match=r"^server ended \(3\): no such lake$"):
        children.wait_for("server", f"http://127.0.0.1:{free_port}/", 120)


def test_a_child_that_dies_without_a_word_is_reported_with_its_log(children, tmp_path):
    children.start("server", python("-c", "raise SystemExit(1)"))

    with pytest.raises(FootfallError, match=r"it wrote nothing to .*server\.log"):
        children.wait_for("server", "http://127.0.0.1:9/", 120)

    assert (tmp_path / "logs" / "server.log").read_bytes() == b""


def test_a_child_that_never_answers_is_reported_with_its_log(children, tmp_path, free_port):
    children.start("server", python("-c", HOLDER, str(tmp_path / "lock")))

    with pytest.raises(
        FootfallError, match=r"server does not answer at .* after 0 s; its log: .*server\.log"
    ):
        children.wait_for("server", f"http://127.0.0.1:{free_port}/", 0.3)


def test_somebody_who_speaks_no_http_is_no_answer(children, free_port):
    chatter = (
        "import socket, sys\n"
        "listener = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
        "while True:\n"
        "    with listener.accept()[0] as caller: caller.recv(1000), caller.sendall(b'220 mail\\r\\n')\n"
    )
    children.start("mail", python("-c", chatter, str(free_port)))

    with pytest.raises(FootfallError, match="mail does not answer"):
        children.wait_for("mail", f"http://127.0.0.1:{free_port}/", 0.8)


def test_a_program_that_is_not_there_is_named(children):
    with pytest.raises(FootfallError, match="cannot start ui: No such file or directory: /no/such/program"):
        children.start("ui", ["/no/such/program"])


def test_a_folder_of_logs_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "logs").write_text("in the way")

    with (
        Children(tmp_path, {}, tmp_path / "logs") as children,
        pytest.raises(FootfallError, match=r"cannot start server: .*/logs"),
    ):
        children.start("server", python("-c", ""))


def test_a_port_in_use_is_named_with_the_variable_that_changes_it(listening):
    port = listening.getsockname()[1]

    with pytest.raises(FootfallError, match=f"^port {port} is in use; stop its owner or set FOOTFALL_X$"):
        require_free_port("127.0.0.1", port, "FOOTFALL_X")


def test_a_free_port_is_fine_and_stays_free(free_port):
    require_free_port("127.0.0.1", free_port, "FOOTFALL_X")
    require_free_port("127.0.0.1", free_port, "FOOTFALL_X")


def test_an_address_of_another_machine_is_not_called_a_port_in_use(free_port):
    with pytest.raises(FootfallError, match=f"^cannot listen on port {free_port} of 192.0.2.1: "):
        require_free_port("192.0.2.1", free_port, "FOOTFALL_X")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_not_lost_where_python_lets_no_exception_out(number):
    done = subprocess.run(
        [sys.executable, "-c", FORGETFUL, str(int(number))], capture_output=True, text=True, timeout=120
    )

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_what_nothing_could_catch_and_is_no_interrupt_is_told_and_ends_nothing():
    code = """
import weakref
from commands.processes import stop_on_signals
class Panic(BaseException): pass
class Thing: pass
def panics(_): raise Panic("told")
stop_on_signals()
stop_on_signals()
thing = Thing()
seen = weakref.ref(thing, panics)
del thing
print("goes on")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)

    assert (done.returncode, done.stdout) == (0, "goes on\n")
    assert done.stderr.count("Panic: told") == 1


def test_what_was_started_to_outlive_its_terminal_does():
    code = """
import os, signal
from commands.processes import stop_on_signals
stop_on_signals()
os.kill(os.getpid(), signal.SIGHUP)
print("goes on")
"""
    ignoring = f"import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); exec({code!r})"
    done = subprocess.run([sys.executable, "-c", ignoring], capture_output=True, text=True, timeout=120)

    assert (done.returncode, done.stdout, done.stderr) == (0, "goes on\n", "")


def test_a_log_that_has_grown_begins_anew_and_what_it_held_stays_once(tmp_path):
    says = "import time\nwhile True: print('x' * 99, flush=True); time.sleep(0.01)"
    with Children(tmp_path, {}, tmp_path / "logs") as children:
        children.start("daemon", python("-c", says))
        log, before = children.log("daemon"), tmp_path / "logs" / "daemon.log.1"

        def shortened() -> bool:
            children.shorten_logs(2000)
            return before.exists()

        for _ in range(2):
            before.unlink(missing_ok=True)
            wait_until(shortened, every=0.01)
            assert 2000 <= before.stat().st_size < 20_000
        wait_until(lambda: log.stat().st_size > 0, every=0.01)

        assert children.last_lines("daemon", 1) == ["x" * 99]
        assert log.stat().st_size < 20_000
        assert b"\0" not in log.read_bytes(), "it goes on at the beginning of the file, not behind a hole"
