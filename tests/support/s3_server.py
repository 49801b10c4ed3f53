"""A real S3 server for tests: SeaweedFS from its wheel, on ports of its own, killed by its process id."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

#: An administrator makes buckets; what is tested acts as an ordinary user of one bucket.
ADMIN = ("admin-key", "admin-secret")
USER = ("user-key", "user-secret")
BUCKET = "footfall-test"
#: Another, which who needs it makes as the administrator.
LOCKED = "footfall-locked"
_START_SECONDS = 60
#: Every port it would open by default, so that several servers can run side by side.
_PORTS = (
    *("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc"),
    *("s3.port", "s3.port.grpc", "s3.port.iceberg", "s3.port.lance", "admin.port", "admin.port.grpc"),
)


@dataclass(frozen=True)
class S3Server:
    """A running server: its endpoint, the bucket, and how an ordinary user gets in."""

    endpoint: str
    bucket: str
    environment: dict[str, str]

    def client(self, keys: tuple[str, str] = USER) -> "S3Client":
        """A client of boto3 as one of the two; to be closed."""
        return _client(self.endpoint, keys)


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """Serve S3 from `folder` with one bucket. Takes one to two seconds to start."""
    binary = Path(sys.prefix) / "bin" / "weed"
    config = folder / "s3.json"
    identities = [_identity("admin", ADMIN, ["Admin"]), _identity("user", USER, _RIGHTS)]
    config.write_text(json.dumps({"identities": identities}))
    ports = dict(zip(_PORTS, _free_ports(len(_PORTS)), strict=True))
    data = folder / "data"
    data.mkdir()
    log = (folder / "weed.log").open("wb")
    process = subprocess.Popen(
        [
            str(binary),
            "mini",
            f"-dir={data}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-master.telemetry=false",
            "-admin.ui=false",
            "-webdav=false",
            f"-s3.config={config}",
            "-s3.iam.readOnly=false",
            "-volume.max=100",
            *(f"-{name}={port}" for name, port in ports.items()),
        ],
        cwd=folder,
        env={**os.environ, "GOMEMLIMIT": "1500MiB", "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        endpoint = f"http://127.0.0.1:{ports['s3.port']}"
        _make_bucket(endpoint, process, folder / "weed.log")
        yield S3Server(endpoint, BUCKET, credentials(USER))
    finally:
        process.send_signal(signal.SIGKILL)  # an orderly end can take twenty seconds
        process.wait()
        log.close()
        shutil.rmtree(data, ignore_errors=True)


_RIGHTS = [f"{right}:{bucket}" for bucket in (BUCKET, LOCKED) for right in ("Read", "Write", "List")]


def _identity(name: str, keys: tuple[str, str], actions: list[str]) -> dict[str, object]:
    return {"name": name, "credentials": [{"accessKey": keys[0], "secretKey": keys[1]}], "actions": actions}


def credentials(keys: tuple[str, str]) -> dict[str, str]:
    """The environment variables by which an S3 client finds its keys."""
    return {
        "AWS_ACCESS_KEY_ID": keys[0],
        "AWS_SECRET_ACCESS_KEY": keys[1],
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _client(endpoint: str, keys: tuple[str, str]) -> "S3Client":
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=keys[0],
        aws_secret_access_key=keys[1],
        region_name="us-east-1",
    )


def _make_bucket(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> None:
    client = _client(endpoint, ADMIN)
    give_up = time.monotonic() + _START_SECONDS
    while True:
        try:
            client.create_bucket(Bucket=BUCKET)
            # The first write waits until the server has made itself a volume.
            client.put_object(Bucket=BUCKET, Key="ready", Body=b"")
            client.delete_object(Bucket=BUCKET, Key="ready")
            return
        except (BotoCoreError, ClientError) as error:
            if process.poll() is not None or time.monotonic() > give_up:
                end = log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"the S3 server does not start: {error}\n{end}") from None
            time.sleep(0.2)
        finally:
            client.close()


def _free_ports(n: int) -> list[int]:
    probes = [socket.socket() for _ in range(n)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
