"""Where people come from: channels, campaigns, first touch, assistants of AI."""

import streamlit as st

from dashboard import charts, parts, shown
from dashboard.desk import Desk
from dashboard.words import say, title_of

LISTS = ("channel", "source", "medium", "campaign", "term", "content", "referrer_host")
TOUCHES = ("first_channel", "first_source")
METRICS = (
    "visitors",
    "sessions",
    "bounce_rate",
    "avg_session_seconds",
    "conversions",
    "conversion_rate",
    "revenue",
)


def show(desk: Desk) -> None:
    """The page."""
    found = parts.choice(desk, "acquisition", LISTS, title_of)
    rows = by(desk, found)
    if rows is not None:
        if rows:
            top = [{**row, found: shown.short(shown.value_of(found, row[found]), 24)} for row in rows[:12]]
            text = ", ".join(f"{row[found]} {row['visitors']}" for row in top)
            parts.draw(charts.bars(top, found, "visitors"), key=f"acquisition_{found}", text=text)
        parts.table(rows, _columns(desk, found), key=f"acquisition_{found}")
    left, right = st.columns(2, gap="medium")
    with left.container(border=True):
        st.markdown(f"**{say('first_touch')}**", help=say("first_touch_help"))
        touch = parts.choice(desk, "touch", TOUCHES, title_of)
        first = by(desk, touch)
        if first is not None:
            parts.table(first, _columns(desk, touch), key=f"touch_{touch}")
    with right.container(border=True):
        st.markdown(f"**{say('agents')}**")
        _assistants(desk)


def by(desk: Desk, dimension: str) -> list[dict[str, object]] | None:
    """Rows by a dimension; None, and a line that says so, where the filters do not allow it."""
    if not desk.can("visitors", [dimension]):
        others = sorted({title_of(each.dimension) for each in desk.filters if each.dimension != dimension})
        st.caption(say("not_together", filters=parts.plain(", ".join(others))))
        return None
    able = [metric for metric in METRICS if desk.can(metric, [dimension])]
    rows = desk.rows(able, [dimension], is_compared=True)
    return [{dimension: row.of[0], **row.figures, "change": row.change["visitors"]} for row in rows]


def _columns(desk: Desk, dimension: str) -> tuple[str, ...]:
    able = [metric for metric in METRICS if desk.can(metric, [dimension])]
    return (dimension, *able, *(("change",) if desk.view.compare else ()))


def _assistants(desk: Desk) -> None:
    """Visits that an assistant sent, and what programs of AI fetched."""
    able = parts.together(desk, ["visits", "requests"], ["kind", "name"])
    if not able:
        return
    rows = desk.rows(able, ["kind", "name"])
    listed = [{"kind": row.of[0], "name": row.of[1], **row.figures} for row in rows]
    if not listed:
        st.caption(say("no_ai"))
        return
    parts.table(listed, ("kind", "name", *able), key="ai")
