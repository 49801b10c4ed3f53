"""The image endpoint against the behaviours of a small counter that many pages still carry."""

import csv
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from support.collectors import SITE

CASES = Path(__file__).resolve().parents[2] / "../shared/data/pixel/gif_cases.csv"

#: Rules of ours that differ, and what is kept instead.
OUR_RULE = {
    "params": "https://shop.example/foo.html?a=b&c=d",
    "campaign override": "https://shop.example/foo.html?ref=AAA",
}


def cases():
    if not CASES.is_file():
        return []
    with CASES.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["kind"] == "pixel"]


def query_of(text: str) -> dict[str, str]:
    """`p=/foo.html s=40,50,1` → its parameters."""
    if text.startswith("path of"):
        return {"p": "/" + "x" * (int(re.search(r"\d+", text)[0]) - 1)}
    return dict(part.split("=", 1) for part in text.split() if "=" in part)


@pytest.mark.skipif(not CASES.is_file(), reason="the shared cases are not beside this repository")
@pytest.mark.parametrize("case", cases(), ids=lambda case: case["name"])
def test_the_short_form_is_read_as_it_was_meant(collector, case):
    method = "POST" if case["input"].startswith("POST") else "GET"
    headers = {"user-agent": "GoogleBot/1.0"} if "GoogleBot" in case["input"] else {}
    given = query_of(case["input"].removeprefix("POST ").partition(" UA ")[0])
    marked = {**given, "site": SITE, "mark": case["name"]}

    reply = collector.ask(method, f"/pixel.gif?{urlencode(marked)}", None, headers)

    status = int(re.search(r"\d{3}", case["expected"])[0])
    assert reply.status == status
    if status != 200:
        return
    [line] = [s for s in collector.stored() if marked_as(s) == case["name"]]
    event, expected = line["event"], case["expected"]
    if case["name"] in OUR_RULE:
        assert event["url"] == OUR_RULE[case["name"]]
    elif path := re.search(r"path (\S+?)(;|$)", expected):
        assert event["url"].endswith(path[1]) or event["type"] == path[1]
    if "event;" in expected or expected.endswith("event"):
        assert event["type"] == given["p"]
    if ref := re.search(r"ref (\S+?)(;|$)", expected):
        assert ref[1] in event["referrer"]
    if title := re.search(r"title (\w+)", expected):
        assert event["title"] == title[1]
    if width := re.search(r"width (\d+)", expected):
        assert event["screen"].startswith(f"{width[1]}x")
    if campaign := re.search(r"campaign (\w+)", expected):
        assert f"ref={campaign[1]}" in event["url"]
    if "as bot" in expected:
        assert event.get("webdriver") is True or "GoogleBot" in line["user_agent"]


def marked_as(line) -> str | None:
    return line.get("event", {}).get("props", {}).get("mark")
