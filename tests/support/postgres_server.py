"""A real PostgreSQL server of its own, on a free port, that ends with the test; never as root."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

#: Where Debian puts the server's programs, the newest last.
PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
#: Seconds in which it must take connections; it needs one on an idle machine.
START_SECONDS = 120


@contextmanager
def postgres_server() -> Iterator[str]:
    """The address of an empty database of a user of its own. Skips where no server is installed."""
    found = shutil.which("initdb") or next((str(each / "initdb") for each in reversed(PLACES)), None)
    if found is None:
        pytest.skip("no PostgreSQL server is installed (Debian: apt-get install postgresql)")
    programs = Path(found).resolve().parent
    # The server refuses to run as root, and pytest's own folders are closed to others.
    who = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    folder = Path(tempfile.mkdtemp(prefix="footfall-postgres-"))
    data, password = folder / "data", secrets.token_hex(16)
    (folder / "password").write_text(password)
    for path in (folder, folder / "password"):
        os.chown(path, who.pw_uid, who.pw_gid)
    as_them = (
        {"user": who.pw_uid, "group": who.pw_gid, "cwd": folder} if os.getuid() == 0 else {"cwd": folder}
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = None
    try:
        subprocess.run(
            [
                *(programs / "initdb", "-D", data, "-U", "footfall", "--pwfile", folder / "password"),
                *("-A", "scram-sha-256", "--no-sync", "-E", "UTF8", "--locale", "C"),
            ],
            check=True, capture_output=True, **as_them,
        )  # fmt: skip
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [
                    *(programs / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", ""),
                    *("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=60"),
                ],
                stdout=log, stderr=log, **as_them,
            )  # fmt: skip
        give_up = time.monotonic() + START_SECONDS
        while "ready to accept connections" not in (folder / "log").read_text(errors="replace"):
            assert server.poll() is None and time.monotonic() < give_up, (folder / "log").read_text()
            time.sleep(0.1)
        yield f"postgresql://footfall:{password}@127.0.0.1:{port}/postgres"
    finally:
        if server is not None:
            server.terminate()
            server.wait(60)
        shutil.rmtree(folder, ignore_errors=True)
