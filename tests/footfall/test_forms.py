"""Files that say how another tool writes its events: each is whole, and nothing of an event is lost by it."""

import json
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from footfall.clients import Site
from footfall.collecting import RESERVED_PATHS
from footfall.event import Refused, check_event
from footfall.forms.form import FIELDS, FormName, event_of, forms, paths

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "events"


def test_each_tool_is_a_file_and_a_name():
    assert set(forms()) == set(get_args(FormName))


@pytest.mark.parametrize("name", get_args(FormName))
def test_a_file_fills_fields_of_ours_only_and_knows_a_kind_for_everything(name):
    form = forms()[name]

    for fields in (form.fields, *(kind.fields for kind in form.kinds)):
        assert set(fields) <= FIELDS
    assert form.kinds[-1].when == {}


def test_no_path_of_a_form_is_anothers_or_one_of_ours():
    wires = [
        (method, wire.path) for form in forms().values() for wire in form.wire for method in wire.methods
    ]

    assert len(set(wires)) == len(wires)
    assert not {path.split("/")[1] for path in paths()} & RESERVED_PATHS
    assert not any(path.startswith("/pixel") or path.endswith((".js", ".gif")) for path in paths())


@pytest.mark.parametrize("path", ["/batch", "/v1/track", "/i", "/api/event"])
def test_no_site_takes_a_path_of_a_form_for_itself(path):
    with pytest.raises(ValidationError, match="trackers of another tool"):
        Site(site_id="a", key="pk_aaaaaaaa", domains=["a.example"], path=path)


def read(name: str, event: dict, **around) -> dict:
    """An event of ours, checked, of what a tool's program with a key sends."""
    ours = event_of(name, forms()[name], event, around, host="shop.example", is_keyed=True)
    return json.loads(check_event(json.dumps(ours).encode()).raw)


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not beside the project")
@pytest.mark.parametrize(
    ("name", "url", "visitor"),
    [("segment", "https://shop.example/seg0", "anon-1"), ("posthog", "https://shop.example/ph0", "u1")],
)
def test_an_event_of_an_export_is_read_as_the_same_event_on_the_wire(name, url, visitor):
    event = json.loads((CASES / f"{name}.ndjson").read_text().splitlines()[0])

    ours = read(name, event)

    assert (ours["type"], ours["url"], ours["visitor"]) == ("page_view", url, visitor)
    assert ours["occurred_at"] == 1795168800000
    assert ours["user_agent"].startswith("Mozilla/5.0 (Windows")


def test_a_campaign_beside_an_address_becomes_part_of_it():
    context = {
        "page": {"url": "https://shop.example/a#b"},
        "campaign": {"source": "mail", "name": "may sale"},
    }

    assert read("segment", {"type": "page", "context": context})["url"] == (
        "https://shop.example/a?utm_source=mail&utm_campaign=may+sale#b"
    )


def test_a_long_type_is_cut_and_kept_as_it_was_sent():
    ours = read("segment", {"type": "track", "event": "x" * 80})

    assert (ours["type"], ours["type_as_sent"]) == ("x" * 64, "x" * 80)


def test_properties_beyond_the_limit_stay_below_the_tools_name():
    ours = read("segment", {"type": "track", "event": "e", "properties": {f"p{n}": n for n in range(100)}})

    assert len(ours["props"]) == 64
    assert len(ours["segment"]) == 36


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
_NAMES = sorted(
    {
        way.removeprefix("^").split(".")[0]
        for form in forms().values()
        for ways in (form.ids, form.props_from, *form.fields.values(), *(list(k.when) for k in form.kinds))
        for way in ways
        if "{" not in way
    }
)


@given(
    st.sampled_from(get_args(FormName)),
    st.dictionaries(st.sampled_from(_NAMES), _values, max_size=9),
    st.dictionaries(st.sampled_from(_NAMES), _values, max_size=3),
)
def test_anything_at_all_is_an_event_or_a_refusal(name, event, around):
    try:
        ours = event_of(name, forms()[name], event, around, host="shop.example")
    except Refused:
        return
    assert {"type", "url", "form"} <= ours.keys()
    json.dumps(ours)
