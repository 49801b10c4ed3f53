"""What was received of each day and what became of it: kept, doubled, refused, late; programs; consent."""

from collections import defaultdict
from typing import Any

import streamlit as st

from api.ranges import Days
from dashboard import charts, parts, shown
from dashboard.desk import Desk
from dashboard.words import say

#: Steps of the data in their order; what else there is comes after them.
STEPS = (
    *("received", "kept", "duplicate", "quarantined", "people", "bots", "internal", "late", "consent"),
    *("clock", "unattributed", "unreadable_money", "repeated_order"),
)
SUMS = ("received", "events", "duplicates", "quarantined", "late_added", "bot_events", "pixel_lost")


def show(desk: Desk) -> None:
    """The page."""
    answer = desk.get("/v1/quality", site_id=desk.site.site_id, date_range=desk.range())
    rows = answer["rows"]
    parts.freshness(desk, rows, is_final=answer["meta"]["final"])
    if not rows:
        st.info(say("no_figures", days=shown.days(*desk.days)))
        return
    sums = {name: sum(row[name] or 0 for row in rows) for name in SUMS}
    for column, name in zip(st.columns(len(SUMS)), SUMS, strict=True):
        column.metric(say(name), shown.number(sums[name]), border=True)
    funnel = steps_of(desk, desk.days)
    left, right = st.columns(2, gap="medium")
    with left.container(border=True):
        st.markdown(f"**{say('quality_funnel')}**")
        if funnel:
            parts.table(funnel, ("step", "detail", "lines"), key="quality_steps")
        else:
            st.caption(say("no_rows"))
    with right.container(border=True):
        st.markdown(f"**{say('consent_tier')}**")
        tiers = desk.rows(["events", "page_views"], ["consent_tier"], is_filtered=False)
        parts.table(
            [{"consent_tier": row.of[0], **row.figures} for row in tiers],
            ("consent_tier", "events", "page_views"),
            key="consent",
        )
    days = [
        {"date": row["date"], "name": say(name), "value": row[name] or 0}
        for row in rows
        for name in ("events", "duplicates", "quarantined", "bot_events")
    ]
    parts.draw(charts.stacked(days, desk.days), key="quality_days", text=say("quality_text"))
    columns = ("date", *SUMS, "revision", "is_final", "final_at")
    parts.table(
        [{**row, "final_at": shown.moment(row["final_at"], desk.zone)} for row in rows],
        columns,
        key="quality_days",
    )


def steps_of(desk: Desk, days: Days) -> list[dict[str, Any]]:
    """Lines that came to each step of the data, and why they left it: those of each day, added."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for row in desk.rows(["lines"], ["time:day", "step", "detail"], days=days, is_filtered=False):
        sums[row.of[1], row.of[2] or ""] += row.figures["lines"] or 0
    listed = [{"step": step, "detail": detail, "lines": lines} for (step, detail), lines in sums.items()]
    return sorted(listed, key=lambda row: (_place(row["step"]), -row["lines"]))


def _place(step: str) -> int:
    return STEPS.index(step) if step in STEPS else len(STEPS)
