"""One installation: its state folder, who may use it, and the processes that serve it."""

import fcntl
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TextIO

from commands import code_server
from commands.processes import Children, python, require_free_port
from footfall.errors import FootfallError
from footfall.installed import DATA
from footfall.mounts import remote_here
from footfall.settings import Settings
from orchestration.instance_file import instance_file
from orchestration.reloading import LOAD_SECONDS

#: Seconds until a part must answer. On an idle machine the webserver takes 10 and the collector 1; a busy one
#: takes twenty times that. One that ends meanwhile is told of at once, so that a long wait costs nothing.
DAGSTER_SECONDS, COLLECTOR_SECONDS = LOAD_SECONDS, 60

_CHECKSUMS = ("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION")


def require_local(settings: Settings) -> None:
    """Raise FootfallError where the state folder is on another machine's disk."""
    kind = remote_here(settings.home)
    if kind is not None:
        raise FootfallError(
            f"the state folder {settings.home} is on {kind}, where SQLite, DuckDB and the spool cannot rely "
            "on locks and fsync; set FOOTFALL_HOME to a folder on a local disk"
        )


def prepare_models(settings: Settings) -> None:
    """What dbt makes of the models, where it is missing. Raises FootfallError with dbt's own words."""
    from orchestration.modelling.project import prepare

    prepare(settings.home, lambda line: print(line, flush=True))


def prepare(settings: Settings) -> None:
    """Make the state folder and Dagster's home in it. Raises FootfallError where that cannot be."""
    require_local(settings)
    try:
        settings.dagster_home.mkdir(parents=True, exist_ok=True)
        template = (DATA / "dagster.yaml").read_text()
        (settings.dagster_home / "dagster.yaml").write_text(instance_file(template, settings))
        if settings.postgres:
            from orchestration.history import require_answer  # only who has a database pays for its driver

            require_answer(settings.postgres)
    except OSError as error:
        raise FootfallError(
            f"the state folder {settings.home} cannot be written ({error.strerror}); "
            "mend its rights or set FOOTFALL_HOME"
        ) from None


@contextmanager
def sole_instance(settings: Settings) -> Iterator[None]:
    """Hold the state folder. Raises FootfallError when another `footfall up` or `demo` has it."""
    with _lock_file(settings).open("a+") as lock:
        _take(lock, settings)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def require_unheld(settings: Settings) -> None:
    """Raise FootfallError where another `footfall up` or `demo` has the state folder."""
    if _lock_file(settings).is_file():
        with _lock_file(settings).open() as lock:
            _take(lock, settings)


def _lock_file(settings: Settings) -> Path:
    return settings.home / "instance.lock"


def _take(lock: TextIO, settings: Settings) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        raise FootfallError(
            f"{settings.home} is in use by process {lock.read().strip() or 'unknown'}; "
            "stop it, or set FOOTFALL_HOME to another folder"
        ) from None


def environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child: the caller's, with absolute folders and Dagster's home.

    A child runs in the folder that its parent was started in, so that a relative path means the same to both;
    Python does not look for modules there.
    """
    return {
        # For each question to the code server, 60 unless told: a busy machine takes its time.
        "DAGSTER_GRPC_TIMEOUT_SECONDS": str(DAGSTER_SECONDS),
        # Heaps beside one another; glibc would give each thread of Dagster's processes one of its own.
        "MALLOC_ARENA_MAX": "2",
        # Looks of Dagster's daemon that find nothing for hours, 5 and 30 unless told: for runs that died, to
        # be tried again, and for what the UI shows as late, after two hours.
        "DAGSTER_EVENT_LOG_CONSUMER_DAEMON_INTERVAL_SECONDS": "30",
        "FRESHNESS_DAEMON_INTERVAL_SECONDS": "300",
        **environ,
        "FOOTFALL_HOME": str(settings.home),
        "FOOTFALL_CLIENTS": str(settings.clients),
        "DAGSTER_HOME": str(settings.dagster_home),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONSAFEPATH": "1",
        "PYTHONTZPATH": "",  # Dagster's own processes take time zones from the package too (footfall.zones)
        # Dagster reads it of the environment: no file of ours has the password.
        **({"FOOTFALL_POSTGRES": settings.postgres} if settings.postgres else {}),
        # Compatible stores refuse the checksums that newer clients of S3 add unasked, as Dagster's own does.
        **(dict.fromkeys(_CHECKSUMS, "when_required") if settings.s3_endpoint else {}),
    }


def start_collector(children: Children, settings: Settings, tend: Callable[[], None] | None = None) -> str:
    """Start the collector and wait until it takes events. Returns its address. `tend`: see Children."""
    require_free_port(settings.collector_host, settings.collector_port, "FOOTFALL_COLLECTOR_PORT")
    url = f"http://{settings.collector_host}:{settings.collector_port}"
    children.start("collector", python("-m", "collector"))
    children.wait_for("collector", f"{url}/health", COLLECTOR_SECONDS, tend)
    return url


def start_api(children: Children, settings: Settings, tend: Callable[[], None] | None = None) -> str:
    """Start the API and wait until it answers. Returns its address; empty where it is switched off."""
    if not settings.api_port:
        return ""
    require_free_port(settings.api_host, settings.api_port, "FOOTFALL_API_PORT")
    url = f"http://{settings.api_host}:{settings.api_port}"
    children.start("api", python("-m", "commands.entry", "api"))
    children.wait_for("api", f"{url}/health", COLLECTOR_SECONDS, tend)
    return url


def start_dashboard(children: Children, settings: Settings, tend: Callable[[], None] | None = None) -> str:
    """Start the dashboard and wait until it answers. Returns its address; empty where it is switched off."""
    if not settings.dashboard_port:
        return ""
    require_free_port(settings.dashboard_host, settings.dashboard_port, "FOOTFALL_DASHBOARD_PORT")
    url = f"http://{settings.dashboard_host}:{settings.dashboard_port}"
    children.start("dashboard", python("-m", "commands.entry", "dashboard"))
    children.wait_for("dashboard", f"{url}/health", COLLECTOR_SECONDS, tend)
    return url


def start_dagster(children: Children, settings: Settings, tend: Callable[[], None] | None = None) -> str:
    """Start Dagster's code server, webserver and daemon, and wait for the UI. Returns its address.

    `tend`: see Children.
    """
    require_free_port("127.0.0.1", settings.ui_port, "FOOTFALL_UI_PORT")
    code_server.write_workspace(settings)
    children.start(code_server.NAME, code_server.command(settings))
    children.wait_until(
        code_server.NAME,
        partial(code_server.answers, settings),
        "load the definitions",
        DAGSTER_SECONDS,
        tend,
    )
    # The UI has no login: it listens on this machine only.
    children.start("dagster-webserver", webserver(settings, "127.0.0.1"))
    url = f"http://127.0.0.1:{settings.ui_port}"
    children.wait_for("dagster-webserver", f"{url}/server_info", DAGSTER_SECONDS, tend)
    # Only now: two that make Dagster's databases at once leave them broken.
    children.start("dagster-daemon", daemon(settings))
    return url


def webserver(settings: Settings, host: str) -> list[str]:
    """How Dagster's webserver is started, once the code server has written where it is."""
    program = str(Path(sys.prefix) / "bin" / "dagster-webserver")
    workspace = ("-w", str(code_server.workspace(settings)))
    listens = ("-h", host, "-p", str(settings.ui_port))
    return [
        *(program, *listens, *workspace, "--dagster-log-level", "warning"),
        *code_server.log_options(settings),
    ]


def daemon(settings: Settings) -> list[str]:
    """How Dagster's daemon is started. Its level is that of all it says: a line a tick is 8 MB a day."""
    program = str(Path(sys.prefix) / "bin" / "dagster-daemon")
    workspace = ("-w", str(code_server.workspace(settings)))
    return [program, "run", *workspace, "--log-level", "warning", *code_server.log_options(settings)]


def start_demo_site(children: Children, settings: Settings, collector: str, site_key: str) -> str:
    """Start the demo site with the pixel on it. Returns its address."""
    require_free_port("127.0.0.1", settings.site_port, "FOOTFALL_SITE_PORT")
    serve = str(DATA / "pixel" / "serve.py")
    port = str(settings.site_port)
    children.start(
        "demo-site", python(serve, "--port", port, "--collector", collector, "--site-key", site_key)
    )
    url = f"http://127.0.0.1:{settings.site_port}/"
    children.wait_for("demo-site", url, COLLECTOR_SECONDS)
    return url


def versions() -> dict[str, str]:
    """Package → installed version, of the packages that Footfall stands on."""
    from importlib.metadata import version

    names = ("footfall", "dagster", "dbt-core", "dbt-duckdb", "duckdb", "httptools", "boto3")
    return {"python": sys.version.split()[0], **{name: version(name) for name in names}}
