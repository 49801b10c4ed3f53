"""The domains on which events were seen, and what the client received and was delivered."""

from collections import defaultdict
from datetime import timedelta

import streamlit as st

from api.problems import Problem
from dashboard import charts, parts, shown
from dashboard.desk import Desk
from dashboard.words import say

_DOMAINS = ("domain", "state", "events", "hours_seen", "first_seen", "last_seen", "decided_by")


def show(desk: Desk) -> None:
    """The page."""
    found = desk.fresh("/v1/domains")["domains"]
    if not found:
        st.info(say("no_domains"))
    else:
        rows = [
            {
                **each,
                "first_seen": shown.moment(each["first_seen_hour"], desk.zone),
                "last_seen": shown.moment(each["last_seen_hour"], desk.zone),
            }
            for each in found
        ]
        parts.plain_table(rows, _DOMAINS)
        parts.download(found, list(found[0]), "domains")
        if desk.visitor.is_operator:
            _decide(desk, [each["domain"] for each in found if each["state"] not in ("verified", "approved")])
    _usage(desk)


def _decide(desk: Desk, undecided: list[str]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for domain in undecided[:10]:
            st.button(
                f"{say('approve')}: {parts.plain(domain)}",
                key=f"w_approve_{domain}",
                on_click=_approve,
                args=(desk, domain),
            )
    if said := st.session_state.pop("domain_said", None):
        st.error(parts.plain(said))


def _approve(desk: Desk, domain: str) -> None:
    try:
        desk.inside.ask("POST", "/v1/domains/{domain}/approve", domain=domain)
    except Problem as problem:
        st.session_state["domain_said"] = problem.detail


def _usage(desk: Desk) -> None:
    st.subheader(say("usage_title"), anchor=False)
    answer = desk.fresh("/v1/usage")
    plan = answer["plan"]
    if plan:
        text = say(
            "plan_used",
            used=shown.number(plan["used"]),
            included=shown.number(plan["included"]),
            counts=plan["counts"],
        )
        st.progress(min(1.0, plan["used_share"]), text=f"{parts.plain(plan['name'])}: {text}")
    if not answer["usage"]:
        st.caption(say("no_usage"))
        return
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for row in answer["usage"]:
        sums[row["date"], row["kind"]] += row["rows"]
    series = [{"date": date, "name": kind, "value": rows} for (date, kind), rows in sorted(sums.items())]
    parts.draw(
        charts.stacked(series, (desk.today - timedelta(days=29), desk.today)),
        key="usage",
        text=say("usage_title"),
    )
    parts.table(answer["usage"], ("date", "site", "kind", "rows", "bytes"), key="usage")
