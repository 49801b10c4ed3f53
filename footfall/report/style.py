"""How a report looks: light and dark, on a phone and on A4; the client's colour where it can be seen."""

import base64
import hashlib

#: The colour of bars and lines where the client file names none.
ACCENT = "#2563a8"
_PAPER, _NIGHT = "#ffffff", "#14171c"
#: Contrast of bars and lines with what is behind them (WCAG 2.1, 1.4.11).
_LEAST = 3.0

_CSS = """\
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#5a626c;--rule:#d9dde2;--paper:#fff;--card:#f5f6f8;
--accent:%LIGHT%;--up:#1a6b3a;--down:#a3312b}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--soft:#a3abb5;--rule:#343a42;--paper:#14171c;
--card:#1d2127;--accent:%DARK%;--up:#7bd39b;--down:#f19a93}}
*{box-sizing:border-box}
html{background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",Arial,sans-serif;-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:60rem;padding:1.5rem 1rem 2rem}
header{border-top:6px solid var(--accent);padding-top:1rem}
.who{color:var(--soft);margin:0}
h1{font-size:1.9rem;line-height:1.2;margin:.1rem 0 .2rem;text-wrap:balance}
h2{font-size:1.1rem;margin:2rem 0 .6rem;break-after:avoid}
h3{font-size:.95rem;margin:0 0 .3rem;break-after:avoid}
p{margin:.3rem 0}
.soft,.then,footer,caption,summary,.notes{color:var(--soft)}
.warn{background:var(--card);border-left:4px solid var(--down);padding:.6rem .8rem;margin:1rem 0}
.figures{display:grid;grid-template-columns:repeat(3,1fr);gap:.7rem;margin:1.2rem 0;padding:0}
.figures div{background:var(--card);border-radius:.4rem;padding:.7rem .8rem;break-inside:avoid}
.figures dt{color:var(--soft);font-size:.85rem}
.figures dd{margin:0}
.figures .is{font-size:1.6rem;font-weight:600;line-height:1.25;font-variant-numeric:tabular-nums}
.figures .was{font-size:.82rem;color:var(--soft)}
.up{color:var(--up)}.down{color:var(--down)}
ul{margin:.3rem 0;padding-left:1.2rem}
li{margin:.25rem 0;overflow-wrap:anywhere}
figure{margin:0;break-inside:avoid}
.line{display:block;width:100%;height:auto}
.line text{fill:var(--soft);font-size:11px}
.line .grid path{stroke:var(--rule)}
.line .grid text{text-anchor:end}.line .marks text{text-anchor:middle}
.line polyline{fill:none;stroke-width:2}
.line .now{stroke:var(--accent);fill:var(--accent);fill-opacity:.14}
.line .before{stroke:var(--soft);stroke-width:1.5;stroke-dasharray:4 4}
.line .tips path{stroke:transparent;pointer-events:stroke}
.line .tips path:hover{stroke:var(--accent);opacity:.12}
.legend{display:flex;gap:1.2rem;font-size:.82rem;color:var(--soft)}
.key{width:26px;height:8px;display:inline-block;margin-right:.35rem}
.key path{stroke:var(--accent);stroke-width:2}.key .past{stroke:var(--soft);stroke-dasharray:4 4}
details{font-size:.85rem;margin-top:.3rem}summary{cursor:pointer}
.panels{columns:2 20rem;column-gap:2rem;margin-top:2rem}
.panel{break-inside:avoid;padding-bottom:1.6rem}.panel h2{margin-top:0}
table{border-collapse:collapse;width:100%;font-size:.88rem}
th,td{padding:.22rem .3rem;text-align:right;vertical-align:top;font-variant-numeric:tabular-nums;
white-space:nowrap}
thead th{color:var(--soft);font-weight:500;border-bottom:1px solid var(--rule)}
tbody th{font-weight:400}
tbody tr{break-inside:avoid}
th:first-child{text-align:left;white-space:normal;overflow-wrap:anywhere;width:99%}
.bar{display:block;width:100%;height:4px;margin-top:2px;background:none}.bar rect{fill:var(--accent)}
.few td,.few th{width:auto}.few th:first-child{width:auto}
footer{margin-top:2rem;border-top:1px solid var(--rule);padding-top:.6rem;font-size:.8rem}
@media(max-width:40rem){.figures{grid-template-columns:1fr 1fr}
h1{font-size:1.5rem}.scroll{overflow-x:auto}.line text{font-size:18px}
.line .marks text:nth-child(even){display:none}
.line .grid text{display:none}}
@page{size:A4;margin:14mm}
@media print{:root{color-scheme:light;--ink:#000;--soft:#444;--rule:#bbb;--paper:#fff;--card:#f3f4f6;
--accent:%LIGHT%;--up:#1a6b3a;--down:#a3312b}
html{font-size:11px}body{max-width:none;padding:0}details{display:none}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
"""


def css(accent: str) -> str:
    """The style sheet. `accent`: `#rrggbb`; darker on white, lighter on black where it could not be seen."""
    made = _CSS.replace("%LIGHT%", visible(accent, _PAPER)).replace("%DARK%", visible(accent, _NIGHT))
    return made.replace("\n", "")


def policy(style: str) -> str:
    """The content security policy of a page that has this style sheet and nothing else."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def visible(accent: str, paper: str) -> str:
    """The colour, moved towards black on a light ground and towards white on a dark one until it is seen."""
    toward = 0 if _light(_channels(paper)) > 0.5 else 255
    made = _channels(accent)
    for step in range(21):
        made = [round(c + (toward - c) * step / 20) for c in _channels(accent)]
        if _contrast(made, _channels(paper)) >= _LEAST:
            break
    return "#" + "".join(f"{c:02x}" for c in made)


def _channels(color: str) -> list[int]:
    return [int(color[n : n + 2], 16) for n in (1, 3, 5)]


def _light(channels: list[int]) -> float:
    parts = [c / 255 for c in channels]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: list[int], other: list[int]) -> float:
    low, high = sorted((_light(one), _light(other)))
    return (high + 0.05) / (low + 0.05)
