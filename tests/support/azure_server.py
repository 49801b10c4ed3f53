"""Azurite, Microsoft's own emulator of Azure Blob, in Node, on a port of its own.

It checks signatures and rights, conditions and names as the service does. It has no identities of Entra, no
hierarchical namespace, no soft delete and no limits. `npm ci` puts it into tests/support/azurite.
"""

import base64
import hashlib
import hmac
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path
from urllib.parse import urlencode

import pytest

ACCOUNT = "acme"
CONTAINER = "footfall-test"
_PROGRAM = (
    Path(__file__).parent / "azurite" / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
)
_VERSION = "2021-12-02"
_START_SECONDS = 120


@dataclass(frozen=True)
class AzureServer:
    """A running server: its address, one account with one container, and the account's key."""

    endpoint: str
    key: str
    account: str = ACCOUNT
    container: str = CONTAINER

    def signature(self, rights: str, *, seconds: int = 3600) -> str:
        """A shared access signature of the container with these rights (of `rcwdl`), good for so long."""
        end = (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        place = f"/blob/{self.account}/{self.container}"
        signed = [rights, "", end, place, "", "", "", _VERSION, "c", *[""] * 7]
        fields = {"sv": _VERSION, "sr": "c", "sp": rights, "se": end}
        return urlencode({**fields, "sig": _signed(self.key, "\n".join(signed))})


@contextmanager
def azure_server() -> Iterator[AzureServer]:
    """Serve from memory. Skips the test where Azurite is not installed, and fails it in CI."""
    _require()
    key = base64.b64encode(os.urandom(32)).decode()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            *("node", str(_PROGRAM), "--blobHost", "127.0.0.1", "--blobPort", str(port)),
            *("--inMemoryPersistence", "--disableTelemetry", "--silent"),
        ],
        env={**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{key}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(port, process)
        made = AzureServer(f"http://127.0.0.1:{port}", key)
        _make_container(made)
        yield made
    finally:
        process.kill()
        process.wait()


def _require() -> None:
    missing = None
    if shutil.which("node") is None:
        missing = "node is not installed"
    elif not _PROGRAM.is_file():
        missing = "Azurite is not installed: npm ci --ignore-scripts in tests/support/azurite"
    if missing and os.environ.get("CI"):
        pytest.fail(missing)
    if missing:
        pytest.skip(f"{missing}; az:// is not tested")


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    give_up = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError("Azurite does not start") from None
            time.sleep(0.1)


def _make_container(server: AzureServer) -> None:
    date = formatdate(usegmt=True)
    resource = f"/{ACCOUNT}/{ACCOUNT}/{CONTAINER}\nrestype:container"
    text = "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:{_VERSION}\n{resource}"
    headers = {
        "x-ms-date": date,
        "x-ms-version": _VERSION,
        "authorization": f"SharedKey {ACCOUNT}:{_signed(server.key, text)}",
    }
    address = f"{server.endpoint}/{ACCOUNT}/{CONTAINER}?restype=container"
    urllib.request.urlopen(urllib.request.Request(address, method="PUT", headers=headers)).close()


def _signed(key: str, text: str) -> str:
    digest = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()
