"""Documents that are made of code are as the code is now."""

import json
import shutil
from pathlib import Path

import pytest
from support.services import ROOT

from commands import client_file_page
from commands.generate import MADE
from footfall.catalogue import documents
from footfall.catalogue.formats import FORMATS
from footfall.clients import Client, read_client


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


def test_the_example_of_all_fields_is_a_valid_client_file(tmp_path):
    shutil.copy("docs/client-file.yaml", tmp_path / "acme.yaml")

    client, mistakes = read_client(tmp_path / "acme.yaml")

    assert mistakes == []
    assert client is not None


def test_every_field_of_a_client_file_is_explained_and_has_an_example():
    schema = Client.model_json_schema()
    silent = [
        f"{part['title']}.{name}"
        for part in (schema, *schema["$defs"].values())
        for name, each in part["properties"].items()
        if not each.get("description")
    ]
    example = client_file_page.EXAMPLE.read_text()

    assert silent == []
    assert client_file_page.page(example) == Path("docs/client-file.md").read_text()
    with pytest.raises(ValueError, match=r"has no sites\[\]\.linked_domains"):
        client_file_page.page(example.replace("    linked_domains: [booking.example]\n", ""))
