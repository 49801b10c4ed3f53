"""A real S3 server behind a proxy that fails on demand, and stores on it, each at a prefix of its own.

@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    with faulty_s3(tmp_path_factory.mktemp("s3")) as proxy:
        yield proxy

@pytest.fixture
def lake(proxy):
    with fresh_prefix(proxy) as url:
        yield open_store(url, s3_endpoint=proxy.endpoint)
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from support.fault_proxy import FaultProxy
from support.s3_server import s3_server

_prefixes = count()


@contextmanager
def faulty_s3(folder: Path) -> Iterator[FaultProxy]:
    """The proxy; the environment has the keys of an ordinary user for as long as the block lasts."""
    with (
        s3_server(folder) as server,
        pytest.MonkeyPatch.context() as patch,
        FaultProxy(server.endpoint, bucket=server.bucket) as proxy,
    ):
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield proxy


@contextmanager
def fresh_prefix(proxy: FaultProxy) -> Iterator[str]:
    """An `s3://` URL where nothing lies yet. Afterwards the proxy is healed and has seen nothing."""
    yield f"s3://{proxy.bucket}/fresh-{next(_prefixes)}"
    proxy.heal()
    proxy.seen.clear()
