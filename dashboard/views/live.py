"""The last half hour, as it comes: never mixed with the final figures."""

from datetime import datetime

import streamlit as st

from dashboard import charts, parts, shown
from dashboard.desk import Desk
from dashboard.words import say
from footfall import zones

#: Seconds between two looks.
SECONDS = 30


def show(desk: Desk) -> None:
    """The page; what moves is asked anew by itself."""
    st.caption(say("live_note"))
    parts.moving(lambda: _now(desk), SECONDS)


def _now(desk: Desk) -> None:
    found = desk.fresh("/v1/realtime", site_id=desk.site.site_id)
    st.caption(
        say("as_of", at=f"{_clock(found['as_of'], desk.zone)} ({desk.zone})")
        + ("" if found["is_whole"] else f" · {say('cut')}")
    )
    left, middle, right = st.columns(3)
    left.metric(
        say("current_visitors"),
        shown.number(found["current_visitors"]),
        border=True,
        help=say("current_help"),
    )
    middle.metric(say("visitors_half_hour"), shown.number(found["visitors"]), border=True)
    right.metric(say("bot_events"), shown.number(found["bot_events"]), border=True)
    if not any(each["events"] for each in found["minutes"]) and not found["bot_events"]:
        st.info(say("live_empty"))
        return
    minutes = [
        {"minute": _clock(each["minute"], desk.zone)[:5], **_counts(each)} for each in found["minutes"]
    ]
    parts.draw(
        charts.bars(minutes, "minute", "page_views", height=200),
        key="live_minutes",
        text=", ".join(f"{each['minute']} {each['page_views']}" for each in minutes if each["page_views"]),
    )
    parts.behind(minutes, ("minute", "page_views", "events"), name="live_minutes")
    lists = (
        ("pages", "pages_panel", "page"),
        ("referrers", "referrer_host", "referrer_host"),
        ("countries", "country", "country"),
    )
    for column, (name, title, dimension) in zip(st.columns(3, gap="medium"), lists, strict=True):
        with column.container(border=True):
            st.markdown(f"**{say(title)}**")
            rows = [(each["name"], each["page_views"]) for each in found[name]]
            parts.bars(desk, f"live_{name}", rows, dimension, total=None, is_clickable=False)
    if found["agents"]:
        st.markdown(f"**{say('agents')}**")
        parts.plain_table(
            [
                {"kind": each["class"], "name": each["name"], "events": each["events"]}
                for each in found["agents"]
            ],
            ("kind", "name", "events"),
        )


def _counts(minute: dict[str, int]) -> dict[str, int]:
    return {"page_views": minute["page_views"], "events": minute["events"]}


def _clock(moment: str, zone: str) -> str:
    return f"{datetime.fromisoformat(moment).astimezone(zones.zone(zone)):%H:%M:%S}"
