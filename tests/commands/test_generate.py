"""Documents that are made of code are as the code is now."""

import json

import pytest
from support.services import ROOT

from commands.generate import MADE
from footfall.catalogue import documents
from footfall.catalogue.formats import FORMATS


@pytest.mark.parametrize("name", MADE)
def test_what_is_made_is_current(name):
    """Mended by: make generate"""
    text = (ROOT / name).read_text()

    assert MADE[name](text) == text


def test_a_format_that_the_schema_of_manifests_lacks_would_be_seen():
    text = (ROOT / "docs" / "manifest.schema.json").read_text()
    assert json.loads(text)["properties"]["format"]["enum"] == list(FORMATS)

    assert MADE["docs/manifest.schema.json"](text.replace('"jsonl", ', "")) == text


def test_only_the_part_between_the_lines_is_replaced():
    text = "before\n<!-- made: x -->\nold\n<!-- end: x -->\nafter\n"

    assert documents.replaced(text, "x", "new\n") == text.replace("old", "new")


@pytest.mark.parametrize("text", ["", "<!-- made: x -->\n", "<!-- made: x -->\n<!-- end: x -->\n" * 2])
def test_a_document_that_lost_its_lines_is_told_of(text):
    with pytest.raises(ValueError, match="must be there once"):
        documents.replaced(text, "x", "new\n")


def test_a_document_that_differs_would_be_seen():
    schema = json.loads((ROOT / "clients" / "client.schema.json").read_text())
    exports = schema["$defs"]["Export"]["properties"]
    exports["dataset"]["enum"].remove("journeys")

    assert MADE["clients/client.schema.json"]("") != json.dumps(schema, indent=2) + "\n"
