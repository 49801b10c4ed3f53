"""Erasures of a client's persons, for whoever may ask for them: how far each came, and when it is due."""

from typing import Any

import streamlit as st

from dashboard import parts, shown
from dashboard.desk import Desk
from dashboard.words import say

_ROUTE, _REQUESTS = "/v1/privacy/erasures", "/v1/privacy/requests"
#: Finished ones that are shown; of the others all are.
_FINISHED = 20


def _waiting(desk: Desk) -> list[dict[str, Any]]:
    """What visitors ask for, about which nobody has decided."""
    return [each for each in desk.fresh(_REQUESTS)["requests"] if each["decision"] is None]


def _show_requests(desk: Desk) -> None:
    """Each of them; nothing of their ids."""
    for each in _waiting(desk):
        name, site = parts.plain(each["id"]), parts.plain(each["site_id"])
        due = shown.moment(each["due_by"], desk.zone)
        text = say(f"request_{each['wanted']}", id=name, site=site, at=due)
        (st.error if each["is_overdue"] else st.warning)(text)


def lead_to_requests(desk: Desk) -> None:
    """To an operator, where requests wait: how many, and the page that shows them."""
    if not (desk.visitor.is_operator and desk.inside.may("GET", _REQUESTS)):
        return
    count = len(_waiting(desk))
    if count:
        st.button(
            say("requests_wait", count=shown.number(count)),
            key="w_requests",
            type="tertiary",
            on_click=parts.open_page,
            args=("deliveries",),
        )


def show_erasures(desk: Desk) -> None:
    """A list, the newest first; nothing where there are none, or for others."""
    if not (desk.visitor.is_operator and desk.inside.may("GET", _ROUTE)):
        return
    _show_requests(desk)
    found = sorted(desk.fresh(_ROUTE)["erasures"], key=lambda each: each["asked_at"], reverse=True)
    done = [each for each in found if each["finished_at"]]
    listed = [each for each in found if not each["finished_at"]] + done[:_FINISHED]
    if not listed:
        return
    with st.container(border=True):
        st.markdown(f"**{say('erasures')}**")
        for each in listed:
            name = parts.plain(each["id"])
            if each["finished_at"]:
                st.caption(say("erasure_done", id=name, at=shown.moment(each["finished_at"], desk.zone)))
                continue
            text = say("erasure_due", id=name, at=shown.moment(each["due_by"], desk.zone))
            (st.error if each["is_overdue"] else st.warning)(text)
            for step, why in each["outstanding"].items():
                st.caption(f"{parts.plain(step)}: {parts.plain(why)}")
