from collections.abc import Iterator

import pytest
from support.collectors import CollectorProcess, free_port


@pytest.fixture(scope="session")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    """One real collector for all tests that only talk to it. Segments stay open for the whole session."""
    process = CollectorProcess(
        tmp_path_factory.mktemp("collector"),
        settings={"FOOTFALL_SEGMENT_SECONDS": "3600", "FOOTFALL_METRICS_PORT": str(free_port())},
    ).start()
    yield process
    process.end()
