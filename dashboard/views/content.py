"""What people read: pages with entries, exits, time and depth; what was not found; how fast pages were."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import streamlit as st

from dashboard import charts, parts, shown
from dashboard.desk import Desk, Row
from dashboard.words import say, title_of

PAGES = (
    "page_views",
    "entrances",
    "bounce_rate",
    "exits",
    "avg_engaged_seconds",
    "scrolled_50",
    "scrolled_100",
)
COUNTS = ("outbound_clicks", "downloads", "form_submits", "errors_404")
#: Figures of a page that are of one day: a percentile of percentiles is none.
VITALS = ("measurements", "lcp_p75_ms", "inp_p75_ms", "cls_p75")

#: Pages of which the chart has a line.
LINES = 5


def show(desk: Desk) -> None:
    """The page."""
    counts = parts.together(desk, COUNTS)
    counted = desk.rows(counts) if counts else []
    if counted:
        for column, metric in zip(st.columns(len(counts)), counts, strict=True):
            column.metric(say(metric), counted[0].figures[metric] or 0, border=True)
    able = [metric for metric in PAGES if desk.can(metric, ["page"])]
    st.markdown(f"**{say('pages_panel')}**")
    if not able:
        others = sorted({title_of(each.dimension) for each in desk.filters if each.dimension != "page"})
        st.caption(say("not_together", filters=parts.plain(", ".join(others))))
    else:
        visitors = ["visitors"] if desk.can("visitors", ["page"]) else []
        rows = desk.rows([*able, *visitors], ["page"])
        parts.table(
            [{"page": row.of[0], **row.figures} for row in rows], ("page", *visitors, *able), key="pages"
        )
    left, right = st.columns(2, gap="medium")
    with left.container(border=True):
        st.markdown(f"**{say('event_type')}**")
        if parts.together(desk, ["events"], ["event_type"]):
            events = desk.rows(["events"], ["event_type"])
            parts.bars(
                desk,
                "events",
                [(row.of[0], row.figures["events"] or 0) for row in events[: parts.ROWS]],
                "event_type",
                total=None,
                is_clickable=False,
            )
    with right.container(border=True):
        st.markdown(f"**{say('vitals')}**", help=say("vitals_help"))
        _vitals(desk)


def _vitals(desk: Desk) -> None:
    """Day by day, and the newest day of each page: percentiles of days have no sum."""
    by = ["time:day", "page", "device"]
    able = parts.together(desk, VITALS, by)
    if not able:
        return
    rows = desk.rows(able, by, order_by=[["time:day", "desc"]])
    newest: dict[tuple[str, str], dict[str, object]] = {}
    for row in rows:
        day, page, device = row.of
        newest.setdefault((page, device), {"page": page, "device": device, "date": day, **row.figures})
    if not newest:
        st.caption(say("no_vitals"))
        return
    measured = sum_of(rows)
    most = sorted(measured, key=lambda each: (-measured[each], each))[:LINES]
    found = parts.choice(desk, "vital", [each for each in able if each != "measurements"], title_of)
    points = [
        {
            "date": row.of[0],
            "name": f"{shown.short(row.of[1], 34)} · {shown.value_of('device', row.of[2])}",
            "value": row.figures[found],
            "shown": shown.figure(found, row.figures[found]),
        }
        for row in sorted(rows, key=lambda each: each.of)
        if row.of[1:] in most and row.figures[found] is not None
    ]
    text = say("chart_text", measure=title_of(found), interval=say("i_day"), days=shown.days(*desk.days))
    parts.draw(charts.lines(points, desk.days, found), key=f"vitals_{found}", text=text)
    parts.behind(
        [{"date": row["date"], "page": row["name"], found: row["value"]} for row in points],
        ("date", "page", found),
        name="vitals",
    )
    parts.table(list(newest.values()), ("page", "device", "date", *able), key="vitals")


def sum_of(rows: Iterable[Row]) -> Counter[tuple[Any, ...]]:
    """Page and device → how many measurements there are."""
    found: Counter[tuple[Any, ...]] = Counter()
    for row in rows:
        found[row.of[1:]] += row.figures["measurements"] or 0
    return found
