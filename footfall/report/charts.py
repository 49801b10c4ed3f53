"""Charts as SVG of our own: two or three kilobytes each, no script, and the browser's own tooltips."""

from collections.abc import Sequence
from html import escape

from footfall.report.facts import Point
from footfall.report.words import Words

#: Of the drawing, in its own units; it is as wide as its place.
WIDTH, HEIGHT = 720, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 8, 10, 22


def bar(value: int, most: int) -> str:
    """A bar as long as a value is of the largest one."""
    width = max(round(value * 100 / most), 1) if value > 0 and most > 0 else 0
    return (
        '<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{width}" height="6"/></svg>'
    )


def line(points: Sequence[Point], labels: Sequence[str], title: str, said: str, words: Words) -> str:
    """The period as an area, the one before as a dashed line. `labels`: of each point, not yet escaped."""
    top = _ceiling(max([each.now for each in points] + [each.before or 0 for each in points]))
    step = (WIDTH - _LEFT - _RIGHT) / max(len(points), 1)

    def x(n: int) -> int:
        return round(_LEFT + step * (n + 0.5))

    def y(value: int) -> int:
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * value / top)

    now = " ".join(f"{x(n)},{y(each.now)}" for n, each in enumerate(points))
    before = " ".join(f"{x(n)},{y(each.before)}" for n, each in enumerate(points) if each.before is not None)
    base = HEIGHT - _BOTTOM
    lines = "".join(
        f'<path d="M{_LEFT} {y(value)}H{WIDTH - _RIGHT}"/><text x="{_LEFT - 6}" y="{y(value) + 4}">'
        f"{words.number(value)}</text>"
        for value in dict.fromkeys((0, top // 2, top))
    )
    every = max(-(-len(points) // 8), 1)
    marks = "".join(
        f'<text x="{x(n)}" y="{HEIGHT - 6}">{escape(labels[n])}</text>' for n in range(0, len(points), every)
    )
    tips = "".join(
        f'<path d="M{x(n)} 0V{base}"><title>{escape(labels[n])}: {words.number(each.now)}</title></path>'
        for n, each in enumerate(points)
    )
    return (
        f'<svg class="line" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="line-title line-text">'
        f'<title id="line-title">{escape(title)}</title><desc id="line-text">{escape(said)}</desc>'
        f'<g class="grid">{lines}</g><g class="marks">{marks}</g>'
        f'<polyline class="now" points="{x(0)},{base} {now} {x(len(points) - 1)},{base}"/>'
        f'<polyline class="before" points="{before}"/>'
        f'<g class="tips" stroke-width="{round(step)}">{tips}</g></svg>'
    )


def _ceiling(value: int) -> int:
    """The next number that a scale can end with: even, of one or two digits before its zeros."""
    if value <= 10:
        return max(value + value % 2, 2)
    size = int(10 ** (len(str(value)) - 1))
    return next(
        n * size // 10 for n in (10, 12, 16, 20, 24, 30, 40, 50, 60, 80, 100) if n * size // 10 >= value
    )
