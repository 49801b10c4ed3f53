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


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_named_where_clients_read_of_formats(name):
    manifest = json.loads((ROOT / "docs" / "manifest.schema.json").read_text())

    assert manifest["properties"]["format"]["enum"] == list(FORMATS)
    for document in ("delivery.md", "client-onboarding.md"):
        assert f"`{name}`" in (ROOT / "docs" / document).read_text(), document


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
