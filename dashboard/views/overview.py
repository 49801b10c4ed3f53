"""The first screen: six figures, a chart, four panels; every row filters."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

import streamlit as st

from api.comparing import labels, partners
from api.ranges import Days
from dashboard import atlas, parts, plot, shown
from dashboard.address import FIGURES, INTERVALS
from dashboard.app_paths import SHAPES
from dashboard.desk import Asked, Desk, Gone, Row
from dashboard.notes import may_write, notes_of, remove, write, written
from dashboard.words import say, title_of
from footfall.access.day_notes import MOST_TEXT, DayNote

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


def show(desk: Desk) -> None:
    """The page."""
    able = [metric for metric in FIGURES if desk.can(metric)]
    desk.ahead(*_questions(desk, able))
    quality = desk.answered(_quality(desk))
    finals = {row["date"]: bool(row["is_final"]) for row in quality["rows"]}
    parts.freshness(desk, quality["rows"], is_final=quality["meta"]["final"], is_compared=True)
    if not able:
        names = ", ".join(sorted({title_of(each.dimension) for each in desk.filters}))
        st.info(say("not_together", filters=parts.plain(names)))
        return
    totals = desk.rows_of(_totals(desk, able))
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


def _questions(desk: Desk, able: Sequence[str]) -> list[Asked]:
    """All that the page asks."""
    if not able:
        return []
    metric, interval, _ = _drawn(desk, able)
    listed = [_listed(desk, panel) for panel in PANELS if _is_there(desk, _list_of(desk, panel)[1])]
    return [_quality(desk), _totals(desk, able), *_points(desk, metric, interval), *listed]


def _quality(desk: Desk) -> Asked:
    return Asked("GET", "/v1/quality", {"site_id": desk.site.site_id, "date_range": desk.range()})


def _totals(desk: Desk, able: Sequence[str]) -> Asked:
    return desk.question(able, is_compared=True)


def _drawn(desk: Desk, able: Sequence[str]) -> tuple[str, str, list[str]]:
    """The metric of the chart, by what it is, and by what it may be."""
    metric = desk.view.measure if desk.view.measure in able else able[0]
    intervals = [each for each in INTERVALS if each != "hour" or desk.can(metric, ["time:hour"])]
    intervals = [each for each in intervals if each != "hour" or desk.is_short]
    interval = desk.view.by(desk.days)
    return metric, interval if interval in intervals else "day", intervals


def _points(desk: Desk, metric: str, interval: str) -> list[Asked]:
    """Its points, and those of the days that are compared."""
    return [
        desk.question([metric], [f"time:{interval}"], days=days)
        for days in (desk.days, desk.before)
        if days is not None
    ]


def _chart(desk: Desk, able: Sequence[str], finals: dict[str, bool]) -> None:
    metric, interval, intervals = _drawn(desk, able)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(f"**{say(metric)}**")
        key = f"w_interval_{interval}"
        st.segmented_control(
            say("interval"),
            intervals,
            default=interval,
            key=key,
            format_func=lambda each: say(f"i_{each}"),
            label_visibility="collapsed",
            on_change=lambda: parts.go(interval=st.session_state[key] or ""),
        )
    rows = series(desk, metric, interval, finals)
    notes = notes_of(desk, desk.days)
    text = say("chart_text", measure=say(metric), interval=say(f"i_{interval}"), days=shown.days(*desk.days))
    is_dark = st.context.theme.type == "dark"
    st.html(plot.over_time(rows, metric, notes, text=text, is_by_hour=interval == "hour", is_dark=is_dark))
    parts.behind(
        [
            {"date": row["label"], metric: row["value"], "then": row["before"], "state": row["state"]}
            for row in rows
        ],
        ("date", metric, "then", "state"),
        name="chart",
    )
    if notes or may_write(desk):
        with st.expander(say("notes"), key="x_notes", on_change="rerun") as unfolded:
            if unfolded.open:
                _notes(desk, notes)


def _notes(desk: Desk, notes: Sequence[dict[str, Any]]) -> None:
    if notes:
        parts.plain_table([{"date": each["label"], "note": each["note"]} for each in notes], ("date", "note"))
    if not may_write(desk):
        return
    with st.form("note", border=False, clear_on_submit=True):
        left, middle, right = st.columns([1, 3, 1], vertical_alignment="bottom")
        left.date_input(
            say("date"), desk.days[1], max_value=desk.today, key="w_note_day", format=shown.date_format()
        )
        middle.text_input(say("note"), key="w_note_text", max_chars=MOST_TEXT)
        right.form_submit_button(say("add_note"), width="stretch", on_click=_write, args=(desk,))
    for note in written(desk):
        if desk.days[0] <= note.day <= desk.days[1]:
            st.button(
                f"{say('remove')}: {parts.plain(shown.day(note.day))} {parts.plain(note.text)}",
                key=f"w_note_{note.id}",
                type="tertiary",
                on_click=_remove,
                args=(desk, note),
            )


def _write(desk: Desk) -> None:
    """In a callback. An empty note is none."""
    text = st.session_state["w_note_text"].strip()
    if text:
        with suppress(Gone):
            write(desk, st.session_state["w_note_day"], text)


def _remove(desk: Desk, note: DayNote) -> None:
    """In a callback."""
    with suppress(Gone):
        remove(desk, note)


def series(desk: Desk, metric: str, interval: str, finals: dict[str, bool]) -> list[dict[str, Any]]:
    """Each hour, day, week or month: its value, that beside it in the compared days, whether it is final.

    A count that no row has is zero from the first day of the site on; a share is nothing.
    """
    time, days, before = f"time:{interval}", desk.days, desk.before
    found, *others = (
        {row.of[0]: row.figures[metric] for row in desk.rows_of(asked)}
        for asked in _points(desk, metric, interval)
    )
    earlier: dict[str, Any] = {}
    beside: dict[str, str] = {}
    if before is not None:
        [earlier] = others
        against = desk.view.compared_with or ""
        pairs = partners(time, against, days, before, is_by_weekday=desk.view.is_by_weekday)
        beside = {str(label): str(there) for label, there in pairs.items()}
    known, rows = desk.known_here, []
    for label in map(str, labels(time, days)):
        if label > desk.now_here or (interval == "hour" and label >= known and label not in found):
            break
        there = beside.get(label)
        value = found.get(label, _none(desk, metric, label))
        then = earlier.get(there, _none(desk, metric, there)) if there else None
        is_final = _is_final(date.fromisoformat(label[:10]), interval, days, finals)
        rows.append(
            {
                "date": shown.in_charts(label),
                "label": shown.time(label),
                "value": value,
                "before": then,
                "shown": shown.figure(metric, value),
                "shown_before": f"{shown.figure(metric, then)} ({shown.time(there)})" if there else "",
                "is_final": is_final,
                "state": say("final" if is_final else "provisional"),
            }
        )
    return rows


def _none(desk: Desk, metric: str, label: str) -> int | None:
    """What a metric is where no row is."""
    is_count = metric in ("visitors", "sessions", "page_views")
    return 0 if is_count and label[:10] >= desk.first.isoformat() else None


def _is_final(day: date, interval: str, days: Days, finals: dict[str, bool]) -> bool:
    """Whether each day of what begins with `day` is final. One without a row is, unless it is the last."""
    length = {"week": 7, "month": 31}.get(interval, 1)
    inside = [day + timedelta(days=n) for n in range(length)]
    if interval == "month":
        inside = [each for each in inside if each.month == day.month]
    return all(finals.get(each.isoformat(), each < days[1]) for each in inside)


def _list_of(desk: Desk, panel: str) -> tuple[str, str]:
    """The list that a panel shows, and the dimension that it is of."""
    lists = PANELS[panel]
    found = desk.view.list_of(panel, "")
    found = found if found in lists else next(iter(lists))
    return found, lists[found]


def _is_there(desk: Desk, dimension: str) -> bool:
    return desk.can("visitors", [dimension])


def _listed(desk: Desk, panel: str) -> Asked:
    found, dimension = _list_of(desk, panel)
    return desk.question(["visitors"], [dimension], limit=300 if found == "map" else parts.ROWS)


def _panel(desk: Desk, panel: str, total: float | None) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(f"**{say(panel + '_panel')}**")
        parts.choice(desk, panel, list(PANELS[panel]), title_of)
    found, dimension = _list_of(desk, panel)
    if not _is_there(desk, dimension):
        others = sorted({title_of(each.dimension) for each in desk.filters if each.dimension != dimension})
        st.caption(say("not_together", filters=parts.plain(", ".join(others))))
        return
    rows = desk.rows_of(_listed(desk, panel))
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
    if not any(row.of[0] in shown.countries() for row in rows):
        st.caption(say("no_countries"))
        return
    hints = {
        str(row.of[0]): (
            row.figures["visitors"],
            f"{shown.value_of('country', row.of[0])}: {shown.figure('visitors', row.figures['visitors'])}",
        )
        for row in rows
    }
    atlas.world(
        SHAPES,
        hints,
        key="map",
        text=f"{say('visitors')}: " + ", ".join(hint for _, hint in list(hints.values())[:10]),
        on_click=lambda: _picked(desk),
    )
    st.caption(say("map_note"))
    parts.behind(
        [{"country": row.of[0], "visitors": row.figures["visitors"]} for row in rows],
        ("country", "visitors"),
        name="map",
    )


def _picked(desk: Desk) -> None:
    """In a callback: filter by the country that was clicked."""
    code = st.session_state["map"].get(atlas.PICKED)
    if code:
        parts.go(filters=desk.view.with_filter("country", str(code)).filters)


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
