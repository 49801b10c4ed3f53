"""What strangers wrote is shown as they wrote it, and makes nothing of a page."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from footfall.markdown import escaped, table

PARSER = MarkdownIt("commonmark").enable("table")
#: Words without control characters, which a parser may replace.
WORDS = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=60)


def _shown(markdown):
    """The text of a page, and the kinds of what is on it beside paragraphs of text."""
    tokens = PARSER.parse(markdown)
    inline = [child for token in tokens for child in token.children or ()]
    kinds = {token.type for token in (*tokens, *inline)} - {"text", "text_special", "inline"}
    return "".join(child.content for child in inline), kinds


@given(WORDS)
@example("<img src=x onerror=alert(1)> **bold** `code` [link](https://evil.example)")
@example("1. a list")
@example("# a title")
@example("&lt;b&gt; <https://evil.example>")
@example("a | b \\| c")
def test_any_text_is_shown_as_it_is(text):
    shown, kinds = _shown(f"x{escaped(text)}")

    assert shown == "x" + " ".join(text.split())
    assert kinds == {"paragraph_open", "paragraph_close"}


@pytest.mark.parametrize("text", ["1. a list", "# a title", "- a", "+ a", "> a", "=== a", "~~~", "| a |"])
def test_a_text_at_the_beginning_of_a_line_begins_nothing_either(text):
    assert _shown(escaped(text)) == (text, {"paragraph_open", "paragraph_close"})


@given(st.lists(st.tuples(WORDS, st.integers()), max_size=4))
def test_a_table_has_the_cells_that_it_was_given(rows):
    tokens = PARSER.parse(table(("who", "count"), rows))

    cells = [token.content for token in tokens if token.type == "inline"]
    assert len(cells) == 2 + 2 * len(rows)
    assert [_shown(cell)[0] for cell in cells[2::2]] == [" ".join(text.split()) for text, _ in rows]
