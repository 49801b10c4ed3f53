"""One visitor's journey, by the id that delivered files have."""

import streamlit as st

from api.problems import Problem
from dashboard import parts, shown
from dashboard.desk import Desk
from dashboard.words import say

FIRST = (
    "first_seen_at",
    "last_seen_at",
    "sessions",
    "page_views",
    "first_channel",
    "first_source",
    "country",
)
SESSION = ("channel", "source", "medium", "campaign", "country", "device", "browser", "os")


def show(desk: Desk) -> None:
    """The page."""
    wanted = st.text_input(
        say("visitor_id"), key="w_visitor", help=say("visitor_hint"), max_chars=200
    ).strip()
    st.caption(say("visitor_hint"))
    if not wanted:
        return
    try:
        # Never out of what is kept: each look is in the audit.
        found = desk.fresh(
            "/v1/visitors/{visitor_id}", visitor_id=wanted, site_id=desk.site.site_id, limit=200
        )
    except Problem as problem:
        if problem.code != "unknown_visitor":
            raise
        st.info(say("no_visitor"))
        return
    if found["visitor"]:
        parts.plain_table([found["visitor"]], [name for name in FIRST if name in found["visitor"]])
    if not found["is_whole"]:
        st.caption(say("cut"))
    for session in found["sessions"]:
        what = " · ".join(shown.value_of(name, session[name]) for name in SESSION if session.get(name))
        title = f"{shown.moment(session['started_at'], desk.zone)} · {shown.short(what, 120)}"
        with st.expander(parts.plain(title), expanded=session is found["sessions"][0]):
            pages = [
                {
                    "time": shown.moment(page["occurred_at"], desk.zone),
                    "page": page["page"],
                    "avg_engaged_seconds": page["engaged_seconds"],
                }
                for page in session["pages"]
            ]
            if pages:
                parts.plain_table(pages, ("time", "page", "avg_engaged_seconds"))
            else:
                st.caption(say("no_rows"))
