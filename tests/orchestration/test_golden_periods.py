"""What is stored of a period stays as it is: keys, manifests and labels, byte for byte.

`tests/fixtures/golden_periods.json` is what an earlier version delivered; `tests/support/golden_periods.py`
says how a case is made, and writes the file where a change is wanted.
"""

import json

import pytest
from support.golden_periods import CASES, GOLDEN, stored

EXPECTED = json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("name", CASES)
def test_a_period_is_stored_as_ever(name, tmp_path):
    assert stored(tmp_path, CASES[name]) == EXPECTED[name]


def test_every_case_has_what_an_earlier_version_stored():
    assert list(EXPECTED) == list(CASES)
