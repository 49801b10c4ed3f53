"""Tables of documents that are made of the code are as the code is."""

import re
import runpy

import pytest
from support.repository import ROOT, name_of

TABLES = runpy.run_path(str(ROOT / "docs" / "tables.py"))


@pytest.mark.parametrize("path", list(TABLES["documents"]()), ids=name_of)
def test_every_table_of_a_document_is_current(path):
    text = path.read_text()

    assert TABLES["current"](text) == text, "run: python docs/tables.py"


def test_every_table_stands_somewhere_and_once():
    marked = [
        name
        for path in TABLES["documents"]()
        for name in re.findall(r"<!-- table: ([a-z-]+) -->", path.read_text())
    ]

    assert sorted(marked) == sorted(TABLES["TABLES"])
