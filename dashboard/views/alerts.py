"""What is wrong now, why, and what to do; who knows of it."""

import streamlit as st

from api.problems import Problem
from api.routes.acts import Known
from dashboard import parts, shown
from dashboard.desk import Desk
from dashboard.words import say

_COLOURS = {"error": "red", "critical": "red", "warning": "orange"}


def show(desk: Desk) -> None:
    """The page."""
    found = desk.fresh("/v1/alerts")["alerts"]
    if not found:
        st.success(say("no_alerts"))
        return
    for number, alert in enumerate(found):
        with st.container(border=True):
            colour = _COLOURS.get(alert["severity"], "blue")
            st.markdown(
                f":{colour}-badge[{parts.plain(alert['severity'])}] **{parts.plain(alert['title'])}**"
            )
            st.caption(
                f"{say('since')} {shown.moment(alert['since'], desk.zone)} · {parts.plain(alert['state'])} · "
                f"`{alert['key'].replace('`', '')}`"
            )
            for name in ("cause", "fix"):
                if alert[name]:
                    st.markdown(f"**{say(name)}** {parts.coded(alert[name])}")
            for silence in alert["silences"]:
                st.caption(parts.plain(silence))
            if desk.inside.may("POST", "/v1/alerts/{key}/ack"):
                _acknowledge(desk, number, alert["key"])
    if said := st.session_state.pop("alert_said", None):
        st.error(parts.plain(said))


def _acknowledge(desk: Desk, number: int, key: str) -> None:
    with st.form(f"ack_{number}", border=False):
        left, right = st.columns([4, 1], vertical_alignment="bottom")
        left.text_input(say("because"), key=f"w_because_{number}", max_chars=500)
        right.form_submit_button(say("acknowledge"), on_click=_act, args=(desk, key, f"w_because_{number}"))


def _act(desk: Desk, key: str, because: str) -> None:
    try:
        known = Known(because=st.session_state[because].strip())
        desk.inside.ask("POST", "/v1/alerts/{key}/ack", key=key, said=known)
    except Problem as problem:
        st.session_state["alert_said"] = problem.detail
