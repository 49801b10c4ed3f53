"""Whether the script of a site is right, and its events as they come, with what was taken out of them."""

import json
from datetime import timedelta
from typing import Any

import streamlit as st

from dashboard import parts, shown
from dashboard.desk import Desk
from dashboard.views.quality import steps_of
from dashboard.words import say

#: Events that are shown.
MOST = 100


def show(desk: Desk) -> None:
    """The page."""
    events = desk.fresh("/events/recent", limit=MOST, site_id=desk.site.site_id)["events"]
    _installation(desk, events)
    week = (desk.today - timedelta(days=6), desk.today)
    rows = [row for row in steps_of(desk, week) if row["step"] == "quarantined"]
    st.subheader(say("refused_title"), anchor=False)
    if rows:
        parts.table(rows, ("detail", "lines"), key="refused")
    else:
        st.caption(say("no_rows"))
    st.subheader(say("stream_title"), anchor=False)
    if not events:
        st.caption(say("no_events"))
        return
    listed = [_line(desk, each) for each in events]
    columns = ("time", "event_type", "page", "visitor_id", "consent_tier", "scrubbed")
    event = st.dataframe(
        [{_head(c): row[c] for c in columns} for row in listed],
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        key="w_stream",
    )
    for number in event.selection.rows:
        if number < len(events):
            st.code(json.dumps(events[number], indent=2, ensure_ascii=False), language="json")


def _head(column: str) -> str:
    return say(column)


def _line(desk: Desk, line: dict[str, Any]) -> dict[str, Any]:
    event = line.get("event") if isinstance(line.get("event"), dict) else {}
    return {
        "time": shown.moment(line.get("received_at"), desk.zone),
        "event_type": line.get("type"),
        "page": (event or {}).get("url"),
        "visitor_id": line.get("visitor_id"),
        "consent_tier": line.get("consent_tier", line.get("consent")),
        "scrubbed": json.dumps(line["scrubbed"]) if line.get("scrubbed") else "",
    }


def _installation(desk: Desk, events: list[dict[str, Any]]) -> None:
    """Whether events come, and from where they should."""
    if not events:
        st.warning(say("tag_silent"))
        st.code(
            f'<script defer src="https://COLLECTOR/pixel.js" data-site="{desk.site.key}"></script>',
            language="html",
        )
        return
    newest = max(str(each.get("received_at")) for each in events)
    st.success(say("tag_good", count=len(events), at=shown.moment(newest, desk.zone)))
    hosts = {_host(each) for each in events} - {""}
    strange = sorted(host for host in hosts if host not in desk.site.domains)
    if strange:
        st.warning(say("tag_host", hosts=parts.plain(", ".join(strange[:5]))))


def _host(line: dict[str, Any]) -> str:
    event = line.get("event")
    url = str(event.get("url") or "") if isinstance(event, dict) else ""
    return url.partition("://")[2].partition("/")[0].partition(":")[0].lower()
