"""What a command is given before it begins: settings, a state folder of this version, Dagster's home.

Each command takes one of the three decorators, and with it the settings as its first argument.
"""

import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from commands import installation
from commands.processes import stop_on_signals
from footfall.durable import take_up
from footfall.environment import add_env_file, unread
from footfall.private import keep_private
from footfall.settings import Settings

#: The function of a command: settings, then what was written on the command line; returns the exit code.
Work = Callable[..., int]


def with_settings(work: Work) -> Work:
    """For a command that touches no state: a client may run it where there is none."""

    @functools.wraps(work)
    def command(*args: Any, **kwargs: Any) -> int:
        stop_on_signals()
        add_env_file(os.environ)
        for line in unread(os.environ):
            print(f"footfall: {line}", file=sys.stderr)
        return work(Settings.from_environ(os.environ), *args, **kwargs)

    return command


def with_state(work: Work) -> Work:
    """For a command on a state folder: one of an earlier version is taken up, one of a later is refused."""

    @with_settings
    @functools.wraps(work)
    def command(settings: Settings, *args: Any, **kwargs: Any) -> int:
        enter(settings)
        return work(settings, *args, **kwargs)

    return command


def with_installation(work: Work) -> Work:
    """The same, and the folder is made where there is none. Meanwhile `os.environ` is what Dagster needs."""

    @with_state
    @functools.wraps(work)
    def command(settings: Settings, *args: Any, **kwargs: Any) -> int:
        installation.prepare(settings)
        with _in_force(installation.environment(settings, os.environ)):
            return work(settings, *args, **kwargs)

    return command


def enter(settings: Settings) -> None:
    """Take the state folder up and close what lies open to others. Raises FootfallError."""
    keep_private(settings, is_first=take_up(settings.home))


@contextmanager
def _in_force(environment: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
