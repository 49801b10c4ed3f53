"""How people went: pages that followed each other, funnels, and who came back."""

from collections import defaultdict
from typing import Any

import streamlit as st

from dashboard import charts, parts, shown
from dashboard.desk import Desk
from dashboard.words import say

#: Flows that are drawn; the table has all.
MOST_FLOWS = 24


def show(desk: Desk) -> None:
    """The page."""
    found = parts.choice(desk, "journeys", ("paths", "funnel", "retention"), say)
    if found == "paths":
        _paths(desk)
    elif found == "funnel":
        _funnels(desk)
    else:
        _retention(desk)


def _paths(desk: Desk) -> None:
    answer = desk.get("/v1/journeys", site_id=desk.site.site_id, date_range=desk.range())
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for row in answer["rows"]:
        sums[row["from_page"], row["to_page"]] += row["transitions"]
    if not sums:
        st.info(say("no_journeys"))
        return
    pages = sorted({page for pair in sums for page in pair})
    wanted = st.selectbox(
        say("page"), ["", *pages], format_func=lambda each: each or say("p_all"), key="w_path"
    )
    flows = [
        {"from_page": start, "to_page": end, "transitions": count}
        for (start, end), count in sorted(sums.items(), key=lambda each: -each[1])
        if not wanted or wanted in (start, end)
    ]
    drawn = [
        {**each, "from_page": shown.short(each["from_page"], 40), "to_page": shown.short(each["to_page"], 40)}
        for each in flows[:MOST_FLOWS]
    ]
    text = ", ".join(f"{each['from_page']} → {each['to_page']}: {each['transitions']}" for each in drawn)
    parts.draw(charts.sankey(drawn), key=f"paths_{wanted}", text=text)
    parts.table(flows, ("from_page", "to_page", "transitions"), key="paths")


def _funnels(desk: Desk) -> None:
    names = [each.name for each in desk.client.funnels]
    if not names:
        st.info(say("no_funnels"))
        return
    name = st.selectbox(say("funnel"), names, key="w_funnel") if len(names) > 1 else names[0]
    answer = desk.get("/v1/funnels/{name}", name=name, site_id=desk.site.site_id, date_range=desk.range())
    steps = steps_of(answer["rows"])
    if not steps:
        st.info(say("no_rows"))
        return
    st.caption(say("funnel_note"))
    parts.draw(
        charts.bars(
            [
                {"step_name": f"{each['step']}. {each['step_name']}", "reached": each["reached"]}
                for each in steps
            ],
            "step_name",
            "reached",
        ),
        key=f"funnel_{name}",
        text=", ".join(f"{each['step_name']} {each['reached']}" for each in steps),
    )
    parts.plain_table(
        steps, ("step", "step_name", "reached", "share_of_entered", "drop_off", "median_seconds")
    )
    parts.download(answer["rows"], list(answer["rows"][0]), f"funnel-{name}")


def steps_of(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Steps of a funnel over days: counts of days, added. The time is that of the newest day."""
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        step = found.setdefault(
            row["step"], {"step": row["step"], "step_name": row["step_name"], "reached": 0}
        )
        step["reached"] += row["reached"] or 0
        step["median_seconds"] = row["median_seconds"]
    listed = [found[number] for number in sorted(found)]
    entered = listed[0]["reached"] if listed else 0
    for before, step in zip([None, *listed], listed, strict=False):
        step["share_of_entered"] = step["reached"] / entered if entered else None
        step["drop_off"] = before["reached"] - step["reached"] if before else None
    return listed


def _retention(desk: Desk) -> None:
    first = parts.week_of(desk.days[0])
    answer = desk.get("/v1/retention", site_id=desk.site.site_id, date_range=f"{first},{desk.days[1]}")
    rows = [
        {
            "cohort_week": f"{shown.day(row['cohort_week'])} ({row['cohort_visitors']})",
            "weeks_later": row["weeks_later"],
            "retention": float(row["retention"] or 0),
            "visitors": row["visitors"],
            "shown": f"{shown.number(float(row['retention'] or 0) * 100)} %",
        }
        for row in answer["rows"]
    ]
    if not rows:
        st.info(say("no_retention"))
        return
    parts.draw(
        charts.squares(rows, "weeks_later", "cohort_week", "retention", "shown"),
        key="retention",
        text=say("retention"),
    )
    parts.behind(rows, ("cohort_week", "weeks_later", "visitors", "retention"), name="retention")
