"""Saved questions with their parameters, and SQL of one's own, over this client's tables alone."""

from datetime import timedelta
from typing import Any

import streamlit as st

from api.problems import Problem
from api.saved_questions import Asked, questions
from dashboard import parts, shown
from dashboard.desk import Desk
from dashboard.sandbox import MOST_ROWS, SECONDS, Answer
from dashboard.words import say
from footfall.described import table_columns
from footfall.errors import FootfallError

#: What stands in the field at first.
EXAMPLE = """SELECT channel, count(*) AS sessions, count(DISTINCT visitor_id) AS visitors
FROM sessions
WHERE NOT is_bot
GROUP BY channel
ORDER BY sessions DESC"""


def show(desk: Desk) -> None:
    """The page. Whoever sees one site only does not come here: a query is over the whole client."""
    found = parts.choice(desk, "ask", ("saved", "own_sql"), say)
    if found == "saved":
        _saved(desk)
    else:
        _own(desk)
    if "answer" in st.session_state:
        name, whose, answer = st.session_state["answer"]
        if whose == desk.client.client_id:
            _show(name, answer)


def _saved(desk: Desk) -> None:
    known = questions()
    name = st.selectbox(
        say("question"),
        list(known),
        format_func=lambda each: f"{known[each].asks} ({each})",
        key="w_question",
    )
    left, middle, right = st.columns([2, 2, 1], vertical_alignment="bottom")
    sites = [site.site_id for site in desk.client.sites]
    site = left.selectbox(
        say("site"), ["", *sites], format_func=lambda each: each or say("p_all"), key="w_q_site"
    )
    days = middle.date_input(
        say("period"),
        value=(desk.today - timedelta(days=29), desk.today),
        key="w_q_days",
        format=shown.date_format(),
    )
    first, last = days if isinstance(days, tuple) and len(days) == 2 else (None, None)
    asked = Asked(desk.client, site or None, first, last)
    query = str(known[name].for_duckdb(asked, desk.today))
    right.button(
        say("run"),
        key="w_q_run",
        type="primary",
        width="stretch",
        on_click=_run,
        args=(desk, name, query, asked.values),
    )
    with st.expander(say("query")):
        st.code(query, language="sql")


def _own(desk: Desk) -> None:
    st.caption(say("ask_hint", seconds=SECONDS, rows=shown.number(MOST_ROWS)))
    query = st.text_area(say("query"), EXAMPLE, height=200, key="w_sql")
    st.button(say("run"), key="w_sql_run", type="primary", on_click=_run, args=(desk, "sql", query, {}))
    with st.expander(say("table")):
        reading = desk.service.tables.of(desk.client.client_id)
        names = sorted(reading.snapshot.tables) if reading.snapshot else []
        table = st.selectbox(say("table"), names, key="w_table") if names else None
        if table:
            rows = [
                {"name": each.name, "kind": each.kind, "detail": each.meaning}
                for each in table_columns(table).values()
            ]
            parts.plain_table(rows, ("name", "kind", "detail"))


def _run(desk: Desk, name: str, query: str, values: dict[str, Any]) -> None:
    """In a callback: the answer is shown by the run after it."""
    text = st.session_state.get("w_sql", query) if name == "sql" else query
    try:
        answer: Answer | str = desk.answer(text, values)
    except FootfallError as failed:
        answer = str(failed)
    except Problem as problem:
        answer = problem.detail
    st.session_state["answer"] = (name, desk.client.client_id, answer)


def _show(name: str, answer: Answer | str) -> None:
    if isinstance(answer, str):
        st.error(say("sql_failed", why=parts.plain(answer)))
        return
    columns = _distinct(answer.columns)
    rows = [dict(zip(columns, row, strict=True)) for row in answer.rows]
    count = shown.number(len(rows))
    st.caption(say("rows_cut", count=count) if answer.is_cut else say("rows_found", count=count))
    if rows:
        st.dataframe(rows, hide_index=True, width="stretch", key="t_answer")
        parts.download(rows, columns, name)


def _distinct(columns: list[str]) -> list[str]:
    """Names of columns, each once."""
    found: list[str] = []
    for each in columns:
        found.append(each if each not in found else f"{each}_{len(found) + 1}")
    return found
