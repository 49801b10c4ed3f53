"""The first screen: six figures, a chart, four panels; every row filters."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import streamlit as st

from api.comparing import labels, partners
from api.ranges import Days
from dashboard import charts, parts, shown
from dashboard.address import FIGURES
from dashboard.app_paths import SHAPES
from dashboard.desk import Desk, Row
from dashboard.notes import notes_of
from dashboard.words import say, title_of

#: Panel → list → the dimension that it is of.
PANELS: dict[str, dict[str, str]] = {
    "sources": {
        "channel": "channel",
        "source": "source",
        "campaign": "campaign",
        "medium": "medium",
        "term": "term",
        "content": "content",
    },
    "pages": {"top_pages": "page", "entry_pages": "landing_page", "exit_pages": "exit_page"},
    "places": {"map": "country", "country": "country", "region": "region", "city": "city"},
    "devices": {
        "device": "device",
        "browser": "browser",
        "os": "os",
        "language": "language",
        "screen": "screen",
    },
}
#: What the table of a list has beside visitors, where there is such a thing.
MORE = ("visitors", "sessions", "page_views", "bounce_rate", "avg_session_seconds", "conversion_rate")
#: Days that are shown of a period of one day.
AROUND = 14


def show(desk: Desk) -> None:
    """The page."""
    quality = desk.get("/v1/quality", site_id=desk.site.site_id, date_range=desk.range())
    finals = {row["date"]: bool(row["is_final"]) for row in quality["rows"]}
    late = sum(row["late_added"] or 0 for row in quality["rows"])
    parts.freshness(desk, late, is_final=quality["meta"]["final"])
    able = [metric for metric in FIGURES if desk.can(metric)]
    if not able:
        names = ", ".join(sorted({title_of(each.dimension) for each in desk.filters}))
        st.info(say("not_together", filters=parts.plain(names)))
        return
    totals = desk.rows(able, is_compared=True)
    total = totals[0] if totals else None
    parts.cards(desk, FIGURES, total)
    if total is None or not any(total.figures.values()):
        st.info(
            say("no_figures_filtered") if desk.filters else say("no_figures", days=shown.days(*desk.days))
        )
        return
    _chart(desk, able, finals)
    visitors = total.figures.get("visitors")
    left, right = st.columns(2, gap="medium")
    for column, panels in ((left, ("sources", "places")), (right, ("pages", "devices"))):
        for name in panels:
            with column.container(border=True):
                _panel(desk, name, visitors)


def _chart(desk: Desk, able: Sequence[str], finals: dict[str, bool]) -> None:
    metric = desk.view.measure if desk.view.measure in able else able[0]
    is_one = desk.days[0] == desk.days[1]
    days = (desk.days[0] - timedelta(days=AROUND - 1), desk.days[1]) if is_one else desk.days
    if is_one:
        more = desk.get("/v1/quality", site_id=desk.site.site_id, date_range=f"{days[0]},{days[1]}")
        finals = {row["date"]: bool(row["is_final"]) for row in more["rows"]}
    interval = desk.view.by(days)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(f"**{say(metric)}**" + (f"  :gray[{say('single_day')}]" if is_one else ""))
        key = f"w_interval_{interval}"
        st.segmented_control(
            say("interval"),
            ("day", "week", "month"),
            default=interval,
            key=key,
            format_func=lambda each: say(f"i_{each}"),
            label_visibility="collapsed",
            on_change=lambda: parts.go(interval=st.session_state[key] or ""),
        )
    rows = series(desk, metric, days, interval, finals)
    notes = notes_of(desk, days)
    text = say("chart_text", measure=say(metric), interval=say(f"i_{interval}"), days=shown.days(*days))
    parts.draw(charts.over_time(rows, metric, notes), key=f"chart_{metric}_{interval}", text=text)
    parts.behind(
        [
            {"date": row["label"], metric: row["value"], "then": row["before"], "state": row["state"]}
            for row in rows
        ],
        ("date", metric, "then", "state"),
        name="chart",
    )
    if notes:
        with st.expander(say("notes")):
            parts.plain_table(
                [{"date": each["label"], "note": each["note"]} for each in notes], ("date", "note")
            )


def series(
    desk: Desk, metric: str, days: Days, interval: str, finals: dict[str, bool]
) -> list[dict[str, Any]]:
    """Each day, week or month: its value, that beside it in the compared days, and whether it is final.

    A count that no row has is zero from the first day of the site on; a share is nothing.
    """
    time = f"time:{interval}"
    found = {row.of[0]: row.figures[metric] for row in desk.rows([metric], [time], days=days)}
    before = desk.before if days == desk.days else None
    earlier: dict[str, Any] = {}
    beside: dict[date, date] = {}
    if before is not None:
        earlier = {row.of[0]: row.figures[metric] for row in desk.rows([metric], [time], days=before)}
        beside = dict(partners(time, desk.view.compare, days, before, is_by_weekday=desk.view.is_by_weekday))
    is_count = metric in ("visitors", "sessions", "page_views")
    reached = desk.complete_through
    rows = []
    for label in labels(time, days):
        if label > desk.today:
            break
        there = beside.get(label)
        value = found.get(label.isoformat(), 0 if is_count and label >= desk.first else None)
        then = (
            earlier.get(there.isoformat(), 0 if is_count and there >= desk.first else None) if there else None
        )
        is_final = _is_final(label, interval, days, finals)
        rows.append(
            {
                "date": label.isoformat(),
                "label": shown.day(label),
                "value": value,
                "before": then,
                "shown": shown.figure(metric, value),
                "shown_before": f"{shown.figure(metric, then)} ({shown.day(there)})"
                if there
                else shown.NOTHING,
                "is_final": is_final,
                "state": say("final" if is_final else "provisional"),
            }
        )
    return rows if reached else [{**row, "is_final": False, "state": say("provisional")} for row in rows]


def _is_final(label: date, interval: str, days: Days, finals: dict[str, bool]) -> bool:
    """Whether each day of a day, week or month is final; a day of which there is no row counts for nothing
    where it is not the last."""
    if interval == "day":
        return finals.get(label.isoformat(), label < days[1])
    length = 7 if interval == "week" else 31
    inside = [
        label + timedelta(days=n)
        for n in range(length)
        if interval == "week" or (label + timedelta(days=n)).month == label.month
    ]
    return all(finals.get(each.isoformat(), each < days[1]) for each in inside if each <= days[1]) and (
        inside[-1] <= days[1]
    )


def _panel(desk: Desk, panel: str, total: float | None) -> None:
    lists = PANELS[panel]
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(f"**{say(panel + '_panel')}**")
        found = parts.choice(desk, panel, list(lists), title_of)
    dimension = lists[found]
    if not desk.can("visitors", [dimension]):
        others = sorted({title_of(each.dimension) for each in desk.filters if each.dimension != dimension})
        st.caption(say("not_together", filters=parts.plain(", ".join(others))))
        return
    rows = desk.rows(["visitors"], [dimension], limit=300 if found == "map" else parts.ROWS)
    if found == "map":
        _map(desk, rows)
    else:
        parts.bars(
            desk, panel, [(row.of[0], row.figures["visitors"]) for row in rows], dimension, total=total
        )
    if rows:
        st.button(
            say("all_of"),
            key=f"w_all_{panel}_{found}",
            type="tertiary",
            on_click=_whole,
            args=(desk, dimension),
        )


def _map(desk: Desk, rows: Sequence[Row]) -> None:
    values = [
        {
            "country": row.of[0],
            "value": row.figures["visitors"],
            "name": shown.value_of("country", row.of[0]),
            "shown": shown.figure("visitors", row.figures["visitors"]),
        }
        for row in rows
    ]
    key = "map_" + "_".join(each.text for each in desk.filters)
    parts.draw(
        charts.world(values, SHAPES, "visitors"),
        key=key,
        text=f"{say('visitors')}: " + ", ".join(f"{each['name']} {each['shown']}" for each in values[:10]),
        on_select=lambda: _picked(desk, key),
        selection_mode=charts.SELECTED,
    )
    st.caption(say("map_note"))
    parts.behind(
        [{"country": each["country"], "visitors": each["value"]} for each in values],
        ("country", "visitors"),
        name="map",
    )


def _picked(desk: Desk, key: str) -> None:
    picked = st.session_state[key].selection.get(charts.SELECTED) or []
    if picked:
        parts.go(filters=desk.view.with_filter("country", str(picked[0]["id"])).filters)


def _whole(desk: Desk, dimension: str) -> None:
    """In a callback: open the whole list at the end of this run."""

    @st.dialog(title_of(dimension), width="large")
    def whole() -> None:
        able = [metric for metric in MORE if desk.can(metric, [dimension])]
        rows = desk.rows(able, [dimension], is_compared=True)
        parts.table(
            [{dimension: row.of[0], **row.figures, "change": row.change.get("visitors")} for row in rows],
            (dimension, *able, *(("change",) if desk.view.compare else ())),
            key=f"all_{dimension}",
        )

    whole()
