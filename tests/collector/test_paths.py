"""The paths of the collector: each once, and those that a proxy is told of are those that are answered."""

import re
from pathlib import Path

from support.collectors import CollectorProcess

from collector.routing import STAGED
from footfall.forms.form import forms, paths

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "proxy.md"


def documented() -> list[str]:
    """The paths in the document's list."""
    section = DOCUMENT.read_text(encoding="utf-8").partition("## On a host with something else")[2]
    lines = re.findall(r"^    (/.*)$", section.partition("\n## ")[0], re.MULTILINE)
    return [path for line in lines for path in line.split()]


def test_each_path_of_the_list_is_answered_and_none_is_there_twice(collector: CollectorProcess):
    listed = documented()

    assert len(set(listed)) == len(listed)
    assert set(listed) >= {*paths(), *STAGED}
    for path in listed:
        asked = (collector.ask("GET", path), collector.ask("POST", path, b""))
        assert {reply.status for reply in asked} != {404}, path


def test_what_trackers_send_to_is_in_the_list_and_collides_with_nothing():
    every = [wire for form in forms().values() for wire in form.wire]
    wires = [(method, wire.path) for wire in every for method in wire.methods]
    ours = set(documented()) - paths()

    assert len(set(wires)) == len(wires)
    assert not ours & {path for _, path in wires}
