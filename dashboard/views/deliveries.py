"""What was delivered of each export: a bar of periods, the files and what proves them; verify, run again."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import streamlit as st

from api.problems import Problem
from api.routes.acts import Span
from dashboard import charts, parts, shown
from dashboard.desk import Desk, Gone
from dashboard.erasures import show_erasures
from dashboard.words import say
from footfall import zones
from footfall.clients import Export

#: Periods of a bar.
MOST = 200
_DONE = ("committed", "notified")


def show(desk: Desk) -> None:
    """The page."""
    if not desk.client.exports:
        st.info(say("no_exports"))
        return
    st.html(charts.legend({state: say(f"s_{state}") for state in charts.STATES}))
    for export in desk.client.exports:
        with st.container(border=True):
            _export(desk, export)
    show_erasures(desk)


def _export(desk: Desk, export: Export) -> None:
    rows = desk.fresh("/v1/deliveries", export=export.name, limit=1000)["deliveries"]
    done = [row for row in rows if row["state"] in _DONE]
    waiting = [row for row in rows if row["state"] not in _DONE and row["error"]]
    kind = parts.plain(f"{export.dataset} · {export.cadence} · {export.format}")
    said = [f"**{parts.plain(export.name)}**", kind]
    if done:
        said.append(say("newest", at=_name(desk, export, done[0])))
    st.markdown(" · ".join(said))
    for row in waiting[:3]:
        st.warning(say("waits", why=parts.plain(row["error"])))
    if not rows:
        st.caption(say("no_deliveries"))
        return
    newest = newest_revisions(rows)[:MOST]
    parts.draw(
        charts.periods([_bar(desk, export, row) for row in newest]),
        key=f"bar_{export.name}",
        text=say("bar_text", count=len(newest), done=len(done)),
    )
    with st.expander(say("periods_and_files"), key=f"x_periods_{export.name}"):
        _periods(desk, export, newest, rows)
    if desk.visitor.is_operator:
        _acts(desk, export)


def newest_revisions(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The newest revision of each period, in the order of the ledger."""
    found: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        known = found.get(row["period_start"])
        if known is None or row["revision"] > known["revision"]:
            found[row["period_start"]] = row
    return list(found.values())


def _bar(desk: Desk, export: Export, row: Mapping[str, Any]) -> dict[str, Any]:
    period = desk.client.calendar(export).at(datetime.fromisoformat(row["period_start"]))
    return {
        "start": _in_chart(desk, period.start),
        "end": _in_chart(desk, period.end),
        "lane": export.name,
        "state": state_of(row),
        "label": _name(desk, export, row),
        "rows": row["rows"] or 0,
    }


def _name(desk: Desk, export: Export, row: Mapping[str, Any]) -> str:
    """A period as people call it: its day, or the moment at which it begins."""
    start = desk.client.calendar(export).at(datetime.fromisoformat(row["period_start"])).start
    return shown.day(start.date()) if export.kind.is_day else shown.moment(start, desk.zone)


def _in_chart(desk: Desk, moment: datetime) -> str:
    return f"{moment.astimezone(zones.zone(desk.zone)):%Y-%m-%dT%H:%M:%S}"


def state_of(row: Mapping[str, Any]) -> str:
    """How a period is: delivered, empty, revised, waiting, failing."""
    if row["state"] not in _DONE:
        return "failing" if row["error"] else "waiting"
    if row["revision"] > 1:
        return "revised"
    return "delivered" if row["rows"] else "empty"


def _periods(
    desk: Desk, export: Export, newest: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]
) -> None:
    listed = [
        {
            "period": _name(desk, export, row),
            "state": row["shown"],
            "rows": row["rows"],
            "bytes": row["bytes"],
            "revision": row["revision"],
            "reason": row["reason"],
            "delivered_at": shown.moment(row["committed_at"], desk.zone),
        }
        for row in newest
    ]
    columns = ("period", "state", "rows", "bytes", "revision", "reason", "delivered_at")
    event = st.dataframe(
        [{say(c): row[c] for c in columns} for row in listed],
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        key=f"w_periods_{export.name}",
    )
    parts.download(rows, list(rows[0]), f"deliveries-{export.name}")
    picked = [newest[n] for n in event.selection.rows if n < len(newest)] or [newest[0]]
    _files(desk, export, picked[0])
    if desk.visitor.is_operator:
        st.button(
            f"{say('run_again')}: {_name(desk, export, picked[0])}",
            key=f"w_run_{export.name}",
            on_click=_run,
            args=(desk, export, picked[0]["period_start"]),
        )


def _files(desk: Desk, export: Export, row: Mapping[str, Any]) -> None:
    """What the manifest of a period says: each file with its sha256, and receipts that add up."""
    if not row["manifest_key"]:
        return
    try:
        manifest = desk.fresh(
            "/v1/deliveries/{export}/{period_start}/manifest",
            export=export.name,
            period_start=row["period_start"],
            revision=row["revision"],
        )
    except Problem as problem:
        if problem.code != "unknown_delivery":
            raise
        return
    st.markdown(f"**{_name(desk, export, row)}**  `{row['manifest_key']}`")
    files = [
        {
            "file": each["key"],
            "rows": each.get("rows"),
            "bytes": each.get("bytes"),
            "sha256": each.get("sha256"),
        }
        for each in manifest.get("files", [])
    ]
    if files:
        parts.plain_table(files, ("file", "rows", "bytes", "sha256"))
    completeness = manifest.get("completeness") or manifest.get("counts") or {}
    if completeness:
        st.caption(
            parts.plain(
                " · ".join(
                    f"{name} {value}"
                    for name, value in completeness.items()
                    if not isinstance(value, dict | list)
                )
            )
        )


def _acts(desk: Desk, export: Export) -> None:
    key = f"task_{desk.client.client_id}_{export.name}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(say("verify"), key=f"w_verify_{export.name}", on_click=_verify, args=(desk, export))
        if key in st.session_state:
            _followed(desk, st.session_state[key])


def _verify(desk: Desk, export: Export) -> None:
    _begin(desk, export, lambda: desk.inside.ask("POST", "/v1/exports/{name}/verify", name=export.name))


def _run(desk: Desk, export: Export, period_start: str) -> None:
    period = desk.client.calendar(export).at(datetime.fromisoformat(period_start))
    span = Span.model_validate({"from": period.start.isoformat(), "to": period.end.isoformat()})
    _begin(
        desk, export, lambda: desk.inside.ask("POST", "/v1/exports/{name}/run", name=export.name, span=span)
    )


def _begin(desk: Desk, export: Export, act: Any) -> None:
    """In a callback: what was begun, or why it was not, is shown by the run after it."""
    key = f"task_{desk.client.client_id}_{export.name}"
    try:
        st.session_state[key] = act()["run"]
    except Problem as problem:
        st.session_state[key] = f"! {problem.detail}"


def _followed(desk: Desk, run: str) -> None:
    if run.startswith("! "):
        st.error(parts.plain(run[2:]))
        return
    parts.moving(lambda: _state(desk, run), 5)


def _state(desk: Desk, run: str) -> None:
    try:
        found = desk.fresh("/v1/runs/{run_id}", run_id=run)
    except Gone:
        raise
    except Problem as problem:
        st.error(parts.plain(problem.detail))
        return
    result = found["result"] or {}
    good = [each.get("is_as_promised") for each in result.values() if isinstance(each, dict)]
    if found["state"] == "done" and good:
        (st.success if all(good) else st.error)(say("v_good" if all(good) else "v_bad"))
    else:
        st.caption(parts.plain(f"{found['what'] or run}: {found['state']} {found['error'] or ''}"))
