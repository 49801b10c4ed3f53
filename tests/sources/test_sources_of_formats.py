"""A client's bucket may hold logs of every format, named as their makers name them."""

import gzip
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import zstandard
from support.orchestration_builders import client

from footfall.clients import LogSource
from footfall.salts import Salts
from footfall.store import LocalStore
from sources.conversion import Receiver
from sources.event_names import EventNames
from sources.import_files import LocalFile
from sources.intake import TakenIn, take_in
from sources.log_formats import FORMATS
from sources.log_import import import_logs

SAMPLES = Path(__file__).resolve().parents[1] / "fixtures" / "access_logs"
HOUR = datetime(2026, 11, 20, 10, tzinfo=UTC)
NAMES = EventNames("k" * 32)
#: How the makers of logs name the object of 10:00.
OBJECTS = {
    "alb": "AWSLogs/1/eu/2026/11/20/1_elasticloadbalancing_eu_app.s.5_20261120T1005Z_1_x.log.gz",
    "elb": "AWSLogs/1/eu/2026/11/20/1_elasticloadbalancing_eu_shop_20261120T1005Z_192.0.2.1_x.log",
    "s3": "logs/2026-11-20-10-21-32-E568B2907131C0C0",
    "logpush": "20261120/20261120T100000Z_20261120T100500Z_1e4a4f1d.log.gz",
    "cloudfront": "E2ABCDEF.2026-11-20-10.aa11.gz",
}
USUAL_NAME = "web1/access-2026-11-20-10.log.gz"


class Bucket:
    """A client's log bucket, and the lake that it is read into."""

    def __init__(self, folder: Path) -> None:
        self.logs = LocalStore(folder / "logs")
        self.lake = LocalStore(folder / "lake")
        self.url = (folder / "logs").as_uri()

    def put(self, name: str, text: bytes) -> None:
        self.logs.put(name, gzip.compress(text) if name.endswith(".gz") else text)

    def take(self, **of_source: str) -> TakenIn:
        owner = client()
        source = LogSource(name="cdn", site_id=owner.sites[0].site_id, url=self.url, **of_source)
        end = HOUR + timedelta(hours=1)
        return take_in(self.logs, self.lake, owner, owner.sites[0], source, NAMES, HOUR, end)

    def stored(self) -> list[dict]:
        keys = [info.key for info in self.lake.list("raw/")]
        return [
            json.loads(line) for key in keys for line in zstandard.decompress(self.lake.get(key)).splitlines()
        ]


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    return Bucket(tmp_path)


def by_hand(folder: Path, form: str) -> Counter[str]:
    """What an import of the sample stores, by kind and type."""
    owner, lake = client(), LocalStore(folder / "by-hand")
    receiver = Receiver(owner, owner.sites[0], Salts(lake), NAMES)
    file = LocalFile(f"{form}.log", SAMPLES / f"{form}.log")
    (done,) = import_logs([file], receiver, lake, form, is_only=True)
    return Counter(done.landed.stored)


@pytest.mark.parametrize("form", [each.name for each in FORMATS])
def test_an_object_of_every_format_is_read_as_the_file_is(bucket: Bucket, tmp_path: Path, form: str) -> None:
    text = (SAMPLES / f"{form}.log").read_bytes()
    bucket.put(OBJECTS.get(form, USUAL_NAME), text)

    taken = bucket.take(format=form)

    assert (taken.objects, taken.damaged) == (1, {})
    assert taken.lines == sum(1 for line in text.splitlines() if line.strip() and line[:1] != b"#")
    stored = Counter(line.get("type") or line["kind"] for line in bucket.stored())
    assert stored == by_hand(tmp_path, form)
    assert stored["page_view"] == taken.page_views > 0
    assert bucket.take(format=form).objects == 0


def test_an_object_of_another_format_is_set_aside_with_both_names_and_the_next_is_taken(
    bucket: Bucket,
) -> None:
    bucket.put("a-2026-11-20-10.log", (SAMPLES / "alb.log").read_bytes())
    bucket.put("b-2026-11-20-10.log", (SAMPLES / "combined.log").read_bytes())

    taken = bucket.take(format="combined")

    assert list(taken.damaged) == ["a-2026-11-20-10.log"]
    assert "alb" in taken.damaged["a-2026-11-20-10.log"]
    assert "combined" in taken.damaged["a-2026-11-20-10.log"]
    assert taken.page_views > 0


def test_a_log_that_grew_in_the_bucket_brings_its_new_lines_only(bucket: Bucket) -> None:
    lines = (SAMPLES / "combined.log").read_bytes().splitlines(keepends=True)
    bucket.put(USUAL_NAME, b"".join(lines[:2]))
    bucket.take(format="combined")
    bucket.put(USUAL_NAME, b"".join(lines))
    bucket.take(format="combined")

    ids = {line["event_id"] for line in bucket.stored() if line.get("type") == "page_view"}

    whole = Bucket(Path(bucket.url.removeprefix("file://")).parent / "whole")
    whole.put(USUAL_NAME, b"".join(lines))
    whole.take(format="combined")
    assert ids == {line["event_id"] for line in whole.stored() if line.get("type") == "page_view"}


def test_a_source_may_say_what_a_line_is_in_the_words_of_its_server(bucket: Bucket) -> None:
    lines = [f"198.51.100.{n}|2026-11-20T10:00:0{n}+00:00|GET /p{n}?a=b HTTP/2.0|200\n" for n in range(5)]
    bucket.put(USUAL_NAME, b"\0" * 5000 + "".join(lines).encode())

    taken = bucket.take(format="combined", log_format="$remote_addr|$time_iso8601|$request|$status")

    assert (taken.page_views, taken.malformed, taken.damaged) == (5, 0, {})
    urls = {line["event"]["url"].partition(".example")[2] for line in bucket.stored()}
    assert urls == {f"/p{n}?a=b" for n in range(5)}
