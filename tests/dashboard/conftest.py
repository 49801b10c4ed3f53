"""A dashboard over a small published state, for the tests of a file."""

import pytest
from support.dashboard_builders import Dashboard


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory):
    made = Dashboard(tmp_path_factory.mktemp("dashboard")).fill()
    yield made
    made.close()
