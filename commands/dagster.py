"""`footfall dagster`: Dagster's parts one by one, as containers run them, and its history into PostgreSQL."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from commands import code_server, installation
from commands.client_files import Reloader
from commands.orphans import ends_with_parent
from commands.processes import end_group, is_answering, uninterrupted
from commands.registry import put_in_force
from commands.speaking import relay, speaker
from commands.state import enter, with_installation, with_settings
from footfall.environments import require_safe
from footfall.errors import FootfallError
from footfall.hours import lower_first_hour
from footfall.settings import Settings


@click.group()
def command() -> None:
    """Dagster's parts one by one, as containers run them; its history into PostgreSQL."""


@command.command()
@with_settings
def code(settings: Settings) -> int:
    """The code server: definitions, and the processes of runs. To be started before the others."""
    require_safe(settings, os.environ)
    enter(settings)
    installation.prepare(settings)
    installation.prepare_models(settings)
    put_in_force(settings)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    lower_first_hour(settings.first_hour_file, today)
    with installation.sole_instance(settings):
        code_server.write_workspace(settings)
        watch = code_server.Loss()
        return _run(
            settings, code_server.NAME, code_server.command(settings), lambda pid: not watch.is_lost(pid)
        )


@command.command()
@with_settings
def webserver(settings: Settings) -> int:
    """The webserver, on FOOTFALL_UI_HOST, once the code server answers."""
    require_safe(settings, os.environ)
    _wait(lambda: code_server.answers(settings), "the code server (`footfall dagster code`) does not answer")
    reloader = Reloader(settings, speaker(settings, "dagster-webserver"))

    def look(_pid: int) -> bool:
        reloader.look()
        return True

    return _run(settings, "dagster-webserver", installation.webserver(settings, settings.ui_host), look)


@command.command()
@with_settings
def daemon(settings: Settings) -> int:
    """The daemon: schedules, sensors, the queue of runs. Starts once the webserver answers."""
    require_safe(settings, os.environ)
    # Two that make Dagster's tables at once leave them broken.
    url = f"{settings.dagster_url}/server_info"
    _wait(lambda: is_answering(url), f"the webserver (`footfall dagster webserver`) does not answer at {url}")
    return _run(settings, "dagster-daemon", installation.daemon(settings))


@command.command()
@with_settings
def alive(settings: Settings) -> int:
    """Whether the daemon has given a sign of life lately: for health checks of containers."""
    os.environ.update(installation.environment(settings, os.environ))
    import dagster as dg

    from commands.watching import DAEMON_AGE
    from orchestration.defs.alerting.runs import daemon_age

    with dg.DagsterInstance.get() as instance:
        age = daemon_age(instance, datetime.now(UTC))
    if age is None or age > DAEMON_AGE:
        raise FootfallError("the daemon has given no sign of life for five minutes")
    return 0


@command.command()
@with_installation
def migrate(settings: Settings) -> int:
    """Copy the history of the state folder into the database of FOOTFALL_POSTGRES, which has none yet."""
    if not settings.postgres:
        raise FootfallError("FOOTFALL_POSTGRES is not set: say into which database")
    installation.require_unheld(settings)
    import dagster as dg

    from orchestration.history import move

    with dg.DagsterInstance.get():
        pass  # makes the tables
    copied = move(settings.dagster_home, settings.postgres, lambda line: print(line, flush=True))
    for name in ("runs", "event_logs", "job_ticks", "asset_keys"):
        print(f"{name:<12} {copied[name]}")
    print(f"the files in {settings.dagster_home} were left as they are, and are not read any more")
    return 0


def _wait(is_so: Callable[[], bool], otherwise: str) -> None:
    give_up = time.monotonic() + installation.DAGSTER_SECONDS
    while not is_so():
        if time.monotonic() > give_up:
            raise FootfallError(f"{otherwise} after {installation.DAGSTER_SECONDS} s")
        time.sleep(0.5)


def _run(
    settings: Settings, part: str, command: Sequence[str], look: Callable[[int], bool] = lambda _pid: True
) -> int:
    """One program until it ends or we are told to, its output to ours. Returns its exit code.

    `look` is asked now and then with its process id: False ends it, with 1.
    """
    environment = installation.environment(settings, os.environ)
    process = _start(part, command, environment)
    thread = threading.Thread(target=_pass_on, args=(settings, part, process), daemon=True)
    thread.start()
    is_well = True
    try:
        while is_well and process.poll() is None:
            is_well = look(process.pid)
            time.sleep(0.5)
    except KeyboardInterrupt:
        process.terminate()
    finally:
        if not is_well:
            process.terminate()
        end_group(process)
        thread.join(2)
    if not is_well:
        raise FootfallError(f"{part} has lost the process with the definitions; it ends, to be started again")
    return 0 if process.returncode in (0, -15) else 1


def _start(part: str, command: Sequence[str], environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    try:
        with uninterrupted():
            return subprocess.Popen(
                command,
                cwd=Path.cwd(),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=ends_with_parent(),
            )
    except OSError as error:
        raise FootfallError(f"cannot start {part}: {error.strerror}: {error.filename}") from None


def _pass_on(settings: Settings, part: str, process: "subprocess.Popen[bytes]") -> None:
    said = relay(settings) or (lambda _part, raw: raw)
    assert process.stdout is not None
    for raw in process.stdout:
        if text := raw.decode(errors="replace").rstrip("\r\n"):
            sys.stdout.write(said(part, text) + "\n")
            sys.stdout.flush()
