"""What was sold: by currency, by day, by source. Amounts of two currencies are never one sum."""

import streamlit as st

from dashboard import charts, parts, shown
from dashboard.desk import Desk
from dashboard.words import say, title_of

AMOUNTS = ("orders", "gross", "refunds")
BY = ("channel", "source", "medium", "campaign")


def show(desk: Desk) -> None:
    """The page."""
    counted = parts.together(desk, AMOUNTS, ["currency"])
    if not counted:
        return
    rows = desk.rows(counted, ["currency"], is_compared=True)
    if not rows:
        st.info(say("no_figures_filtered" if desk.filters else "no_commerce"))
        return
    for row in rows:
        st.markdown(f"**{parts.plain(row.of[0])}**")
        for column, name in zip(st.columns(len(counted)), counted, strict=True):
            value = row.figures[name]
            column.metric(
                say(name),
                shown.number(float(value or 0), 0 if name == "orders" else 2),
                shown.change(row.change[name]) or None,
                border=True,
            )
    days = desk.rows(["gross"], ["time:day", "currency"])
    series = [{"date": row.of[0], "name": row.of[1], "value": row.figures["gross"] or 0} for row in days]
    parts.draw(charts.stacked(series, desk.days), key="commerce_days", text=say("gross"))
    parts.behind(
        [{"date": each["date"], "currency": each["name"], "gross": each["value"]} for each in series],
        ("date", "currency", "gross"),
        name="commerce_days",
    )
    st.markdown(f"**{say('sources_panel')}**")
    found = parts.choice(desk, "commerce", BY, title_of)
    able = parts.together(desk, AMOUNTS, [found, "currency"])
    if not able:
        return
    listed = desk.rows(able, [found, "currency"])
    parts.table(
        [{found: row.of[0], "currency": row.of[1], **row.figures} for row in listed],
        (found, "currency", *able),
        key=f"commerce_{found}",
    )
