"""What is wrong now, why, and what to do; who knows of it."""

import streamlit as st

from api.inside import Inside
from api.problems import Problem
from api.routes.acts import Known
from dashboard import parts, shown
from dashboard.desk import Desk
from dashboard.erasures import lead_to_requests
from dashboard.words import say

_COLOURS = {"error": "red", "critical": "red", "warning": "orange"}


def show(desk: Desk) -> None:
    """The page."""
    lead_to_requests(desk)
    whose = ("", desk.client.client_id)
    asked = _of_all(desk) if desk.visitor.is_operator else desk.inside
    found = [each for each in asked.ask("GET", "/v1/alerts")["alerts"] if each["client_id"] in whose]
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
                _acknowledge(desk, number, alert["key"], alert["client_id"])
    if said := st.session_state.pop("alert_said", None):
        st.error(parts.plain(said))


def _of_all(desk: Desk) -> Inside:
    """The API asked about all clients, and the installation, whose alerts are the operator's. Raises Gone."""
    desk.require_still()
    return desk.visitor.inside(desk.service, None)


def _acknowledge(desk: Desk, number: int, key: str, client_id: str) -> None:
    with st.form(f"ack_{number}", border=False):
        left, right = st.columns([4, 1], vertical_alignment="bottom")
        left.text_input(say("because"), key=f"w_because_{number}", max_chars=500)
        right.form_submit_button(
            say("acknowledge"), on_click=_act, args=(desk, key, client_id, f"w_because_{number}")
        )


def _act(desk: Desk, key: str, client_id: str, because: str) -> None:
    try:
        known = Known(because=st.session_state[because].strip())
        asked = desk.inside if client_id else _of_all(desk)
        asked.ask("POST", "/v1/alerts/{key}/ack", key=key, said=known)
    except Problem as problem:
        st.session_state["alert_said"] = problem.detail
