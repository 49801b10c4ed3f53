"""README.txt and columns.md: a client who finds the bucket needs nothing else to read and to check it."""

import re
import shutil
import subprocess
from datetime import timedelta

import pytest
import yaml
from support.delivering import MANIFEST
from support.orchestration_builders import EVENTS, HOUR, client
from support.services import ROOT

from footfall.catalogue.tables import DATASETS
from footfall.probe import PROBES
from footfall.verify import verify_bucket

README = "README.txt"


def _commands(text):
    """The blocks of commands of a README, as a person pastes them."""
    how = text.partition("HOW TO CHECK IT")[2].partition("THE KEY")[0]
    found: list[str] = re.findall(r"(?:^ {4}.*\n)+", how, re.MULTILINE)
    return found


def _as_folder(store, folder):
    for key, data in store.objects.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _run(commands, folder):
    done = [
        subprocess.run(["bash", "-c", each], cwd=folder, capture_output=True, text=True, check=False)
        for each in commands
    ]
    return [each.stdout + each.stderr for each in done]


def test_the_readme_checks_the_bucket_with_jq_sha256sum_and_openssl_alone(at, tmp_path):
    if not (shutil.which("openssl") and shutil.which("jq")):
        pytest.skip("openssl and jq are not installed here")
    at.deliver()
    at.deliver(HOUR - timedelta(hours=1))
    folder = tmp_path / "copy"
    _as_folder(at.destination, folder)
    commands = _commands((folder / README).read_text())
    assert len(commands) == 3
    assert _run(commands, folder) == ["", "", ""]

    manifest = folder / MANIFEST.format(1)
    text = manifest.read_text()
    manifest.write_text(text.replace('"duplicate": 0', '"duplicate": 5'))
    assert _run(commands, folder)[1].startswith("WRONG SIGNATURE ./events/dt=2026-11-20/hour=14")
    manifest.write_text(text)
    moved = folder / "events" / "_manifest.json"
    moved.write_text(text)
    assert _run(commands, folder) == ["", "", "NOT OURS OR MOVED ./events/_manifest.json\n"]
    moved.unlink()
    [file] = manifest.parent.glob("*.csv")
    file.write_bytes(b"x")
    assert f"{file.relative_to(folder)}: FAILED" in _run(commands, folder)[0]


def test_the_readme_names_the_client_its_exports_and_the_key_and_verify_knows_it(at):
    at.deliver()

    text = at.destination.objects[README].decode()

    key = at.manifest(1)["signature"]["key_id"]
    assert text.startswith("This file is written by Footfall")
    assert "Web behaviour of Demo (demo)" in text
    assert re.search(r"^    events +events, hourly, csv$", text, re.MULTILINE)
    assert f"_keys/{key}.pem" in text
    assert README not in at.backup.objects
    assert verify_bucket(at.destination).uncommitted == []


def test_a_page_is_written_once_and_again_when_its_text_changes(at):
    at.deliver()
    at.journal.clear()
    at.deliver(HOUR - timedelta(hours=1))
    assert [line for line in at.journal if README in line or "columns.md" in line] == []

    renamed = client(exports=[EVENTS]).model_copy(update={"name": "Demo\nand Sons"})
    at.deliver(HOUR - timedelta(hours=2), owner=renamed)

    assert "Web behaviour of Demo and Sons (demo)" in at.destination.objects[README].decode()


@pytest.mark.parametrize("theirs", [b"our own notes", b"x" * 2_000_000])
def test_a_readme_that_somebody_else_wrote_stays_and_holds_up_nothing(at, theirs):
    at.destination.objects[README] = theirs

    assert at.deliver().status == "delivered"

    assert at.destination.objects[README] == theirs


def test_columns_say_name_type_and_meaning_under_the_names_of_the_file(at):
    export = EVENTS.model_copy(
        update={
            "columns": ["event_id", "title", "amount"],
            "rename": {"title": "heading"},
            "hash": ["event_id"],
            "filter": "site_id = 'shop'",
        }
    )
    at.deliver(export=export)

    page = at.destination.objects[f"{at.manifest(1)['schema']}columns.md"].decode()

    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*) \|$", page, re.MULTILINE)
    assert [(name, kind) for name, kind, _ in rows] == [
        ("event_id", "VARCHAR"),
        ("heading", "VARCHAR"),
        ("amount", "DOUBLE"),
    ]
    assert rows[0][2].startswith("SHA-256 with a key of this client, as 64 hex digits, of: Id made where")
    assert rows[1][2] == "Title of the page."


@pytest.mark.parametrize(
    "dataset", [each for each in DATASETS.values() if not each.is_page], ids=lambda dataset: dataset.name
)
def test_every_column_that_can_be_delivered_has_a_meaning(dataset):
    [path] = [*(ROOT / "dbt_project" / "models").glob(f"[mr]*/{dataset.name}.yml")]
    [model] = yaml.safe_load(path.read_text())["models"]

    assert [each["name"] for each in model["columns"] if not each.get("description")] == []


def test_the_bucket_policy_in_the_docs_names_the_folder_of_probes():
    text = (ROOT / "docs" / "client-onboarding.md").read_text()
    [policy] = re.findall(r'^    \{\n      "Version".*?^    \}', text, re.MULTILINE | re.DOTALL)
    statements = yaml.safe_load(policy)["Statement"]

    [deletes] = [each for each in statements if each["Action"] == "s3:DeleteObject"]

    assert deletes["Resource"] == f"arn:aws:s3:::acme-analytics/footfall/{PROBES}*"
    assert "/probe/*" not in text.replace(f"/{PROBES}*", "")
