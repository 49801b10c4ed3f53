"""Work in a process of its own, which Ctrl-C reaches through its owner alone.

A run starts dbt. A terminal sends Ctrl-C to all processes of a command at once; in a session of its own, the
work gets it as SIGTERM, and ends what it has started in order. It is a copy of this process (fork) and no new
program, so that it is a function with its arguments and not a command line to be read a second time.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import TypeVar

from commands.orphans import ends_with_parent
from commands.processes import end_group, uninterrupted
from footfall.errors import FootfallError
from footfall.store_cloud import require_copyable

T = TypeVar("T")
#: The copy must be made before this process has threads. A store of a cloud brings some: what a command asks
#: there before its work is asked apart.
_fork = multiprocessing.get_context("fork")


class _Copy:
    """A copy of this process that does some work, with the interface of a `subprocess.Popen`."""

    def __init__(self, environment: Mapping[str, str], work: Callable[[], int]) -> None:
        require_copyable()
        heed = ends_with_parent()

        def begin() -> None:
            os.setsid()
            # Until the work says otherwise, SIGTERM just ends it: what is loading has begun nothing.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            heed()
            os.environ.clear()
            os.environ.update(environment)
            sys.exit(work())

        sys.stdout.flush()
        sys.stderr.flush()
        self._process = _fork.Process(target=begin)
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired("footfall", timeout or 0)
        return code

    def terminate(self) -> None:
        self._process.terminate()


def run_apart(environment: Mapping[str, str], work: Callable[[], int]) -> int:
    """Do `work` on this terminal until it ends. Returns its exit code. `environment` is the work's, whole."""
    copy = None
    try:
        with uninterrupted():
            copy = _Copy(environment, work)
        return copy.wait()
    except KeyboardInterrupt:
        if copy is not None:
            copy.terminate()
        raise
    finally:
        if copy is not None:
            end_group(copy)


def ask_apart(environment: Mapping[str, str], question: Callable[[], T]) -> T:
    """What `question` returns, asked in a process of its own, whose libraries and memory go with it.

    Raises the FootfallError that it raises.
    """
    reader, writer = _fork.Pipe(duplex=False)

    def work() -> int:
        try:
            writer.send((question(), None))
        except FootfallError as error:
            writer.send((None, str(error)))
        return 0

    with reader:
        with uninterrupted():
            copy = _Copy(environment, work)
        writer.close()
        try:
            answer, error = reader.recv()
        except EOFError:
            raise FootfallError("what was asked ended without a word; see above") from None
        finally:
            end_group(copy)
    if error is not None:
        raise FootfallError(error)
    found: T = answer
    return found
