"""Stored lines for the benchmarks: page views of some hundred visitors, about 600 bytes each."""

import hashlib
from datetime import UTC, datetime, timedelta

from footfall.event import Receipt, check_event, event_line
from footfall.keys import raw_object
from footfall.raw_object import compress_lines
from footfall.store import ObjectStore

HOUR = datetime(2026, 11, 20, 14, tzinfo=UTC)


def stored_lines(n: int) -> list[bytes]:
    """`n` lines of one hour, the same ones every time."""
    lines = []
    for i in range(n):
        at = HOUR + timedelta(seconds=3599 * i / n)
        raw = (
            b'{"id":"bench-event-%08d","type":"page_view","url":"https://shop.example/products/%d?utm_source=mail",'
            b'"title":"A product with a name of ordinary length","referrer":"https://www.google.com/",'
            b'"screen":"1920x1080","language":"en-GB","props":{"colour":"green","size":%d}}'
        ) % (i, i % 97, i % 7)
        receipt = Receipt(
            "demo", "shop", at, f"{i % 499:032x}", "Mozilla/5.0 (X11; Linux x86_64) Firefox/144.0"
        )
        lines.append(event_line(check_event(raw), receipt, sent_at=None, is_declared_host=True))
    return lines


def put_objects(store: ObjectStore, lines: list[bytes], objects: int) -> None:
    """Put the lines as so many raw objects of the hour."""
    for n in range(objects):
        data = compress_lines(lines[n::objects])
        store.put(raw_object(HOUR, f"bench-{n}", hashlib.sha256(data).hexdigest()), data)
