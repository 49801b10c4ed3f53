"""Eight collectors in the place of one: requests spread at random, spools of their own, clocks 2 s apart."""

import csv
import io
import json
import random
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support import settable_clock
from support.collectors import CLIENT_FILE, SITE, CollectorProcess, ids, lake_lines, wire_event
from support.command_line import command_line

from footfall.hours import HOUR

pytestmark = pytest.mark.proof

COLLECTORS, VISITORS = 8, 30
#: Of the clocks of eight, in seconds: as far apart as the promise says.
OFF = [2 * number / (COLLECTORS - 1) for number in range(COLLECTORS)]
TABLES = (
    "events",
    "page_views",
    "sessions",
    "conversions",
    "daily_metrics",
    "sources_daily",
    "quality_daily",
)
#: What says when the server took an event, or follows from it.
OF_RECEIPT = re.compile(r"received|_at_server|revision|freshness")


def requests(chance: random.Random) -> list[tuple[str, int, dict]]:
    """(address of the visitor, seconds from event to sending, event) in the order of sending.

    Some come twice or three times, as retries do.
    """
    found = []
    for visitor in range(VISITORS):
        for number in range(chance.randrange(1, 6)):
            kind = chance.choice(["page_view", "page_view", "engagement", "purchase"])
            props = {"purchase": {"revenue": 5, "currency": "EUR", "order_id": f"o{visitor}-{number}"}}
            event = wire_event(
                f"v{visitor}-{number}",
                type=kind,
                url=f"https://shop.example/p{number}?utm_source=s{visitor % 3}",
                props=props.get(kind, {}),
            )
            age = 60 * chance.choice([0, 5, 40]) + 10 * number
            found += [(f"198.51.100.{visitor}", age, event)] * chance.choice([1, 1, 1, 2, 3])
    chance.shuffle(found)
    return found


def body_of(event: dict, sent: datetime, age: int) -> bytes:
    """What a page sends whose clock is right."""
    moment = int(sent.timestamp() * 1000)
    told = {"site": SITE, "sent_at": moment, "events": [event | {"occurred_at": moment - 1000 * age}]}
    return json.dumps(told).encode()


class Place:
    """Collectors of one lake, and the machine that delivers from it."""

    def __init__(self, folder: Path, offs: list[float]) -> None:
        self.folder, self.lake = folder, folder / "lake"
        self.collectors = []
        for number, off in enumerate(offs):
            home = folder / f"collector-{number}"
            (home / "clients").mkdir(parents=True)
            (home / "clients" / "demo.yaml").write_text(client(folder))
            (home / "off").write_text(str(off))
            self.collectors.append(
                CollectorProcess(
                    home,
                    program=(str(Path(settable_clock.__file__)), str(home / "off")),
                    settings={
                        "FOOTFALL_LAKE": self.lake.as_uri(),
                        "FOOTFALL_COLLECTOR_ID": f"c{number}",
                        "FOOTFALL_SEGMENT_SECONDS": "1",
                        "FOOTFALL_LAST_SHIPPING_SECONDS": "60",
                        "FOOTFALL_BUCKET_FOLDERS": str(folder),
                    },
                )
            )

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """All collectors run, and end in order."""
        with ExitStack() as stack:
            for each in self.collectors:
                each.start()
                stack.callback(each.end)
            yield
        assert [each.exit_code for each in self.collectors] == [0] * len(self.collectors)

    def take(self, address: str, body: bytes, chance: random.Random) -> None:
        """One of the collectors takes a request."""
        some = chance.choice(self.collectors)
        assert some.ask("POST", "/collect", body, {"x-forwarded-for": address}).status == 204

    def deliver(self, hour: datetime) -> dict[str, list[dict[str, str]]]:
        """Rows of each table as they were delivered, without what says when they were received."""
        day = hour.replace(hour=0)
        (self.folder / "bucket").mkdir()
        (self.folder / "machine").mkdir(mode=0o700)
        (self.folder / "machine" / "first_hour").write_text(f"{day:%Y-%m-%dT%H}\n")
        run = command_line(self.folder / "machine")
        run.clients = self.folder / "collector-0" / "clients"
        run.settings |= {"FOOTFALL_LAKE": self.lake.as_uri(), "FOOTFALL_BUCKET_FOLDERS": str(self.folder)}
        done = run("run", "--from", f"{day:%Y-%m-%dT%H}", "--to", f"{day + 24 * HOUR:%Y-%m-%dT%H}")
        assert done.returncode == 0, done.stdout + done.stderr
        files = sorted((self.folder / "bucket").rglob("*.csv"))
        found: dict[str, list[dict[str, str]]] = {table: [] for table in TABLES}
        for path in files:
            table = path.relative_to(self.folder / "bucket").parts[0].replace("-", "_")
            for row in csv.DictReader(io.StringIO(path.read_text())):
                found[table].append({k: v for k, v in row.items() if not OF_RECEIPT.search(k)})
        return {table: sorted(rows, key=lambda row: json.dumps(row)) for table, rows in found.items()}


def client(folder: Path) -> str:
    text = CLIENT_FILE.replace("file://${FOOTFALL_HOME}/buckets/demo", (folder / "bucket").as_uri())
    exports = [
        f"{{name: {table.replace('_', '-')}, dataset: {table}, cadence: "
        f"{'daily' if table.endswith(('daily', 'metrics')) else 'hourly'}}}"
        for table in TABLES
    ]
    return re.sub(r"exports: \[.*\]", f"exports: [{', '.join(exports)}]", text)


def test_eight_collectors_deliver_what_one_does(tmp_path):
    chance = random.Random(20261130)
    now = datetime.now(UTC)
    # In the middle of an hour of the day before, so that the hour and the day of it have ended.
    hour = now.replace(minute=0, second=0, microsecond=0) - timedelta(days=1)
    back = hour + timedelta(minutes=20) - now
    offs = [back.total_seconds() + off for off in OFF]
    one, eight = Place(tmp_path / "one", offs[:1]), Place(tmp_path / "eight", offs)
    # Two lakes would agree on two salts; by those of a third a visitor is the same in both.
    third = Place(tmp_path / "third", offs[:1])
    with third.collecting():
        third.take("198.51.100.0", body_of(wire_event("x"), datetime.now(UTC) + back, 0), chance)
    for place in (one, eight):
        shutil.copytree(third.lake / "salts", place.lake / "salts")

    with one.collecting(), eight.collecting():
        bodies: dict[str, bytes] = {}
        for address, age, event in requests(chance):
            body = bodies.setdefault(event["id"], body_of(event, datetime.now(UTC) + back, age))
            one.take(address, body, chance)
            eight.take(address, body, chance)

    assert ids(lake_lines(eight.lake)) == ids(lake_lines(one.lake))
    assert len(list((eight.lake / "raw").rglob("*.zst"))) >= COLLECTORS
    closed = list((eight.lake / "closed").rglob(f"hour={hour:%H}/*.json"))
    assert {path.stem for path in closed} == {f"c{number}" for number in range(COLLECTORS)}
    ones, eights = one.deliver(hour), eight.deliver(hour)
    assert all(ones.values()), {table: len(rows) for table, rows in ones.items()}
    for table in TABLES:
        assert eights[table] == ones[table], table
