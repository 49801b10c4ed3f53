"""`footfall clients new`: a file that is valid beside all others, or a line that says why not."""

import os
import pty
import shutil
import subprocess
import sys

import pytest
import yaml
from support.command_line import ROOT
from support.waiting import PATIENCE

ACME = ("--id", "acme", "--name", "Acme", "--timezone", "Europe/Paris")
SITE = ("--domain", "acme.example", "--bucket", "s3://acme-analytics/footfall")


@pytest.fixture
def folder(footfall, tmp_path):
    footfall.clients = tmp_path / "who"
    shutil.copytree(ROOT / "clients", footfall.clients)
    return footfall.clients


def test_its_file_is_in_force_and_holds_what_was_said(footfall, folder):
    exports = ("--export", "events:daily", "--export", "page_views", "--format", "parquet")

    done = footfall("clients", "new", *ACME, *SITE, "--domain", "*.acme.example", *exports)

    assert (done.returncode, done.stderr) == (0, "")
    written = yaml.safe_load((folder / "acme.yaml").read_text())
    assert written["sites"][0]["domains"] == ["acme.example", "*.acme.example"]
    assert f'data-site="{written["sites"][0]["key"]}"' in done.stdout
    assert [(e["dataset"], e["cadence"], e["format"]) for e in written["exports"]] == [
        ("events", "daily", "parquet"),
        ("page_views", "hourly", "parquet"),
    ]
    assert "acme: Acme, Europe/Paris" in footfall("clients").stdout


@pytest.mark.parametrize("name", ["No", "12", 'A "b": c', "Größe, [1]", "~", "a # b"])
def test_any_name_is_text(footfall, folder, name):
    assert (
        footfall("clients", "new", "--id", "acme", "--name", name, "--timezone", "UTC", *SITE).returncode == 0
    )

    assert yaml.safe_load((folder / "acme.yaml").read_text())["name"] == name


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([*ACME[:-1], "Paris", *SITE], "timezone: expected a name from the time zone database"),
        ([*ACME, *SITE, "--domain", "shop.example"], "shop.example belongs to demo"),
        ([*ACME, *SITE, "--export", "event"], "there is no dataset event; there are events, "),
        ([*ACME, *SITE, "--export", "daily_metrics:hourly"], "daily_metrics can be delivered daily"),
        (["--id", "../acme", *ACME[2:], *SITE], "client id: expected 1 to 48 of a-z"),
        (["--id", "demo", *ACME[2:], *SITE], "demo.yaml is there"),
        ([*ACME, *SITE[:2]], "say --bucket"),
    ],
)
def test_a_mistake_is_one_line_and_no_file(footfall, folder, words, said):
    before = sorted(folder.iterdir())

    done = footfall("clients", "new", *words)

    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert said in line
    assert sorted(folder.iterdir()) == before


def test_a_person_is_asked_for_what_no_option_says(footfall, folder):
    ours, theirs = pty.openpty()
    environment = {**footfall.environment(), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "commands.entry", "clients", "new", *ACME[:2]]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, b"\n\nacme.example www.acme.example\n\n")
    said = b""
    while True:
        try:
            said += os.read(ours, 1000)
        except OSError:
            break  # its end has closed
    os.close(ours)

    assert process.wait(PATIENCE) == 0, said.decode()
    assert "Name, for people [Acme]" in said.decode()
    written = yaml.safe_load((folder / "acme.yaml").read_text())
    assert written["timezone"] == "UTC"
    assert written["sites"][0]["domains"] == ["acme.example", "www.acme.example"]
    assert written["destination"]["url"] == "file://${FOOTFALL_HOME}/buckets/acme"
    assert [export["dataset"] for export in written["exports"]] == ["events", "sessions", "daily_metrics"]
