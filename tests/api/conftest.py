"""An API with two clients, for the tests of a file; its tables are those that a test publishes."""

import pytest
from support.api_builders import served


@pytest.fixture
def api(tmp_path):
    with served(tmp_path) as made:
        yield made
