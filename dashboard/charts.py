"""Charts as documents of Vega-Lite, which the browser draws. None loads anything.

They are written as they are: a library that makes and checks them took more time than all else of a page.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import streamlit as st

from api.ranges import Days
from dashboard.shown import in_charts, visible
from dashboard.words import language, say, title_of

#: A document of Vega-Lite.
Chart = dict[str, Any]
MAIN = "#3b5bdb"
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
#: Of names that have no colour of their own.
_COLOURS: Chart = {"range": ["#3b5bdb", "#f59f00", "#e03131", "#868e96", "#2f9e44", "#9c36b5"]}
#: Two columns, so that none of it is cut off on a telephone.
_LEGEND: Chart = {"orient": "bottom", "columns": 2}
#: What an axis of time does with labels that would touch.
_APART: Chart = {"labelOverlap": "greedy", "labelSeparation": 12, "grid": False}


#: Room beside the flows for names, as wide as the drawing makes it.
_BESIDE: Chart = {"expr": "width * 0.2 - 8"}


def _of(field: str, kind: str, **how: Any) -> Chart:
    """A channel: `kind` is nominal, ordinal, quantitative or temporal."""
    return {"field": field, "type": kind, **how}


def _tip(field: str, title: str, kind: str = "nominal", **how: Any) -> Chart:
    return _of(field, kind, title=title, **how)


def _mark(kind: str, encoding: Chart, **how: Any) -> Chart:
    return {"mark": {"type": kind, **how}, "encoding": encoding}


def _data(rows: Sequence[Mapping[str, Any]]) -> Chart:
    return {
        "values": [
            {name: visible(each) if isinstance(each, str) else each for name, each in row.items()}
            for row in rows
        ]
    }


def _numbers(metric: str) -> str:
    """Vega's format of an axis."""
    shares = ("bounce_rate", "conversion_rate", "engagement_rate", "retention")
    return ".0%" if metric in shares else "~s"


def _ink() -> str:
    """The colour of words in a drawing."""
    return "#fafafa" if st.context.theme.type == "dark" else "#31333f"


def _day_format() -> str:
    return "%d.%m." if language() == "de" else "%-d %b"


def _hours_and_days() -> str:
    """The label of a moment: its hour, at midnight its day."""
    return f"timeFormat(datum.value, hours(datum.value) ? '%H:%M' : '{_day_format()}')"


def bars(rows: Sequence[Mapping[str, Any]], x: str, y: str, *, height: int = 220, colour: str = "") -> Chart:
    """Upright bars in the order of the rows."""
    encoding: Chart = {
        "x": _of(x, "nominal", title=None, sort=None, axis={"labelOverlap": True, "labelAngle": 0}),
        "y": _of(
            y, "quantitative", title=title_of(y), axis={"format": "~s", "tickCount": 4, "tickMinStep": 1}
        ),
        "tooltip": [_tip(x, title_of(x)), _tip(y, title_of(y), "quantitative", format=",")],
    }
    if colour:
        encoding["color"] = _of(colour, "nominal", title=None, legend={"orient": "bottom"})
    return {"height": height, "data": _data(rows), **_mark("bar", encoding, color=MAIN)}


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
    plain = {"labels": False, "ticks": False, "domain": False, "grid": False, "title": None}
    x = _of("x", "quantitative", scale={"domain": [-0.35, 1.35], "nice": False}, axis=plain)
    flows = _mark(
        "area",
        {
            "x": x,
            "y": _of("low", "quantitative", axis=plain),
            "y2": {"field": "high"},
            "detail": _of("n", "nominal"),
            "tooltip": [
                _tip("from_page", say("from_page")),
                _tip("to_page", say("to_page")),
                _tip("transitions", say("transitions"), "quantitative"),
            ],
        },
        opacity=0.35,
        color=MAIN,
    )
    written = {"x": x, "y": _of("y", "quantitative"), "text": _of("page", "nominal")}
    texts = [
        {
            "data": _data([each for each in labels if each["x"] == side]),
            **_mark("text", written, align=align, dx=dx, limit=_BESIDE, fontSize=12, color=_ink()),
        }
        for side, align, dx in ((0.0, "right", -6), (1.0, "left", 6))
    ]
    return {"height": max(260, 26 * most), "layer": [{"data": _data(ribbons), **flows}, *texts]}


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
    at = {
        "x": _of(x, "ordinal", title=title_of(x), axis={"labelAngle": 0, "orient": "top"}),
        "y": _of(y, "nominal", title=None, sort=None),
    }
    shades = {"range": ["#edf2ff", "#364fc7"], "domain": [0, 1]}
    tips = [_of(y, "nominal"), _of(x, "ordinal"), _tip(shown_as, title_of(value))]
    field = {**at, "color": _of(value, "quantitative", scale=shades, legend=None), "tooltip": tips}
    ink = {"condition": {"test": f"datum.{value} > 0.5", "value": "#fff"}, "value": "#222"}
    text = {**at, "text": _of(shown_as, "nominal"), "color": ink}
    return {
        "height": max(120, 26 * len({row[y] for row in rows}) + 40),
        "data": _data(rows),
        "layer": [_mark("rect", field, cornerRadius=2), _mark("text", text, fontSize=11)],
    }


