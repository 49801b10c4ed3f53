"""What a client's bucket may live through: late objects, hours with nothing, another time zone, another
owner's sites and bucket.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import yaml
from support.orchestration_builders import event, refused

HOUR = timedelta(hours=1)
START, END = datetime(2026, 11, 26, 23, tzinfo=UTC), datetime(2026, 11, 29, 1, tzinfo=UTC)
#: The first day of the new zone. It has begun in both when the zone changes, and nothing of it is delivered.
DAY = "2026-11-28"
ZONE_CHANGES = datetime(2026, 11, 28, 1, tzinfo=UTC)
CLIENT_MOVES = datetime(2026, 11, 28, 11, tzinfo=UTC)
ZONES = ("Europe/Berlin", "Europe/London")
SITES = ("shop", "studio")
#: What was sent and is no JSON: its bytes leave the quarantine by the client's rule.
NO_EVENT = b'{"refused":'


@dataclass(frozen=True)
class Landed:
    """A raw object of an hour, and how many hours after its end it comes in; 0: in time."""

    hour: datetime
    origin: str
    lines: tuple[bytes, ...]
    late: int


def client_file(zone: str, site: str, bucket: str) -> str:
    """The client's file at one time."""
    exports = [("sessions", "hourly"), ("events", "daily"), ("daily_metrics", "daily")]
    return yaml.safe_dump(
        {
            "client_id": "story",
            "name": "A story",
            "timezone": zone,
            "sites": [{"site_id": site, "key": f"pk_{site}_12345678", "domains": [f"{site}.example"]}],
            "retention": {"quarantine": "1d"},
            "destination": {"url": f"file://${{FOOTFALL_HOME}}/buckets/{bucket}"},
            "exports": [
                {"name": f"{dataset}-{cadence}".replace("_", "-"), "dataset": dataset, "cadence": cadence}
                for dataset, cadence in exports
            ],
        }
    )


def objects(chance: random.Random) -> list[Landed]:
    """Visits of few people, in bursts with long gaps between, so that most hours have nothing."""
    first = refused(NO_EVENT, START, client_id="story", site_id=SITES[0])
    lines: dict[tuple[datetime, int], list[bytes]] = {(START, 0): [first]}
    for number in range(chance.randint(14, 20)):
        moment = START + chance.random() * (END - START - 2 * HOUR)
        site = SITES[moment >= CLIENT_MOVES]
        person = f"person-{chance.randrange(4)}"
        for step in range(chance.randint(1, 5)):
            if moment >= END - HOUR or site != SITES[moment >= CLIENT_MOVES]:
                break
            hour = moment.replace(minute=0, second=0, microsecond=0)
            late = chance.choice([0, 0, 0, 1, 3, 9])
            line = event(
                f"event-{number:03d}-{step}",
                moment,
                client_id="story",
                site_id=site,
                visitor_id=person,
                url=f"https://{site}.example/{chance.choice('abc')}",
            )
            lines.setdefault((hour, late), []).append(line)
            if chance.random() < 0.1:
                lines[hour, late].append(refused(NO_EVENT, moment, client_id="story", site_id=site))
            if chance.random() < 0.15:  # the same event once more, by another collector
                lines.setdefault((hour, 9 - late), []).append(line)
            moment += timedelta(minutes=chance.choice([1, 10, 29, 31, 50]))
    return [
        Landed(hour, f"c{late}-1-{n}", tuple(found), late)
        for n, ((hour, late), found) in enumerate(sorted(lines.items()))
    ]


def spans(chance: random.Random, most: int) -> Iterator[tuple[datetime, datetime]]:
    """The hours in runs of several, none over a decision; so many runs from one to the next, at most."""
    for first, last in pairwise([START, ZONE_CHANGES, CLIENT_MOVES, END]):
        inner = sorted(chance.sample(range(1, (last - first) // HOUR), chance.randint(0, most - 1)))
        yield from pairwise([first, *(first + n * HOUR for n in inner), last])
