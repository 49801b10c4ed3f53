"""docs/costs.md says as many requests as the code makes, in the month that its assumptions describe."""

import math
import re
from collections import Counter
from datetime import timedelta

import duckdb
import pytest
from support.delivering import Setting
from support.orchestration_builders import HOUR, TroubledStore, event, land
from support.publishing import Shelf, mart_warehouse
from support.repository import ROOT

from footfall.catalogue.tables import PUBLISHED
from footfall.hour_files import HourFiles
from footfall.keys import raw_prefix
from orchestration.defs.ingest.sensors import INTERVAL
from orchestration.ingest.hour import ingest_hours
from orchestration.ingest.listing import Cursor, find_late
from orchestration.ingest.looking import Looks
from orchestration.modelling.athena import marts

ONE = timedelta(hours=1)
#: The assumptions of docs/costs.md.
HOURS, CLIENTS, SEGMENTS = 730, 10, 60
DAYS = HOURS / 24
PUT, GET = "PUT and LIST", "GET and HEAD"
_KINDS = {"put": PUT, "swap": PUT, "list": PUT, "get": GET, "read_tagged": GET, "head": GET}
#: Keys that one LIST answers with.
_PAGE = 1000


class Far(TroubledStore):
    """A store that is no folder."""

    def put_file(self, key, path, *, create_only=False):
        self.put(key, path.read_bytes(), create_only=create_only)

    def take(self):
        """How many requests of each kind since it was asked; deleting costs nothing."""
        counted = Counter()
        for line in self.journal:
            verb, _, key = line.split(" ", 2)
            if verb == "list":
                counted[PUT] += max(1, math.ceil(sum(k.startswith(key) for k in self.objects) / _PAGE))
            elif verb in _KINDS:
                counted[_KINDS[verb]] += 1
        self.journal.clear()
        return counted


def of_ingest(folder):
    lake = Far()
    for n in range(SEGMENTS):
        land(lake, HOUR, event(f"event-{n:04d}"), origin=f"c1-1-{n}")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        lake.journal.clear()
        ingest_hours(connection, lake, [HOUR], files=HourFiles(lake, folder, 1 << 30))
    return lake.take()


def of_a_look_for_late_objects(_folder):
    lake = Far()
    hours = [HOUR - n * ONE for n in range(8 * 24 + 1)]
    for hour in hours:
        for n in range(SEGMENTS):
            lake.objects[f"{raw_prefix(hour)}c1-1-{n:04d}-{'0' * 16}.ndjson.zst"] = b""
    one_by_one = Looks(lake, day_objects=0)
    known = {hour: one_by_one.digest(hour) for hour in hours}
    lake.journal.clear()
    late = find_late(
        Looks(lake).digest, lambda asked: {h: known[h] for h in asked}, HOUR, hours[-1], Cursor()
    )
    assert late.stale == {}
    return lake.take()


def of_publishing(folder):
    lake = Far()
    shelf = Shelf(folder, lake)
    day = shelf.now.date()

    def change(connection, n):
        for table in PUBLISHED:
            columns = marts()[table.name]
            texts = {name: f"{n}" for name, kind in columns.items() if kind == "VARCHAR"}
            days = {table.published_day: day} if table.published_day else {}
            values = {**texts, "client_id": "demo", **days}
            listing = ", ".join(values)
            connection.execute(
                f"INSERT INTO {table.name} ({listing}) VALUES ({', '.join('?' * len(values))})",
                list(values.values()),
            )
            connection.execute(
                "INSERT INTO intermediate.unpublished_days VALUES (?, 'demo', ?)", [table.name, day]
            )
        connection.execute(
            "INSERT INTO intermediate.unpublished_visitors VALUES ('demo', ?, ?)", [f"{n}", f"{n}"]
        )

    with mart_warehouse() as connection:
        for n in range(3):
            change(connection, n)
            lake.journal.clear()
            shelf.publish(connection, "demo", ONE)
    return lake.take()


def of_a_delivery(folder):
    at = Setting(folder)
    stores = at.destination, at.backup = Far("destination"), Far("backup")
    at.hours = [HOUR, HOUR + ONE]
    at.now += ONE
    at.deliver()
    for store in stores:
        store.journal.clear()
    assert at.deliver(HOUR + ONE).status == "delivered"
    return stores[0].take() + stores[1].take()


#: How the row of the table begins → how often in a month, and what it takes once.
ROWS = {
    "ingest": (HOURS, of_ingest),
    "late objects": (round(HOURS * 3600 / INTERVAL), of_a_look_for_late_objects),
    "published tables": (CLIENTS * HOURS, of_publishing),
    "deliveries": (round(CLIENTS * (2 * HOURS + DAYS)), of_a_delivery),
}


@pytest.mark.parametrize("name", ROWS)
def test_the_requests_of_a_month_are_those_that_are_counted(name, tmp_path):
    times, of = ROWS[name]
    once = of(tmp_path)
    counted = [times * once[PUT], times * once[GET]]
    dollars = counted[0] * 0.005 / 1000 + counted[1] * 0.0004 / 1000

    text = (ROOT / "docs" / "costs.md").read_text().split("## Requests in a month")[1].split("\n## ")[0]
    [row] = re.findall(rf"^\| {name}.*", text, re.MULTILINE)

    assert row.split(" | ")[1:] == [f"{counted[0]:,}", f"{counted[1]:,}", f"{dollars:.2f} |"], once


def test_a_day_of_too_many_objects_is_looked_at_by_hours():
    lake = Far()
    for hour in (HOUR, HOUR + ONE):
        for n in range(3):
            land(lake, hour, event(f"event-{n:04d}", hour), origin=f"c1-1-{n}")
    at_once, by_hours = Looks(lake), Looks(lake, day_objects=4)
    lake.journal.clear()

    digests = [by_hours.digest(hour) for hour in (HOUR, HOUR + ONE, HOUR + 2 * ONE)]

    assert [line.split()[2] for line in lake.journal] == [
        "raw/dt=2026-11-20/",
        *(f"raw/dt=2026-11-20/hour={n}/" for n in (14, 15, 16)),
    ]
    assert digests == [at_once.digest(hour) for hour in (HOUR, HOUR + ONE, HOUR + 2 * ONE)]
    assert len(set(digests)) == 3
