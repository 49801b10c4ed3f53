"""Starts what the collector is measured against, each in a folder of its own, and ends it again.

The server itself stays on the collector's core, like the collector with all its threads. A database
beside it may use every core: it is not to be slow because of us.
"""

import asyncio
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.measure import cores, pin

ROOT = Path(__file__).resolve().parents[1]
ECHO_MODULES = ("/usr/lib/nginx/modules", "/usr/share/nginx/modules", "/usr/local/lib/nginx/modules")
START_SECONDS = 20.0

NGINX = """\
load_module {module};
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log; worker_rlimit_nofile 4096;
events {{ worker_connections 2048; }}
http {{
  log_format body escape=none '$request_body';
  access_log {folder}/bodies body;
  keepalive_requests 1000000000; client_body_buffer_size 1m; client_body_in_single_buffer on;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{
    listen 127.0.0.1:{port};
    location / {{ echo_read_request_body; echo_status 204; echo_duplicate 0 ''; }}
  }}
}}
"""

TABLE = (
    "CREATE TABLE events (number bigserial PRIMARY KEY, id text NOT NULL, type text NOT NULL, "
    "url text NOT NULL, title text, referrer text, props text)"
)


class Missing(Exception):
    """Something that is not installed; the text says what."""


@dataclass
class Peer:
    """A server that answers on a port, and its process."""

    port: int
    pid: int


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def process(
    command: Sequence[str],
    log: Path,
    *,
    on: Sequence[int],
    environment: dict[str, str] | None = None,
    ending: signal.Signals = signal.SIGTERM,
    user: str | None = None,
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process with its output in a file, on these cores (none: on any), ended at the end.

    `user`: whose it is, where it is not to be ours.
    """
    with log.open("wb") as output:
        started = subprocess.Popen(
            command,
            cwd="/" if user else ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            user=user,
            group=user,
            extra_groups=[] if user else None,
        )
    if on:
        pin(started.pid, *on)
    try:
        yield started
    finally:
        started.send_signal(ending)
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def await_port(port: int, log: Path, running: "subprocess.Popen[bytes]") -> None:
    """Wait until something answers there. Raises RuntimeError with the log where nothing does."""
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if running.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"did not start: {log.read_text(errors='replace')[-2000:]}") from None
            time.sleep(0.05)


def need(*packages: str) -> None:
    """Raises Missing where a package of the group `bench` is not installed."""
    for name in packages:
        if importlib.util.find_spec(name) is None:
            raise Missing(f"the package {name}; run `uv sync --group bench`")


def need_program(name: str, *folders: str) -> str:
    """The path of a program. Raises Missing where it is not installed."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *folders]))
    if found is None:
        raise Missing(f"the program {name}")
    return found


@contextmanager
def nginx(folder: Path) -> Iterator[Peer]:
    """nginx with its echo module, which reads a body without passing it on; one worker."""
    program = need_program("nginx", "/usr/sbin", "/usr/local/sbin")
    modules = [Path(place) / "ngx_http_echo_module.so" for place in ECHO_MODULES]
    module = next((path for path in modules if path.exists()), None)
    if module is None:
        raise Missing("nginx's echo module (Debian: libnginx-mod-http-echo)")
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(module=module, folder=folder, port=port))
    log = folder / "output.log"
    with process((program, "-c", str(config)), log, on=cores()[-1:]) as started:
        await_port(port, log, started)
        yield Peer(port, started.pid)


@contextmanager
def postgres(folder: Path, *settings: str) -> Iterator[str]:
    """A new cluster, fsync on; the URL of its database. `settings`: `name=value`, in place of defaults."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    initdb = need_program("initdb", *map(str, programs))
    server = need_program("postgres", *map(str, programs), str(Path(initdb).resolve().parent))
    port, data = free_port(), folder / "data"
    # Postgres does not run as root, and runuser would stand between it and the signal that ends it.
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    subprocess.run(
        [initdb, "-D", str(data), "-A", "trust", "-U", "bench", "-E", "UTF8", "--locale=C"],
        cwd="/",
        check=True,
        capture_output=True,
        user=user,
        group=user,
        extra_groups=[] if user else None,
    )
    all_settings = ("listen_addresses=127.0.0.1", f"unix_socket_directories={folder}", *settings)
    options = ("-p", str(port), *(part for each in all_settings for part in ("-c", each)))
    log = folder / "postgres.log"
    command = (server, "-D", str(data), *options)
    # SIGTERM waits for clients.
    with process(command, log, on=(), ending=signal.SIGINT, user=user) as started:
        await_port(port, log, started)
        yield f"postgresql://bench@127.0.0.1:{port}/postgres"


@contextmanager
def fastapi(folder: Path, module: str) -> Iterator[Peer]:
    """One of the FastAPI references with a Postgres of its own."""
    need("fastapi", "uvicorn", "asyncpg")
    with postgres(folder) as url:
        asyncio.run(_create_table(url))
        port, log = free_port(), folder / "app.log"
        command = (sys.executable, "-m", "uvicorn", "--no-access-log", "--log-level", "warning")
        with process(
            (*command, "--port", str(port), f"bench.references.{module}:app"),
            log,
            on=cores()[-1:],
            environment=os.environ | {"DATABASE_URL": url},
        ) as started:
            await_port(port, log, started)
            yield Peer(port, started.pid)


async def _create_table(url: str) -> None:
    import asyncpg  # of the group `bench`

    until = time.monotonic() + START_SECONDS
    while True:
        try:
            connection = await asyncpg.connect(url)
            break
        except asyncpg.CannotConnectNowError:  # its port is open before it is ready
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.1)
    await connection.execute(TABLE)
    await connection.close()


@contextmanager
def flask(folder: Path) -> Iterator[Peer]:
    """Flask under gunicorn, two workers of eight threads, with a Redis that writes its file."""
    need("flask", "gunicorn", "redis")
    server = need_program("redis-server")
    where = folder / "redis.sock"
    options = ("--port", "0", "--unixsocket", str(where), "--dir", str(folder), "--appendonly", "yes")
    port, log = free_port(), folder / "app.log"
    command = (sys.executable, "-m", "gunicorn", "-w", "2", "-k", "gthread", "--threads", "8")
    with process((server, *options), folder / "redis.log", on=()):
        until = time.monotonic() + START_SECONDS
        while not where.exists() and time.monotonic() < until:
            time.sleep(0.05)
        with process(
            (*command, "--keep-alive", "30", "-b", f"127.0.0.1:{port}", "bench.references.flask_redis:app"),
            log,
            on=cores()[-1:],
            environment=os.environ | {"REDIS_SOCKET": str(where)},
        ) as started:
            await_port(port, log, started)
            yield Peer(port, started.pid)


@contextmanager
def least(folder: Path) -> Iterator[Peer]:
    """Our own server with an application that does next to nothing."""
    log = folder / "least.log"
    command = (sys.executable, "-m", "bench.references.least", str(folder / "bodies"))
    with process(command, log, on=cores()[-1:]) as started:
        until = time.monotonic() + START_SECONDS
        while not log.read_text().endswith("\n"):
            if started.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"did not start: {log.read_text()}")
            time.sleep(0.05)
        yield Peer(int(log.read_text()), started.pid)
