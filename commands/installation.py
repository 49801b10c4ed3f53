"""One installation: its state folder, who may use it, and the processes that serve it."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from commands.processes import Children, end_group, python, require_free_port, uninterrupted
from footfall.errors import FootfallError
from footfall.installed import DATA
from footfall.mounts import remote_here
from footfall.settings import Settings


def prepare(settings: Settings) -> None:
    """Make the state folder and Dagster's home in it. Raises FootfallError where that cannot be."""
    kind = remote_here(settings.home)
    if kind is not None:
        raise FootfallError(
            f"the state folder {settings.home} is on {kind}, where SQLite, DuckDB and the spool cannot rely "
            "on locks and fsync; set FOOTFALL_HOME to a folder on a local disk"
        )
    try:
        settings.dagster_home.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(DATA / "dagster.yaml", settings.dagster_home / "dagster.yaml")
    except OSError as error:
        raise FootfallError(
            f"the state folder {settings.home} cannot be written ({error.strerror}); "
            "mend its rights or set FOOTFALL_HOME"
        ) from None


@contextmanager
def sole_instance(settings: Settings) -> Iterator[None]:
    """Hold the state folder. Raises FootfallError when another `footfall up` or `demo` has it."""
    with (settings.home / "instance.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise FootfallError(
                f"{settings.home} is in use by process {lock.read().strip() or 'unknown'}; "
                "stop it, or set FOOTFALL_HOME to another folder"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child: the caller's, with absolute folders and Dagster's home.

    A child runs in the folder that its parent was started in, so that a relative path means the same to both;
    Python does not look for modules there.
    """
    return {
        **environ,
        "FOOTFALL_HOME": str(settings.home),
        "FOOTFALL_CLIENTS": str(settings.clients),
        "DAGSTER_HOME": str(settings.dagster_home),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONSAFEPATH": "1",
    }


def start_collector(children: Children, settings: Settings, tend: Callable[[], None] | None = None) -> str:
    """Start the collector and wait until it takes events. Returns its address. `tend`: see Children."""
    require_free_port(settings.collector_host, settings.collector_port, "FOOTFALL_COLLECTOR_PORT")
    url = f"http://{settings.collector_host}:{settings.collector_port}"
    children.start("collector", python("-m", "collector"))
    children.wait_for("collector", f"{url}/health", 30, tend)
    return url


def start_dagster(children: Children, settings: Settings, tend: Callable[[], None] | None = None) -> str:
    """Start Dagster's webserver and daemon and wait for the UI. Returns its address. `tend`: see Children."""
    require_free_port("127.0.0.1", settings.ui_port, "FOOTFALL_UI_PORT")
    workspace = ("-w", str(DATA / "workspace.yaml"))
    # The UI has no login: it listens on this machine only.
    binaries = Path(sys.prefix) / "bin"
    port = str(settings.ui_port)
    children.start(
        "dagster-webserver", [str(binaries / "dagster-webserver"), "-h", "127.0.0.1", "-p", port, *workspace]
    )
    children.start("dagster-daemon", [str(binaries / "dagster-daemon"), "run", *workspace])
    url = f"http://127.0.0.1:{settings.ui_port}"
    children.wait_for("dagster-webserver", f"{url}/server_info", 90, tend)
    return url


def start_demo_site(children: Children, settings: Settings, collector: str, site_key: str) -> str:
    """Start the demo site with the pixel on it. Returns its address."""
    require_free_port("127.0.0.1", settings.site_port, "FOOTFALL_SITE_PORT")
    serve = str(DATA / "pixel" / "serve.py")
    port = str(settings.site_port)
    children.start(
        "demo-site", python(serve, "--port", port, "--collector", collector, "--site-key", site_key)
    )
    url = f"http://127.0.0.1:{settings.site_port}/"
    children.wait_for("demo-site", url, 15)
    return url


def materialise(settings: Settings, environ: Mapping[str, str], start: str, end: str) -> int:
    """Run the hours of [start, end) through Dagster, narrated on this terminal. Returns the exit code."""
    return run_module(settings, environ, "commands.run", "--from", start, "--to", end)


def run_module(settings: Settings, environ: Mapping[str, str], module: str, *arguments: str) -> int:
    """Run `python -m module` on this terminal until it ends. Returns its exit code."""
    command = python("-m", module, *arguments)
    # In a session of its own: Ctrl-C is passed on to it alone, and it ends its own children in order. As
    # SIGTERM, because Python answers a SIGINT in the middle of its imports with a traceback.
    child = None
    try:
        with uninterrupted():
            child = subprocess.Popen(command, env=environment(settings, environ), start_new_session=True)
        return child.wait()
    except KeyboardInterrupt:
        if child is not None:
            child.terminate()
        raise
    finally:
        if child is not None:
            end_group(child)


def report(settings: Settings, environ: Mapping[str, str], start: str, end: str) -> str:
    """What the warehouse holds for the hours of [start, end), as JSON (commands.report)."""
    done = subprocess.run(
        python("-m", "commands.report", "--from", start, "--to", end),
        env=environment(settings, environ),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise FootfallError(done.stderr.strip() or "the report failed without a word")
    return done.stdout


def versions() -> dict[str, str]:
    """Package → installed version, of the packages that Footfall stands on."""
    from importlib.metadata import version

    names = ("footfall", "dagster", "dbt-core", "dbt-duckdb", "duckdb", "httptools", "boto3")
    return {"python": sys.version.split()[0], **{name: version(name) for name in names}}
