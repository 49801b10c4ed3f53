"""What tests of several packages need: a real S3 server behind a proxy that fails on demand."""

from collections.abc import Iterator
from itertools import count

import pytest
from support.fault_proxy import FaultProxy
from support.s3_server import s3_server

_prefixes = count()


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultProxy]:
    """The proxy; the environment has the keys of an ordinary user as long as the module's tests run."""
    with (
        s3_server(tmp_path_factory.mktemp("s3")) as server,
        pytest.MonkeyPatch.context() as patch,
        FaultProxy(server.endpoint, bucket=server.bucket) as proxy,
    ):
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield proxy


@pytest.fixture
def s3_url(proxy: FaultProxy) -> Iterator[str]:
    """An `s3://` URL where nothing lies yet. Afterwards the proxy is healed and has seen nothing."""
    yield f"s3://{proxy.bucket}/fresh-{next(_prefixes)}"
    proxy.heal()
    proxy.seen.clear()
