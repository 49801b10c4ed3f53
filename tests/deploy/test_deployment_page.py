"""docs/deployment.md: what other collectors are deployed by has its equivalent, and what is named exists."""

import re
from pathlib import Path

import pytest
from support.repository import ROOT

from api.app import openapi_document
from commands.cli import COMMANDS

SEEDS = Path(__file__).resolve().parents[3] / "shared" / "seeds"
PAGE = (ROOT / "docs" / "deployment.md").read_text()
#: How a line of a description begins that somebody is to type.
TYPED = re.compile(
    r"^\s*((?:bash -x )?\./\S+|(?:aws|cdk|chmod|cp|curl|docker|export|git|make|npm|npx|sudo|uv) \S)"
)

#: The path that a curl asks for, of hosts that are of the description.
ASKED = re.compile(r"^curl .*?https?://(?:localhost|vm-hostname|\[?your-api|tracker)[^/\s]*(/[^\s\"?']*)")


def rows() -> list[tuple[list[str], str]]:
    """(how commands elsewhere begin, ours) of the table."""
    table = PAGE.partition("## Commands of other collectors, and ours")[2]
    found = re.findall(r"^\| (`.*?) \| (.*) \|$", table, re.MULTILINE)
    return [(re.findall(r"`([^`]+)`", left), right) for left, right in found]


def commands(text: str) -> list[str]:
    """What is typed; of a question over HTTP its path."""
    whole = re.sub(r" *\\\n\s*", " ", text)
    lines = [line.split(" #")[0].strip() for line in whole.splitlines() if TYPED.match(line)]
    parts = [part.strip() for line in lines for part in line.split("&&") if TYPED.match(part)]
    parts = [re.sub(r"\s+(-d|-f)\b", "", part) for part in parts]
    return [asked[1] if (asked := ASKED.search(part)) else part for part in parts]


@pytest.mark.skipif(
    not SEEDS.is_dir(), reason="the descriptions of other collectors are not beside this repository"
)
def test_every_command_that_deploys_another_collector_has_its_equivalent():
    known = [begin for begins, _ in rows() for begin in begins]
    found = {each.name: commands(each.read_text()) for each in sorted(SEEDS.glob("*.txt"))}

    assert len(found) == 5 and all(found.values())
    missing = [each for lines in found.values() for each in lines if not is_known(each, known)]
    assert missing == []
    # None of them is a line that the pattern has missed: what begins like a program is in some block of code.
    assert sum(map(len, found.values())) > 100


def is_known(typed: str, known: list[str]) -> bool:
    """Whether the table has how it begins; a path may have a value in it."""
    if typed.startswith("/events/") and typed.endswith("/enrich/"):
        typed = "/enrich/"
    return typed.startswith(tuple(known))


def test_addresses_that_are_said_to_be_the_same_are_addresses_of_collector_or_api():
    left = [each for begins, _ in rows() for each in begins if re.match(r"/[a-z]", each)]
    of_api = set(openapi_document()["paths"])
    of_collector = (ROOT / "docs" / "proxy.md").read_text() + (ROOT / "collector" / "README.md").read_text()

    assert len(left) >= 10
    for path in left:
        there = [each for each in of_api if each.startswith(path) or each.endswith(path)]
        assert there or path in of_collector or path == "/js/tracking.js", path


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
