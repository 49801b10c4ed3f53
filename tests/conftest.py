"""What tests of several packages need: the command line, and an S3 server that fails on demand."""

import gc
import os
import socket
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings
from support.command_line import CommandLine, command_line
from support.fault_proxy import FaultProxy
from support.s3_server import s3_server

from footfall import store_cloud

# A busy machine pauses any example for a while; slowness is no failure here. The same examples each time, so
# that nothing fails by chance that others wrote; `make proof` looks for new ones.
settings.register_profile("footfall", deadline=None, derandomize=True)
settings.register_profile("proof", deadline=None, derandomize=False, max_examples=1000)
settings.load_profile("footfall")

#: Folders whose files take minutes. Side by side these go first, or one core waits for the last of them.
LONG = ("e2e", "dbt", "commands", "dashboard", "orchestration", "collector", "pixel")

# The .env of a person who works here may name a real lake: no test reads it.
os.environ["FOOTFALL_ENV_FILE"] = os.devnull

_prefixes = count()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where files go to several processes, the long ones first; alone, in their usual order."""
    if hasattr(config, "workerinput"):
        here = Path(__file__).parent
        folders = {item: item.path.relative_to(here).parts[0] for item in items}
        items.sort(key=lambda item: LONG.index(folders[item]) if folders[item] in LONG else len(LONG))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What is loaded by now stays: nobody need look through it for garbage again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _has_asked_no_cloud() -> None:
    """As each command is when it begins. The tests of a process are many."""
    store_cloud._served.clear()


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


@pytest.fixture
def footfall(tmp_path: Path) -> CommandLine:
    """The command line on an empty state folder, with the example clients."""
    return command_line(tmp_path / "state")


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A socket that listens on a port of 127.0.0.1."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener
