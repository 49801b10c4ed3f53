"""docs/deployment.md: what other collectors are deployed by has its equivalent, and what is named exists."""

import re
from pathlib import Path

import pytest
from support.repository import ROOT

from commands.cli import COMMANDS

SEEDS = Path(__file__).resolve().parents[3] / "shared" / "seeds"
PAGE = (ROOT / "docs" / "deployment.md").read_text()
#: How a line of a description begins that deploys or sets up.
DEPLOYS = re.compile(
    r"^\s*((?:bash -x )?\./deploy/\S+|docker compose|make (?:build|up|logs|down)|npm (?:install|run)|cdk "
    r"|uv sync|uv run (?:streamlit|python scripts)|cp \.env)"
)


def rows() -> list[tuple[list[str], str]]:
    """(how commands elsewhere begin, ours) of the table."""
    table = PAGE.partition("## Commands of other collectors, and ours")[2]
    found = re.findall(r"^\| (`.*?) \| (.*) \|$", table, re.MULTILINE)
    return [(re.findall(r"`([^`]+)`", left), right) for left, right in found]


def commands(text: str) -> list[str]:
    lines = [line.split("#")[0].strip() for line in text.splitlines() if DEPLOYS.match(line)]
    return [re.sub(r"\s+(-d|-f)\b", "", part).strip() for line in lines for part in line.split("&&")]


@pytest.mark.skipif(
    not SEEDS.is_dir(), reason="the descriptions of other collectors are not beside this repository"
)
def test_every_command_that_deploys_another_collector_has_its_equivalent():
    known = [begin for begins, _ in rows() for begin in begins]
    found = {each.name: commands(each.read_text()) for each in sorted(SEEDS.glob("*.txt"))}

    assert len(found) == 5 and all(found.values())
    missing = [each for lines in found.values() for each in lines if not each.startswith(tuple(known))]
    assert missing == []


def test_our_side_of_the_table_names_what_there_is():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)

    for _, ours in rows():
        for target in re.findall(r"\bmake ([a-z]+)", ours):
            assert target in targets
        for script in re.findall(r"`(deploy/\w+\.sh)", ours):
            assert (ROOT / script).is_file()
        for command in re.findall(r"`footfall ([a-z]+)", ours):
            assert command in COMMANDS


def test_what_is_said_to_be_verified_by_a_test_has_that_test():
    table = PAGE.partition("## What was verified, and how")[2].partition("## Environments")[0]

    for row in re.findall(r"^\| (?!What|---)(.+) \|$", table, re.MULTILINE):
        what, how, result = row.split(" | ")
        for path in re.findall(r"`(tests/[^`]+)`", how):
            assert (ROOT / path).is_file(), path
        assert "run" in result or "**" in result, what
