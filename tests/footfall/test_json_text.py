"""JSON changed in place: what is not meant to change stays byte for byte."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.event import check_event
from footfall.json_text import quoted, rewrite, without_unreadable

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def keep(_name, _value, _is_string):
    """Change nothing."""


@given(st.text() | st.builds(json.dumps, JSON))
def test_without_a_change_all_text_stays_as_it_is(text):
    assert rewrite(text, keep) == text


@given(JSON, st.sampled_from([None, 1]), st.booleans())
def test_every_string_is_found_and_replaced_where_it_stands(value, indent, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)

    def upper(_name, found, is_string):
        return quoted(found + "!") if is_string else None

    def expected(part):
        if isinstance(part, str):
            return part + "!"
        if isinstance(part, list):
            return [expected(each) for each in part]
        if isinstance(part, dict):
            return {name + "!": expected(each) for name, each in part.items()}
        return part

    assert json.loads(rewrite(text, upper)) == expected(value)


def test_a_value_comes_with_the_name_that_stands_before_it():
    seen = []

    def note(name, value, is_string):
        seen.append((name, value, is_string))

    rewrite(r'{"a":1.50, "b\u0021" : ["x", {"c": -2e5}], "d": null}', note)

    assert seen == [
        ("", "a", True),
        ("a", "1.50", False),
        ("", "b!", True),
        ("b!", "x", True),
        ("", "c", True),
        ("c", "-2e5", False),
        ("", "d", True),
    ]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (rb'"\ud800"', "\ufffd"),
        (rb'"a\udc00\uD800b"', "a\ufffd\ufffdb"),
        (rb'"\ud83d\ude00\ud83d"', "😀\ufffd"),
        (rb'"\\ud800"', r"\ud800"),
        (rb'"\\\ud800\n"', "\\\ufffd\n"),
        (rb'"a\u0000b"', "a\ufffdb"),
        (rb'"a\\u0000b"', r"a\u0000b"),
    ],
)
def test_half_a_surrogate_pair_and_a_nul_become_the_sign_for_a_lost_character(sent, kept):
    """A title that was cut in the middle of an emoji is JSON, but no reader downstream could take it."""
    assert json.loads(without_unreadable(sent)) == kept
    assert check_event(b'{"type":"page_view","url":"https://shop.example/","title":' + sent + b"}")
