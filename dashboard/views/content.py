"""What people read: pages with entries, exits, time and depth; what was not found; how fast pages were."""

import streamlit as st

from dashboard import parts
from dashboard.desk import Desk
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
    """The newest day of each page: percentiles of days have no sum."""
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
    parts.table(list(newest.values()), ("page", "device", "date", *able), key="vitals")
