"""The chart over time as HTML of our own: an image of lines, labels beside it, and a hint at each point.

The library that draws other charts took a browser a quarter of its time for the first screen. Streamlit lets
HTML through and no SVG, so lines are an image that is as wide as its place, and what is read is text.
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import pairwise
from math import ceil
from typing import Any

from dashboard import shown
from dashboard.shown import visible
from dashboard.words import say

#: On light and on dark ground.
MAIN = ("#3b5bdb", "#748ffc")
OTHER, NOTE = "#9aa5b1", "#e8590c"
#: Points above which they would cover their line: they are there for whoever points at them.
MOST_POINTS = 100
#: Places to point at. Above it each stands for several points.
MOST_HINTS = 400
#: Hours above which labels are of days alone, and days above which they are of months.
MOST_BY_HOUR, MOST_BY_DAY = 48, 120
#: Labels below the chart, and parts of its height.
MOST_LABELS, MOST_PARTS = 8, 5
#: Metrics that are whole numbers.
_WHOLE = frozenset({"visitors", "sessions", "page_views"})
#: Parts of a height that is time, in seconds.
_TIMES = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
#: Of the image, in its own units.
_SIZE = 1000
Rows = Sequence[Mapping[str, Any]]


def over_time(
    rows: Rows, metric: str, notes: Rows, *, text: str, is_by_hour: bool = False, is_dark: bool = False
) -> str:
    """HTML: a line by hour, day, week or month, dotted where it may still change, the compared one in grey.

    `rows`: date (as in_charts), label, value, before, is_final, shown, shown_before, state. `notes`: date,
    label, note. `text`: what it shows, for whoever does not see it.
    """
    parts = heights(
        max((float(row[of] or 0) for row in rows for of in ("value", "before")), default=0), metric
    )
    lines = _image(rows, parts, [_place(rows, note) for note in notes], MAIN[is_dark])
    sides = "".join(
        f'<span style="bottom:{100 * part / parts[-1]:.1f}%">{escape(height(part, metric))}</span>'
        for part in parts
    )
    below = "".join(
        f'<span style="left:{_left(number, rows)}">{escape(label)}</span>'
        for number, label in labels(rows, is_by_hour=is_by_hour)
    )
    image = f"data:image/svg+xml;base64,{b64encode(lines.encode()).decode()}"
    hints = "".join((*_hints(rows, metric), *_marks(rows, notes)))
    return (
        f'<div class="plot" role="img" aria-label="{_text(text)}"><div class="plot-y">{sides}</div>'
        f'<div class="plot-area"><img alt="" src="{image}">{hints}</div>'
        f'<div class="plot-x">{below}</div></div>'
    )


def heights(most: float, metric: str) -> list[float]:
    """Where lines are drawn across, from zero up to a height that has room for `most`."""
    if metric in shown.SECONDS:
        steps: Iterable[float] = _TIMES
    else:
        low = 0 if metric in _WHOLE else -3
        steps = (digit * 10.0**power for power in range(low, 16) for digit in (1, 2, 5))
    step = next((each for each in steps if most <= each * MOST_PARTS), most / MOST_PARTS)
    return [step * number for number in range(max(ceil(round(most / step, 6)), 1) + 1)]


def height(value: float, metric: str) -> str:
    """Such a height as people read it."""
    if metric in shown.SHARES:
        return f"{shown.number(value * 100, 0 if value >= 0.1 or not value else 1)} %"
    if metric in shown.SECONDS:
        return f"{round(value) // 60}:{round(value) % 60:02}"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            scaled = value / (size if unit != "k" else 1e3)
            return f"{shown.number(scaled, 0 if scaled.is_integer() else 1)} {unit}"
    return shown.number(value, 0 if float(value).is_integer() else 1 if round(value, 1) == value else 2)


def labels(rows: Rows, *, is_by_hour: bool) -> list[tuple[int, str]]:
    """Which points have a label below them, and which: the year stands where it changes."""
    moments = [(number, str(row["date"])) for number, row in enumerate(rows)]
    if is_by_hour and len(rows) <= MOST_BY_HOUR:
        every = next(each for each in (1, 2, 3, 6, 12) if len(rows) <= each * MOST_LABELS)
        found = [(number, said) for number, said in moments if int(said[11:13]) % every == 0]
        return [
            (number, said[11:16] if int(said[11:13]) else shown.short_day(said[:10]))
            for number, said in found
        ]
    if is_by_hour:
        moments = [each for each in moments if each[1][11:13] == "00"]
    elif len(rows) > MOST_BY_DAY:
        moments = [each for each in moments if each[1][8:10] == "01"] or moments
    moments = moments[:: max(ceil(len(moments) / MOST_LABELS), 1)]
    years = {said[:4] for _, said in moments}
    found, year = [], "" if len(years) > 1 else min(years, default="")
    for number, said in moments:
        is_new, year = said[:4] != year, said[:4]
        found.append((number, shown.day(said[:10]) if is_new else shown.short_day(said[:10])))
    return found


def _image(rows: Rows, parts: Sequence[float], marked: Sequence[int], colour: str) -> str:
    """The SVG of all that is drawn. `marked`: points that have notes."""
    top = parts[-1]

    def at(number: int, of: str = "value") -> str:
        return f"{_x(number, rows):.1f} {_SIZE - _SIZE * float(rows[number][of]) / top:.1f}"

    def path(runs: Iterable[Sequence[int]], of: str = "value") -> str:
        return "".join("M" + "L".join(at(number, of) for number in run) for run in runs)

    whole = _runs(rows, "value")
    solid = [run for piece in whole for run in _split(piece, rows, is_final=True)]
    dotted = [run for piece in whole for run in _split(piece, rows, is_final=False)]
    filled = "".join(
        f"{path([run])}L{_x(run[-1], rows):.1f} {_SIZE}L{_x(run[0], rows):.1f} {_SIZE}Z" for run in whole
    )
    across = "".join(f"M0 {_SIZE - _SIZE * part / top:.1f}H{_SIZE}" for part in parts)
    before = path(_runs(rows, "before"), "before")
    drawn = [
        f'<path stroke="#8884" d="{across}"/>',
        f'<path fill="{colour}" fill-opacity=".08" stroke="none" d="{filled}"/>',
        f'<path class="before" stroke="{OTHER}" stroke-width="1.5" d="{before}"/>',
        f'<path class="final" stroke="{colour}" stroke-width="2.2" d="{path(solid)}"/>',
        f'<path class="dotted" stroke="{colour}" stroke-width="2.2" stroke-dasharray="2 4" '
        f'd="{path(dotted)}"/>',
    ]
    # A line without length and with round ends is a point that no stretching changes.
    pointed = [number for run in whole for number in run if len(rows) <= MOST_POINTS or len(run) == 1]
    points = "".join(f"M{at(number)}h0" for number in pointed)
    drawn.append(
        f'<path class="points" stroke="{colour}" stroke-width="6" stroke-linecap="round" d="{points}"/>'
    )
    notes = "".join(f"M{_x(number, rows):.1f} 0V{_SIZE}" for number in sorted(set(marked)))
    drawn.append(f'<path stroke="{NOTE}" stroke-opacity=".7" stroke-dasharray="3 3" d="{notes}"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIZE} {_SIZE}" preserveAspectRatio="none">'
        "<style>path{vector-effect:non-scaling-stroke}</style>"
        f'<g fill="none" stroke-linejoin="round">{"".join(drawn)}</g></svg>'
    )


def _x(number: int, rows: Rows) -> float:
    return (number + 0.5) * _SIZE / max(len(rows), 1)


def _left(number: int, rows: Rows) -> str:
    return f"{_x(number, rows) * 100 / _SIZE:.2f}%"


def _runs(rows: Rows, of: str) -> list[list[int]]:
    """Points that follow each other without one that has no value between them."""
    found: list[list[int]] = []
    for number, row in enumerate(rows):
        if row[of] is not None:
            if not number or rows[number - 1][of] is None:
                found.append([])
            found[-1].append(number)
    return found


def _split(run: Sequence[int], rows: Rows, *, is_final: bool) -> list[list[int]]:
    """The pieces of a line between two final points, or those of which one end may change."""
    found: list[list[int]] = []
    for left, right in pairwise(run):
        if (rows[left]["is_final"] and rows[right]["is_final"]) == is_final:
            if not found or found[-1][-1] != left:
                found.append([left])
            found[-1].append(right)
    return found


def _text(said: Any) -> str:
    return escape(visible(str(said)))


def _side(number: int, rows: Rows) -> str:
    """Where a hint opens, so that it stays inside."""
    return " plot-left" if number * 2 > len(rows) else ""


def _hints(rows: Rows, metric: str) -> Iterable[str]:
    every = max(ceil(len(rows) / MOST_HINTS), 1)
    for number in range(0, len(rows), every):
        row, wide = rows[number], min(every, len(rows) - number) * 100 / len(rows)
        then = [f"{say('then')}: {row['shown_before']}"] if row["shown_before"] else []
        lines = [row["label"], f"{say(metric)}: {row['shown']}", *then, row["state"]]
        at = f"left:{number * 100 / len(rows):.2f}%;width:{wide:.2f}%"
        yield f'<span class="plot-at{_side(number, rows)}" style="{at}" data-hint="{_lines(lines)}"></span>'


def _marks(rows: Rows, notes: Rows) -> Iterable[str]:
    """A sign for each point that has notes, which says them."""
    told: dict[int, list[str]] = {}
    for note in notes:
        told.setdefault(_place(rows, note), []).append(f"{note['label']}: {note['note']}")
    for number, said in told.items():
        at = f"left:{_left(number, rows)}"
        yield f'<span class="plot-note{_side(number, rows)}" style="{at}" data-hint="{_lines(said)}"></span>'


def _lines(said: Iterable[Any]) -> str:
    """Lines of a hint, as an attribute: one element a point, and text whatever it is."""
    return "&#10;".join(map(_text, said))


def _place(rows: Rows, note: Mapping[str, Any]) -> int:
    """The point that the day of a note is in; the first where it was before all."""
    return max(sum(str(row["date"]) <= str(note["date"]) for row in rows) - 1, 0) if rows else 0
