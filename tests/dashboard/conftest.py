"""A dashboard over a small published state, for all tests of a process."""

import pytest
from support.dashboard_builders import Dashboard


@pytest.fixture(scope="session")
def dashboard(tmp_path_factory):
    made = Dashboard(tmp_path_factory.mktemp("dashboard")).fill()
    yield made
    made.close()
