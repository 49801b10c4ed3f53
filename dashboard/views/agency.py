"""Every client on one page: how each does, whether it got its files, what is wrong."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import streamlit as st

from api.asking import change
from api.routes.questions import today_of
from dashboard import parts, shown
from dashboard.desk import Desk
from dashboard.words import say
from footfall.errors import FootfallError

#: Days of a sparkline, and of the period that is compared with as many before.
DAYS = 30


def show(desk: Desk) -> None:
    """The page."""
    alerts = Counter(each["client_id"] for each in _all_alerts(desk))
    rows = []
    for client in desk.visitor.clients(desk.service):
        for site in desk.visitor.sites(client):
            rows.append(_row(replace(desk, client=client, site=site), alerts[client.client_id]))
    if not rows:
        st.info(say("no_clients"))
        return
    st.caption(say("agency_note", days=DAYS))
    event = st.dataframe(
        [{say(name): row[name] for name in _COLUMNS} for row in rows],
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        key="w_agency",
        placeholder=shown.NOTHING,
        column_config={
            say("trend"): st.column_config.AreaChartColumn(say("trend"), y_min=0),
            say("change"): st.column_config.NumberColumn(say("change"), format="%+.0f %%"),
        },
    )
    picked = event.selection.rows
    with st.container(horizontal=True):
        for number in picked:
            row = rows[number]
            st.button(
                f"{say('open')}: {parts.plain(row['client'])} / {parts.plain(row['site'])}",
                type="primary",
                key="w_agency_open",
                on_click=_go_to,
                args=(row["client_id"], row["site"]),
            )
    with st.expander(say("table")):
        parts.plain_table(rows, [name for name in _COLUMNS if name != "trend"])
        parts.download(rows, [name for name in _COLUMNS if name != "trend"], "clients")


_COLUMNS = ("client", "site", "visitors", "change", "trend", "complete_to", "delivery", "open_alerts")


def _all_alerts(desk: Desk) -> list[dict[str, Any]]:
    inside = desk.visitor.inside(desk.service, None)
    found: list[dict[str, Any]] = inside.ask("GET", "/v1/alerts")["alerts"]
    return found


def _row(desk: Desk, alerts: int) -> dict[str, Any]:
    """A site; where its figures cannot be read, it says so and the others are there."""
    named = {
        "client_id": desk.client.client_id,
        "client": desk.client.name or desk.client.client_id,
        "site": desk.site.site_id,
        "open_alerts": alerts,
        "delivery": delivery_of(desk),
    }
    try:
        today = today_of(desk.service, desk.client, desk.site)
        days = (today - timedelta(days=DAYS - 1), today)
        before = (days[0] - timedelta(days=DAYS), days[0] - timedelta(days=1))
        plain = desk.at(filters=())
        now, then = plain.rows(["visitors"], days=days), plain.rows(["visitors"], days=before)
        by_day = {
            row.of[0]: row.figures["visitors"] or 0
            for row in plain.rows(["visitors"], ["time:day"], days=days)
        }
        visitors = now[0].figures["visitors"] if now else 0
        return {
            **named,
            "visitors": visitors,
            "change": change(visitors, then[0].figures["visitors"] if then else None),
            "trend": [by_day.get((days[0] + timedelta(days=n)).isoformat(), 0) for n in range(DAYS)],
            "complete_to": shown.moment(desk.complete_through, desk.zone),
        }
    except FootfallError:
        return {**named, "visitors": None, "change": None, "trend": [], "complete_to": shown.NOTHING}


def delivery_of(desk: Desk) -> str:
    """How the client's deliveries are, in a word."""
    exports = desk.fresh("/export/status")["exports"]
    failing = sum(bool(each["problems"]) for each in exports)
    if failing:
        return say("d_failing", count=failing)
    done = [each["newest_committed_at"] for each in exports if each["newest_committed_at"]]
    if not done:
        return say("d_none")
    return say("d_good", ago=shown.ago(max(done), desk.service.now()))


def _go_to(client: str, site: str) -> None:
    parts.go(client=client, site=site, filters=())
    parts.open_page("overview")
