"""Charts as documents that the browser draws. None loads anything but the shapes of the map, from us."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

import altair as alt
import streamlit as st

from api.ranges import Days
from dashboard.shown import in_charts
from dashboard.words import language, say, title_of

#: What Altair gives; its own types say more, and differ from one method to the next.
Chart = Any
MAIN, OTHER = "#3b5bdb", "#9aa5b1"
#: How a period may be, and its colour.
STATES = {
    "delivered": "#2f9e44",
    "empty": "#b2d8ba",
    "revised": "#1971c2",
    "waiting": "#f59f00",
    "failing": "#e03131",
}
#: Days of which each can have its tick.
MOST_DAY_TICKS = 31
#: ISO code of a place → what the map finds it by.
SELECTED = "country"


def _values(rows: Sequence[Mapping[str, Any]]) -> alt.InlineData:
    return alt.InlineData(values=[dict(row) for row in rows])


def _numbers(metric: str) -> str:
    """Vega's format of an axis."""
    shares = ("bounce_rate", "conversion_rate", "engagement_rate", "retention")
    return ".0%" if metric in shares else "~s"


def over_time(
    rows: Sequence[Mapping[str, Any]],
    metric: str,
    notes: Sequence[Mapping[str, Any]],
    *,
    is_by_hour: bool = False,
    height: int = 280,
) -> Chart:
    """A line by day, week or month, dotted where it may still change, with the compared one in grey.

    `rows`: date, value, before, before_date, is_final, shown, shown_before. `notes`: date, note.
    """
    lines = [
        {**row, "part": part}
        for part, among in (("final", _final(rows)), ("provisional", _provisional(rows)))
        for row in among
    ]
    x = alt.X(
        "date:T",
        title=None,
        axis=alt.Axis(
            format="%H:%M" if is_by_hour else _day_format(),
            tickCount=_ticks(len(rows), is_by_hour=is_by_hour),
            labelOverlap="greedy",
            labelSeparation=12,
            grid=False,
        ),
    )
    y = alt.Y(
        "value:Q", title=None, axis=alt.Axis(format=_numbers(metric), tickCount=5), scale=alt.Scale(zero=True)
    )
    tips = [
        alt.Tooltip("label:N", title=say("date")),
        alt.Tooltip("shown:N", title=title_of(metric)),
        alt.Tooltip("shown_before:N", title=say("then")),
        alt.Tooltip("state:N", title=" "),
    ]
    base = alt.Chart(_values(lines))
    area = alt.Chart(_values(rows)).mark_area(color=MAIN, opacity=0.08).encode(x=x, y=y)
    before = (
        alt.Chart(_values([row for row in rows if row.get("before") is not None]))
        .mark_line(color=OTHER, strokeWidth=1.5)
        .encode(x=x, y=alt.Y("before:Q", title=None))
    )
    line = base.mark_line(color=MAIN, strokeWidth=2.2).encode(
        x=x,
        y=y,
        detail="part:N",
        strokeDash=alt.StrokeDash(
            "part:N", scale=alt.Scale(domain=["final", "provisional"], range=[[1, 0], [2, 4]]), legend=None
        ),
    )
    points = (
        alt.Chart(_values(rows)).mark_point(color=MAIN, filled=True, size=38).encode(x=x, y=y, tooltip=tips)
    )
    layers: list[Any] = [area, before, line, points]
    if notes:
        marks = alt.Chart(_values(notes))
        layers.append(marks.mark_rule(color="#e8590c", strokeDash=[3, 3], opacity=0.7).encode(x="date:T"))
        layers.append(
            marks.mark_point(shape="triangle-down", color="#e8590c", filled=True, size=70, y=4).encode(
                x="date:T",
                tooltip=[alt.Tooltip("label:N", title=say("date")), alt.Tooltip("note:N", title=say("note"))],
            )
        )
    return alt.layer(*layers).properties(height=height)


