"""Values that break programs, as a page, a tool or a log may send them."""

import json

#: Numbers as JSON writes them.
NUMBERS = (
    *("0", "-0", "-1", "1e-400", "1e308", "1e400", "-1e400", "1E+999999", "2147483647", "2147483648"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809", "18446744073709551616"),
    *(
        "9" * 39,
        "1" + "0" * 400,
        "0." + "3" * 400,
        "99999999999999.9999",
        "99999999999999.99995",
        "86400000.0",
    ),
)
#: Texts that stand for numbers, times and nothing.
SAID = (
    *("", " ", "NaN", "nan", "Infinity", "-inf", "1e400", "9" * 60, "0x10", "1_000", "1,5", "١٢٣", "⅔", "-0"),
    *(
        "null",
        "true",
        "'",
        '"',
        "\\",
        "infinity",
        "epoch",
        "2026-13-45",
        "0000-00-00",
        "9999-12-31T23:59:59Z",
    ),
)
#: Texts of letters: NUL and other control characters, halves of pairs, marks, lengths, patterns, quoting.
TEXTS = (
    *("\x00", "a\x00b", "\x1f\x1e\x1d", "\r\n\t", "\u2028", "\ufeff", "\ufffe", "\U0010ffff", "\u202e"),
    *("e" + "\u0301" * 500, "ß" * 500, "İ" * 500, "ﬃ" * 300, "\U0001f468\u200d\U0001f469" * 50, "x" * 8000),
    *(
        "(" * 3000,
        "[" * 500,
        "(a+)+$" * 50,
        "\\" * 999,
        "%" * 999,
        "%00%ff%C0%AF",
        "%E0%80",
        "{}",
        "{0}",
        "$1",
    ),
    *("=cmd|' /C calc'!A0", "'; DROP TABLE ingest.events; --", "../../etc/passwd", "\x7f", "null\x00"),
)
URLS = (
    *("https://{host}", "https://{host}:99999/", "https://{host}/%00%ff?utm_source=%00&utm_medium=%ff%fe"),
    *(
        "https://{host}/?" + "&" * 3000,
        "https://{host}/?utm_source=" + "%" * 500,
        "https://{host}//////" + "/" * 999,
    ),
    *(
        "https://{host}/?gclid=" + "x" * 3000,
        "https://{host}/#" + "#" * 500,
        "https://{host}/?a=%u0000&=&==&a",
    ),
    *("https://{host}/" + "é" * 1000, "https://{host}/?utm_campaign=" + "\\u0000" * 20, "http://{host}/\x7f"),
)
TIMES = ("0", "-1", "946684800000", "4102444800000", "9223372036854775807", "1e18", '"soon"', "null", "1.5")
#: Types of events of which models compute something.
TYPES = ("page_view", "engagement", "purchase", "web_vitals", "request", "search", "refund", "click")
_FIGURES = (
    "revenue",
    "engaged_ms",
    "scroll",
    "value",
    "lcp",
    "cls",
    "inp",
    "fcp",
    "ttfb",
    "lost",
    "position",
)
_WORDS = ("currency", "q", "term", "item", "name", "form", "link", "plan", "tag", "id", "text")
_PLACES = (
    "title",
    "referrer",
    "lang",
    "screen",
    "viewport",
    "view_id",
    "session",
    "visitor",
    "user_agent",
    "country",
)


def events(host: str) -> list[bytes]:
    """Events as JSON, each extreme in something. Some of them no contract will take."""
    address = f"https://{host}/"
    found = []
    for kind in TYPES:
        for number in NUMBERS:
            props = "{" + ",".join(f'"{name}":{number}' for name in _FIGURES) + ',"currency":"EUR"}'
            fields = f'"engaged_ms":{number},"scroll":{number},"status":{number},"time_taken":{number}'
            found.append(f'{{"type":"{kind}","url":"{address}","props":{props},{fields}}}')
        for text in (*SAID, *(TEXTS if kind in ("page_view", "purchase") else TEXTS[:3])):
            event = {"type": kind, "url": address, **dict.fromkeys(_FIGURES, text)}
            event["props"] = dict.fromkeys((*_FIGURES, *_WORDS), text)
            found.append(json.dumps(event))
    for text in (*TEXTS, *SAID):
        found.append(json.dumps({"type": "page_view", "url": address, **dict.fromkeys(_PLACES, text)}))
        found.append(json.dumps({"type": text[:64] or "x", "url": address, "consent": 3, "user": text}))
        found.append(json.dumps({"type": "page_view", "url": address, "props": {text[:100] or "x": text}}))
        found.append(
            json.dumps({"type": "page_view", "url": address, "referrer": f"https://{text}/?q={text}"})
        )
    for url in URLS:
        found.append(json.dumps({"type": "page_view", "url": url.format(host=host), "referrer": url}))
    for time in TIMES:
        found.append(f'{{"type":"page_view","url":"{address}","occurred_at":{time},"sent_at":{time}}}')
    found += [
        f'{{"type":"page_view","url":"{address}","title":"\\ud800"}}',
        f'{{"type":"page_view","url":"{address}","title":"\\udfff\\ud800","props":{{"\\ud83d":1}}}}',
        f'{{"type":"page_view","url":"{address}","props":{{"a":1,"a":2,"revenue":1,"revenue":"x"}}}}',
        f'{{"type":"page_view","url":"{address}","props":{{"":{{"":{{"":[[[]]]}}}}}}}}',
        f'{{"type":"page_view","url":"{address}","props":[1,2]}}',
        f'{{"type":"page_view","url":"{address}","viewport":{{"width":1e400,"height":"9"}}}}',
        f'{{"type":"page_view","url":"{address}","viewport":["{{",1]}}',
        f'{{"type":"page_view","url":"{address}?utm_term=%00%ff&utm_content={"%" * 500}"}}',
        f'{{"type":"page_view","url":"{address}","props":{{"*":1,"/":"~1","~":"","$":[],"(":"\\u0000"}}}}',
        f'{{"type":"page_view","url":"{address}","props":"text"}}',
        f'{{"type":"page_view","url":"{address}","props":{"[" * 25 + "]" * 25}}}',
        f'{{"type":"page_view","url":"{address}","props":{{"revenue":{{"a":[1]}},"currency":["EUR"]}}}}',
    ]
    return [text.encode("utf-8", "surrogatepass") for text in found]


#: Cells of a CloudFront log by column.
CELLS = {
    "sc-bytes": ("9223372036854775807", "9223372036854775807", "1e30", "-1", "x", "99999999999999999999"),
    "time-taken": ("1e300", "1e308", "nan", "inf", "-1e300", "0.0000000000001", "9" * 40, "x"),
    "sc-status": ("000", "-1", "2147483647", "99999999999", "2e2", "200.5"),
    "cs-uri-stem": ("/\x01", "/" + "%00" * 99, "/" + "x" * 9000, "/ \u202e", "/%", "/\\"),
    "cs-uri-query": ("%00=%ff", "utm_source=%25%30%30", "&" * 999, "x" * 9000),
    "cs(User-Agent)": ("%00", "x" * 9000, "(" * 500, "%ff%fe", "\\"),
    "cs(Referer)": ("https://[::1", "https://" + "a" * 9000, "//", "\x02"),
    "x-edge-location": ("x" * 5000, "\\", "'", "%00"),
    "x-edge-result-type": ("", "x" * 5000, "\x7f"),
}
COLUMNS = (
    "date", "time", "x-edge-location", "sc-bytes", "c-ip", "cs-method", "cs(Host)", "cs-uri-stem",
    "sc-status", "cs(Referer)", "cs(User-Agent)", "cs-uri-query", "cs(Cookie)", "x-edge-result-type",
    "x-edge-request-id", "x-host-header", "cs-protocol", "cs-bytes", "time-taken",
)  # fmt: skip


def log(host: str, day: str, time: str) -> bytes:
    """A CloudFront log in which each line is extreme in one cell, and sums of them are in more."""
    usual = {
        "date": day, "time": time, "x-edge-location": "FRA2", "sc-bytes": "100", "c-ip": "198.51.100.7",
        "cs-method": "GET", "cs(Host)": host, "cs-uri-stem": "/", "sc-status": "200", "cs(User-Agent)": "A",
        "x-edge-result-type": "Hit", "x-host-header": host, "cs-protocol": "https", "time-taken": "0.1",
    }  # fmt: skip
    lines = [f"#Fields: {' '.join(COLUMNS)}"]
    for column, values in CELLS.items():
        lines += ["\t".join((usual | {column: v}).get(c, "-") for c in COLUMNS) for v in values]
    return ("\n".join(lines) + "\n").encode()