def periods(rows: Sequence[Mapping[str, Any]], *, height: int = 60) -> Chart:
    """A bar of an export's periods, coloured by how each is. `rows`: start, end (as in_charts),
    state, label, rows; lane, the same of all.
    """
    encoding = {
        "x": _of(
            "start", "temporal", title=None, axis={**_APART, "tickCount": 7, "labelExpr": _hours_and_days()}
        ),
        "x2": {"field": "end"},
        "y": _of("lane", "nominal", axis=None),
        "color": _of(
            "state", "nominal", scale={"domain": list(STATES), "range": list(STATES.values())}, legend=None
        ),
        "tooltip": [
            _tip("label", say("period")),
            _tip("state", say("state")),
            _tip("rows", say("rows"), "quantitative", format=","),
        ],
    }
    bar = _mark("bar", encoding, stroke="#fff8", strokeWidth=1)
    return {"height": height, "data": _data(rows), **bar}


def legend(words: Mapping[str, str]) -> str:
    """HTML of what the colours of periods mean. `words`: state → what it is called, of ours."""
    return " &ensp; ".join(
        f'<span style="white-space:nowrap"><span aria-hidden="true" style="color:{STATES[state]}">■</span> '
        f"{called}</span>"
        for state, called in words.items()
    )


def lines(rows: Sequence[Mapping[str, Any]], days: Days, metric: str, *, height: int = 300) -> Chart:
    """A line by day for each name, over all of these days. `rows`: date, name, value, shown."""
    colour = _of("name", "nominal", title=None, sort=None, legend=_LEGEND, scale=_COLOURS)
    encoding = {
        "x": _days(days),
        "y": _of("value", "quantitative", title=None, axis={"format": _numbers(metric), "tickCount": 4}),
        "color": colour,
        "tooltip": [
            _tip("date", say("date"), "temporal", format=_day_format()),
            _tip("name", " "),
            _tip("shown", title_of(metric)),
        ],
    }
    values = _data([{**row, "date": in_charts(row["date"])} for row in rows])
    return {"height": height, "data": values, **_mark("line", encoding, point={"size": 38})}


def _days(days: Days) -> Chart:
    """The channel of the days of a range, all of them."""
    after = days[1] + timedelta(days=1)
    ends = [{"year": each.year, "month": each.month, "date": each.day} for each in (days[0], after)]
    axis: Chart = {"format": _day_format(), **_APART}
    if (after - days[0]).days <= MOST_DAY_TICKS:
        axis["tickCount"] = "day"
    return _of("date", "temporal", title=None, timeUnit="yearmonthdate", scale={"domain": ends}, axis=axis)


def stacked(rows: Sequence[Mapping[str, Any]], days: Days, *, height: int = 300) -> Chart:
    """Bars by day, one part above the other, over all of these days. `rows`: date, name, value."""
    sums = {"aggregate": "sum"}
    most: dict[str, float] = {}
    for row in rows:
        most[row["date"]] = most.get(row["date"], 0) + (row["value"] or 0)
    # Vega writes 200 as 0.2k where the axis reaches a thousand.
    format_ = "~s" if max(most.values(), default=0) >= 10_000 else "~f"
    encoding = {
        "x": _days(days),
        "y": _of("value", "quantitative", title=None, axis={"format": format_, "tickCount": 4}, **sums),
        "color": _of("name", "nominal", title=None, sort=None, legend=_LEGEND, scale=_COLOURS),
        "tooltip": [
            _tip("date", say("date"), "temporal", format=_day_format()),
            _tip("name", " "),
            _tip("value", " ", "quantitative", format=",", **sums),
        ],
    }
    values = _data([{**row, "date": in_charts(row["date"])} for row in rows])
    return {"height": height, "data": values, **_mark("bar", encoding)}