def _final(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [row for row in rows if row["is_final"]]


def _provisional(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Rows that may change, and those beside them, so that the lines meet."""
    found = []
    for number, row in enumerate(rows):
        near = rows[max(0, number - 1) : number + 2]
        if not row["is_final"] or any(not each["is_final"] for each in near):
            found.append(row)
    return found


def _ticks(days: int, *, is_by_hour: bool = False) -> Any:
    """No more than one a day, so that no day stands there twice."""
    return "day" if days <= MOST_DAY_TICKS and not is_by_hour else alt.Undefined


def _ink() -> str:
    """The colour of words in a drawing."""
    return "#fafafa" if st.context.theme.type == "dark" else "#31333f"


def _day_format() -> str:
    return "%d.%m." if language() == "de" else "%-d %b"


def bars(rows: Sequence[Mapping[str, Any]], x: str, y: str, *, height: int = 220, colour: str = "") -> Chart:
    """Upright bars in the order of the rows."""
    chart = alt.Chart(_values(rows)).mark_bar(color=MAIN)
    encoded: dict[str, Any] = {
        "x": alt.X(f"{x}:N", title=None, sort=None, axis=alt.Axis(labelOverlap=True, labelAngle=0)),
        "y": alt.Y(f"{y}:Q", title=title_of(y), axis=alt.Axis(format="~s", tickCount=4)),
        "tooltip": [
            alt.Tooltip(f"{x}:N", title=title_of(x)),
            alt.Tooltip(f"{y}:Q", title=title_of(y), format=","),
        ],
    }
    if colour:
        encoded["color"] = alt.Color(f"{colour}:N", title=None, legend=alt.Legend(orient="bottom"))
    return chart.encode(**encoded).properties(height=height)


def world(rows: Sequence[Mapping[str, Any]], shapes: str, metric: str) -> Chart:
    """Countries by a figure; a click chooses one. `rows`: country (ISO code), value, name, shown."""
    land = alt.UrlData(url=shapes, format=alt.TopoDataFormat(type="topojson", feature="countries"))
    pick = alt.selection_point(name=SELECTED, fields=["id"], empty=False)
    ground = alt.Chart(land).mark_geoshape(fill="#8884", stroke="#8886", strokeWidth=0.4)
    found = (
        alt.Chart(land)
        .mark_geoshape(stroke="#fff8", strokeWidth=0.4, cursor="pointer")
        .transform_lookup(
            lookup="id",
            from_=alt.LookupData(data=_values(rows), key="country", fields=["value", "name", "shown"]),
        )
        .transform_filter("isValid(datum.value)")
        .encode(
            color=alt.Color(
                "value:Q", scale=alt.Scale(range=["#bac8ff", "#364fc7"], type="sqrt"), legend=None
            ),
            tooltip=[
                alt.Tooltip("name:N", title=title_of("country")),
                alt.Tooltip("shown:N", title=title_of(metric)),
            ],
        )
        .add_params(pick)
    )
    return alt.layer(ground, found).project("equalEarth").properties(height=270)


def sankey(rows: Sequence[Mapping[str, Any]]) -> Chart:
    """Flows between two columns of pages. `rows`: from_page, to_page, transitions, the largest first."""
    left, right = _stacked(rows, "from_page"), _stacked(rows, "to_page")
    total = sum(row["transitions"] for row in rows) or 1
    # So that each label has a line of its own in the height below.
    most = max(len(left), len(right))
    gap = total * 14 / (12 * most + 14)
    at = {("l", name): low for name, low, _ in _placed(left, gap)} | {
        ("r", name): low for name, low, _ in _placed(right, gap)
    }
    ribbons = []
    for number, row in enumerate(rows):
        width = row["transitions"]
        y0, y1 = at["l", row["from_page"]], at["r", row["to_page"]]
        at["l", row["from_page"]] += width
        at["r", row["to_page"]] += width
        for step in range(21):
            t = step / 20
            ease = t * t * (3 - 2 * t)
            low = y0 + (y1 - y0) * ease
            ribbons.append({**row, "n": number, "x": t, "low": -low, "high": -(low + width)})
    labels = [
        {"x": x, "y": -(low + width / 2), "page": name, "transitions": width}
        for x, placed in ((0.0, _placed(left, gap)), (1.0, _placed(right, gap)))
        for name, low, width in placed
    ]
    plain = alt.Axis(labels=False, ticks=False, domain=False, grid=False, title=None)
    x = alt.X("x:Q", scale=alt.Scale(domain=[-0.35, 1.35], nice=False), axis=plain)
    flows = (
        alt.Chart(_values(ribbons))
        .mark_area(opacity=0.35, color=MAIN)
        .encode(
            x=x,
            y=alt.Y("low:Q", axis=plain),
            y2="high:Q",
            detail="n:N",
            tooltip=[
                alt.Tooltip("from_page:N", title=say("from_page")),
                alt.Tooltip("to_page:N", title=say("to_page")),
                alt.Tooltip("transitions:Q", title=say("transitions")),
            ],
        )
    )
    sides: tuple[tuple[float, Literal["left", "right"], int], ...] = ((0.0, "right", -6), (1.0, "left", 6))
    texts = [
        alt.Chart(_values([each for each in labels if each["x"] == side]))
        .mark_text(align=align, dx=dx, limit=260, fontSize=12, color=_ink())
        .encode(x=x, y="y:Q", text="page:N")
        for side, align, dx in sides
    ]
    return alt.layer(flows, *texts).properties(height=max(260, 26 * most))


def _stacked(rows: Sequence[Mapping[str, Any]], side: str) -> list[tuple[str, float]]:
    sums: dict[str, float] = {}
    for row in rows:
        sums[row[side]] = sums.get(row[side], 0) + row["transitions"]
    return sorted(sums.items(), key=lambda each: -each[1])


def _placed(sums: Sequence[tuple[str, float]], gap: float) -> list[tuple[str, float, float]]:
    placed, low = [], 0.0
    for name, width in sums:
        placed.append((name, low, width))
        low += width + gap
    return placed


def squares(rows: Sequence[Mapping[str, Any]], x: str, y: str, value: str, shown_as: str) -> Chart:
    """A field of squares: retention by week."""
    base = alt.Chart(_values(rows)).encode(
        x=alt.X(f"{x}:O", title=title_of(x), axis=alt.Axis(labelAngle=0, orient="top")),
        y=alt.Y(f"{y}:N", title=None, sort=None),
    )
    field = base.mark_rect(cornerRadius=2).encode(
        color=alt.Color(
            f"{value}:Q", scale=alt.Scale(range=["#edf2ff", "#364fc7"], domain=[0, 1]), legend=None
        ),
        tooltip=[
            alt.Tooltip(f"{y}:N"),
            alt.Tooltip(f"{x}:O"),
            alt.Tooltip(f"{shown_as}:N", title=title_of(value)),
        ],
    )
    text = base.mark_text(fontSize=11).encode(
        text=f"{shown_as}:N",
        color=alt.condition(f"datum.{value} > 0.5", alt.value("#fff"), alt.value("#222")),
    )
    return alt.layer(field, text).properties(height=max(120, 26 * len({row[y] for row in rows}) + 40))


def periods(rows: Sequence[Mapping[str, Any]], *, height: int = 60) -> Chart:
    """A bar of an export's periods, coloured by how each is. `rows`: start, end (as in_charts),
    state, label, rows; lane, the same of all.
    """
    return (
        alt.Chart(_values(rows))
        .mark_bar(stroke="#fff8", strokeWidth=1)
        .encode(
            x=alt.X(
                "start:T",
                title=None,
                axis=alt.Axis(
                    grid=False,
                    tickCount=7,
                    labelExpr=f"timeFormat(datum.value, hours(datum.value) ? '%H:%M' : '{_day_format()}')",
                    labelOverlap="greedy",
                    labelSeparation=12,
                ),
            ),
            x2=alt.X2("end:T"),
            y=alt.Y("lane:N", axis=None),
            color=alt.Color(
                "state:N",
                scale=alt.Scale(domain=list(STATES), range=list(STATES.values())),
                legend=None,
            ),
            tooltip=[
                alt.Tooltip("label:N", title=say("period")),
                alt.Tooltip("state:N", title=say("state")),
                alt.Tooltip("rows:Q", title=say("rows"), format=","),
            ],
        )
        .properties(height=height)
    )


def legend(words: Mapping[str, str]) -> str:
    """HTML of what the colours of periods mean. `words`: state → what it is called, of ours."""
    return " &ensp; ".join(
        f'<span style="white-space:nowrap"><span aria-hidden="true" style="color:{STATES[state]}">■</span> '
        f"{called}</span>"
        for state, called in words.items()
    )


def stacked(rows: Sequence[Mapping[str, Any]], days: Days, *, height: int = 220) -> Chart:
    """Bars by day, one part above the other, over all of these days. `rows`: date, name, value."""
    after = days[1] + timedelta(days=1)
    ends = [alt.DateTime(year=each.year, month=each.month, date=each.day) for each in (days[0], after)]
    rows = [{**row, "date": in_charts(row["date"])} for row in rows]
    return (
        alt.Chart(_values(rows))
        .mark_bar()
        .encode(
            x=alt.X(
                "date:T",
                title=None,
                timeUnit="yearmonthdate",
                scale=alt.Scale(domain=ends),
                axis=alt.Axis(
                    format=_day_format(),
                    tickCount=_ticks((after - days[0]).days),
                    labelOverlap="greedy",
                    labelSeparation=12,
                    grid=False,
                ),
            ),
            y=alt.Y("sum(value):Q", title=None, axis=alt.Axis(format="~s", tickCount=4)),
            color=alt.Color(
                "name:N",
                title=None,
                sort=None,
                legend=alt.Legend(orient="bottom"),
                scale=alt.Scale(range=["#3b5bdb", "#f59f00", "#e03131", "#868e96", "#2f9e44", "#9c36b5"]),
            ),
            tooltip=[
                alt.Tooltip("date:T", title=say("date"), format=_day_format()),
                alt.Tooltip("name:N", title=" "),
                alt.Tooltip("sum(value):Q", title=" ", format=","),
            ],
        )
        .properties(height=height)
    )
