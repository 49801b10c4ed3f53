"""Servers of Google's and Azure's stores, for the tests of stores."""

import pytest
from support.azure_server import azure_server
from support.gcs_server import gcs_server


@pytest.fixture(scope="module")
def gcs():
    with gcs_server() as server:
        yield server


@pytest.fixture(scope="module")
def azure():
    with azure_server() as server:
        yield server
