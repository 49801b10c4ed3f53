"""The map of countries: outlines as paths that a browser draws as they are, and what a click on one says."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from math import asin, cos, radians, sin, sqrt
from pathlib import Path
from typing import Any

import streamlit as st

#: Of the drawing of the whole earth, in its own units; below this there is nothing but Antarctica, left out.
WIDE, HIGH = 1000, 436
#: What the map gives to the page, as its script calls it: the ISO code of the country that was clicked.
PICKED = "country"
_HERE = Path(__file__).parent
#: Of the equal-area projection "Equal Earth" (Šavrič, Patterson, Jenny 2018), and half its width.
_A = (1.340264, -0.081106, 0.000893, 0.003796)
_HALF = 2.7066299836960748
#: Where the equator is in the drawing.
_NORTH = 243
#: Degrees east and north.
Place = tuple[float, float]


def world(
    shapes: str,
    figures: Mapping[str, tuple[float, str]],
    *,
    key: str,
    text: str,
    on_click: Callable[[], None],
) -> None:
    """Draw it. `shapes`: path of `outlines`; `figures`: ISO code → a figure, and the hint of the country.

    `text`: what it shows, for whoever does not see it. The session has the clicked one as `PICKED` of `key`.
    """
    most = max((value for value, _ in figures.values()), default=0) or 1
    draw = st.components.v2.component(
        "world", css=(_HERE / "atlas.css").read_text("utf-8"), js=(_HERE / "atlas.js").read_text("utf-8")
    )
    draw(
        key=key,
        data={
            "shapes": shapes,
            "text": text,
            # A country with few is to be seen beside one with many.
            "countries": {code: [sqrt(value / most), hint] for code, (value, hint) in figures.items()},
        },
        on_country_change=on_click,
    )


@cache
def outlines() -> bytes:
    """JSON: `size`, and for each country its ISO code (may be empty) and its outline as a path of SVG."""
    topology = json.loads((_HERE / "world.json").read_text("utf-8"))
    arcs = [_drawn(topology["transform"], arc) for arc in topology["arcs"]]
    countries = [
        [each.get("id") or "", "".join(_path(ring, arcs) for ring in _rings(each))]
        for each in topology["objects"]["countries"]["geometries"]
    ]
    return json.dumps({"size": [WIDE, HIGH], "countries": countries}, separators=(",", ":")).encode()


def _drawn(transform: Mapping[str, Sequence[float]], arc: Iterable[Sequence[int]]) -> list[Place]:
    """Places of an arc, whose file has steps from one to the next."""
    (wide, high), (left, low) = transform["scale"], transform["translate"]
    x = y = 0
    found: list[Place] = []
    for step in arc:
        x, y = x + step[0], y + step[1]
        found.append((x * wide + left, y * high + low))
    return found


def _projected(place: Place) -> tuple[int, int]:
    angle = asin(sqrt(3) / 2 * sin(radians(place[1])))
    square = angle * angle
    a1, a2, a3, a4 = _A
    narrow = a1 + 3 * a2 * square + square**3 * (7 * a3 + 9 * a4 * square)
    x = 2 * radians(place[0]) * cos(angle) / (sqrt(3) * narrow)
    y = angle * (a1 + a2 * square + square**3 * (a3 + a4 * square))
    scale = WIDE / 2 / _HALF
    return round(WIDE / 2 + x * scale), round(_NORTH - y * scale)


def _rings(geometry: Mapping[str, Any]) -> Iterable[Sequence[int]]:
    """The rings of a country, each of arcs by number; one that runs backwards is told by its complement."""
    shapes = geometry["arcs"] if geometry["type"] == "MultiPolygon" else [geometry["arcs"]]
    return (ring for shape in shapes for ring in shape)


def _path(ring: Sequence[int], arcs: Sequence[Sequence[Place]]) -> str:
    places = [place for number in ring for place in (arcs[number] if number >= 0 else arcs[~number][::-1])]
    drawn = [_projected(place) for place in _whole(places)]
    points = drawn[:1] + [point for before, point in pairwise(drawn) if point != before]
    left, top = points[0]
    steps = " ".join(f"{x1 - x0} {y1 - y0}" for (x0, y0), (x1, y1) in pairwise(points))
    return f"M{left} {top}l{steps or '0 0'}z"


def _whole(places: Sequence[Place]) -> list[Place]:
    """The same in one piece, where it lies on both sides of the date line on that of its greater part."""
    found, turned = [places[0]], 0
    for before, place in pairwise(places):
        turned += 360 * ((place[0] < before[0] - 180) - (place[0] > before[0] + 180))
        found.append((place[0] + turned, place[1]))
    off = round(sum(east for east, _ in found) / len(found) / 360) * 360
    return [(east - off, north) for east, north in found]
