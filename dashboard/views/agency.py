"""Every client on one page: how each does, whether it got its files, what is wrong."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import streamlit as st

from api.routes.questions import today_of
from dashboard import parts, shown
from dashboard.desk import Asked, Desk
from dashboard.words import say
from footfall.errors import FootfallError

#: Days of a sparkline, and of the period that is compared with as many before.
DAYS = 30
#: Pixels that the table may be high: some twenty rows. More are scrolled to.
MOST_HEIGHT = 760
#: Sites of a page: each is asked for by itself.
MOST_SITES = 50


def show(desk: Desk) -> None:
    """The page."""
    clients = desk.visitor.clients(desk.service)
    every = [
        replace(desk, client=client, site=site) for client in clients for site in desk.visitor.sites(client)
    ]
    if not every:
        st.info(say("no_clients"))
        return
    st.caption(say("agency_note", days=DAYS))
    desks = _of_this_page(every)
    for each in desks:
        # What cannot be read is said in its row.
        with suppress(FootfallError):
            each.ahead(*_questions(each))
    alerts = Counter(each["client_id"] for each in _all_alerts(desk))
    delivered = {each.client.client_id: each for each in desks}
    deliveries = {client_id: delivery_of(each) for client_id, each in delivered.items()}
    rows = [_row(each, alerts[each.client.client_id], deliveries[each.client.client_id]) for each in desks]
    if not rows:
        st.caption(say("no_rows"))
        return
    event = st.dataframe(
        [{say(name): row[name] for name in _COLUMNS} for row in rows],
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        key="w_agency",
        height=min(MOST_HEIGHT, 37 + 35 * len(rows)),
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
    parts.behind(rows, [name for name in _COLUMNS if name != "trend"], name="clients")


_COLUMNS = ("client", "site", "visitors", "change", "trend", "complete_to", "delivery", "open_alerts")


def _all_alerts(desk: Desk) -> list[dict[str, Any]]:
    inside = desk.visitor.inside(desk.service, None)
    found: list[dict[str, Any]] = inside.ask("GET", "/v1/alerts")["alerts"]
    return found


def _of_this_page(every: Sequence[Desk]) -> Sequence[Desk]:
    """The sites that are looked for, as many as a page has."""
    if len(every) <= MOST_SITES:
        return every
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    wanted = left.text_input(say("find_site"), key="w_agency_find", max_chars=100).strip().casefold()
    found = [each for each in every if wanted in _name(each).casefold()]
    begins = range(0, len(found), MOST_SITES)
    at = right.selectbox(
        say("sites_shown", count=len(found)),
        begins or [0],
        format_func=lambda first: f"{first + 1} – {min(first + MOST_SITES, len(found))}",
        key=f"w_agency_page_{wanted}",
    )
    return found[at : at + MOST_SITES]


def _name(desk: Desk) -> str:
    return f"{desk.client.client_id} {desk.client.name or ''} {desk.site.site_id}"


def _questions(desk: Desk) -> tuple[Asked, Asked]:
    """Visitors of the days beside those before, and day by day."""
    today = today_of(desk.service, desk.client, desk.site)
    plain = desk.at(filters=(), compare="previous_period", is_by_weekday=False)
    days = (today - timedelta(days=DAYS - 1), today)
    return (
        plain.question(["visitors"], days=days, is_compared=True),
        plain.question(["visitors"], ["time:day"], days=days),
    )


def _row(desk: Desk, alerts: int, delivery: str) -> dict[str, Any]:
    """A site; where its figures cannot be read, it says so and the others are there."""
    named = {
        "client_id": desk.client.client_id,
        "client": desk.client.name or desk.client.client_id,
        "site": desk.site.site_id,
        "open_alerts": alerts,
        "delivery": delivery,
    }
    try:
        totals, daily = _questions(desk)
        now = desk.rows_of(totals)
        by_day = {row.of[0]: row.figures["visitors"] or 0 for row in desk.rows_of(daily)}
        first = date.fromisoformat(daily.given["question"]["date_range"][0])
        return {
            **named,
            "visitors": now[0].figures["visitors"] if now else 0,
            "change": now[0].change["visitors"] if now else None,
            "trend": [by_day.get((first + timedelta(days=n)).isoformat(), 0) for n in range(DAYS)],
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
