"""A lake's life: events as hours received them, and the order in which hours are ingested and modelled.

Hours come late, twice, together, with other content than before; an event is received in several hours, so
that the copy that counts moves from one hour to another; corrections arrive; a site's rules change.
"""

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb
from support.session_oracle import Moment, Rules, sessions_by_hand

from orchestration.ingest.schema import TABLES

HOUR = timedelta(hours=1)


def start_of(number: int) -> datetime:
    """Six hours before midnight UTC, when daily ids change, of the night in which Berlin's clocks change.

    Stories in one warehouse have different numbers: each its own year and its own clients.
    """
    last_of_march = datetime(2010 + number, 3, 31, 18, tzinfo=UTC)
    return last_of_march - timedelta(days=(last_of_march.weekday() + 1) % 7 + 1)


TYPES = {
    "page_view": 60,
    "engagement": 12,
    "purchase": 6,
    "signup": 4,
    "identify": 5,
    "alias": 3,
    "web_vitals": 6,
    "consent": 2,
    "not_found": 2,
}
BERLIN, PARIS, GONE = ("c1", "berlin"), ("c2", "paris"), ("c1", "gone")
#: Site → its rules before and after they change in the middle of a story. One site is in no client file.
RULES = {
    BERLIN: (Rules("Europe/Berlin"), Rules("Europe/Berlin", timedelta(minutes=45))),
    PARIS: (
        Rules("Europe/Paris", cut_at_midnight=True, cut_on_campaign=True),
        Rules("America/New_York", cut_on_campaign=True),
    ),
}
FUNNELS = [
    (
        "c1",
        "buy",
        "session",
        60,
        [("a", "page_view", "/a"), ("any", "page_view", None), ("bought", "purchase", None)],
    ),
    ("c1", "sign up", "visitor", 1440, [("b", "page_view", "/b%"), ("signed up", "signup", None)]),
    ("c2", "buy", "visitor", 300, [("view", "page_view", None), ("bought", "purchase", "/_")]),
]
CORRECTIONS = ({"country": "IT"}, {"device": "tv", "page": "/z"}, {"country": None, "is_bot": "false"})


@dataclass
class Copy:
    """An event as one hour received it, in one or more versions of that hour's content."""

    row: dict
    hour: int
    versions: frozenset[int]


def story_events(chance: random.Random, number: int = 0) -> list[Copy]:
    """Dense on purpose: few visitors, so that late events bridge, extend and split what is there.

    `number` keeps the clients of several stories apart, in one warehouse.
    """
    teller = _Teller(chance, number)
    for site in (BERLIN, GONE, PARIS):
        for person in ("one", "two", None, "known")[: chance.randint(2, 4)]:
            moment = teller.start + timedelta(minutes=chance.choice([0, 20, 300, 320, 340]))
            for _ in range(chance.randint(3, 11)):
                teller.happen(site, person, moment)
                # 30 is the limit itself; 0 is the same moment.
                moment += timedelta(minutes=chance.choice([0, 0, 5, 12, 29, 30, 30, 31, 45, 90]))
    if chance.random() < 0.2:
        moment = teller.start
        for _ in range(chance.randint(50, 70)):
            teller.happen(BERLIN, chance.choice(["known-endless", "endless"]), moment)
            moment += timedelta(minutes=chance.choice([20, 25, 30]))
    return teller.copies


class _Teller:
    def __init__(self, chance: random.Random, number: int) -> None:
        self._chance = chance
        self._number = number
        self.start = start_of(number)
        self.copies: list[Copy] = []

    def happen(self, site: tuple[str, str], person: str | None, moment: datetime) -> None:
        chance = self._chance
        late = chance.random() < 0.2
        received = moment + timedelta(
            hours=chance.choice([1, 2, 4, 80]) * chance.random() if late else 0,
            seconds=chance.uniform(0, 90),
        )
        row = self._row(site, person, moment)
        self._receive(row, person, received, chance.choices([{0, 1}, {0}, {1}], [90, 5, 5])[0])
        while chance.random() < 0.12:
            # The same event again, in another hour, with another idea of when and by whom.
            again = row | {"occurred_at": moment + timedelta(minutes=chance.choice([0, 0, 0, 40, -25]))}
            shift = timedelta(hours=chance.uniform(-3, 6))
            versions = chance.choice([{0, 1}, {0, 1}, {0}, {1}])
            other = person if chance.random() < 0.9 else chance.choice(["one", "two", None])
            self._receive(again, other, max(received + shift, self.start), versions)

    def _row(self, site: tuple[str, str], person: str | None, moment: datetime) -> dict:
        chance = self._chance
        kind = chance.choices(list(TYPES), list(TYPES.values()))[0]
        page = chance.choice("abc")
        logged = chance.random() < 0.08
        return {
            "client_id": f"{site[0]}-{self._number}",
            "site_id": site[1],
            "event_id": f"e{chance.randrange(10**6):06d}-{len(self.copies)}",
            "event_type": kind,
            "occurred_at": moment,
            "url": f"https://{site[1]}.example/{page}?utm_source={chance.choice(['', 'news', 'google'])}"
            f"&utm_campaign={chance.choice(['', '', 'spring', 'autumn'])}",
            "page": f"/{page}",
            "title": chance.choice([None, "A", "B"]),
            "host": f"{site[1]}.example",
            "is_declared_host": True,
            "referrer": chance.choice(
                [None, "https://www.google.com/", "https://chatgpt.com/", f"https://{site[1]}.example/"]
            ),
            "props": _props(chance, kind),
            "view_id": chance.choice(["view-1", "view-2", None]),
            "user_id": chance.choice(["u1", "u2", "u3"]) if kind in ("identify", "alias") else None,
            "consent_tier": 3 if person and person.startswith("known") else chance.choice([0, 1, 1, 2, None]),
            "country": chance.choice(["DE", "FR", None]),
            "device": chance.choice(["mobile", "desktop", None]),
            "is_bot": person == "two" or logged,
            "bot_class": "ai_crawler" if logged else None,
            "bot_name": "ExampleBot" if logged else None,
            "source": "cloudfront" if logged else "web",
            "status": chance.choice([200, 404]) if logged else None,
            "time_taken": 0.25 if logged else None,
            "bytes_sent": 1000 if logged else None,
            "edge_result": "Hit" if logged else None,
            "lost": chance.choice([None, None, 2]),
            "gpc": chance.random() < 0.1,
            "dnt": False,
        }

    def _receive(self, row: dict, person: str | None, received: datetime, versions: set[int]) -> None:
        hour = int((received - self.start) / HOUR)
        copy = row | {
            "received_at": received,
            "received_hour": self.start + hour * HOUR,
            "object_key": f"raw/{self._number}/{hour}",
            "visitor_id": _visitor(person, received),
            "previous_visitor_id": None,
        }
        if person and not person.startswith("known") and received.hour == 0 and received.minute < 30:
            copy["previous_visitor_id"] = _visitor(person, received - timedelta(days=1))
        self.copies.append(Copy(copy, hour, frozenset(versions)))


def _visitor(person: str | None, received: datetime) -> str | None:
    """A cookieless visitor is another one each UTC day; a first-party id stays."""
    if person is None or person.startswith("known"):
        return person
    return f"{person}-{received:%d}"


def _props(chance: random.Random, kind: str) -> str | None:
    if kind == "engagement":
        measured = {"engaged_ms": chance.choice([0, 900, 12000]), "scroll": chance.choice([0, 50, 100])}
        return json.dumps(measured)
    if kind == "web_vitals":
        return json.dumps({"lcp_ms": chance.choice([900, 2600.5]), "cls": 0.1})
    if kind == "alias":
        return json.dumps({"previous": chance.choice(["u1", "u2", "u9"])})
    if kind == "purchase":
        return chance.choice(['{"revenue": 9.99, "currency": "EUR"}', '{"revenue": 1, "currency": "USD"}'])
    return None


class Lake:
    """All versions of all hours beside the ingest's tables; each verb does to the tables what ingest does."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, copies: list[Copy] | None = None, number: int = 0
    ) -> None:
        self._connection = connection
        self._number = number
        if copies is not None:
            self._fill(copies)

    def window(self, first: int, last: int) -> tuple[datetime, datetime]:
        """From the start of one hour of the story to the end of another."""
        return start_of(self._number) + first * HOUR, start_of(self._number) + (last + 1) * HOUR

    def _fill(self, copies: list[Copy]) -> None:
        columns = list(TABLES["events"])
        connection = self._connection
        connection.execute(
            "create table if not exists ingest.lake as select 0 as version, * from ingest.events limit 0"
        )
        rows = [
            [version, *((copy.row | {"line_number": number}).get(column) for column in columns)]
            for number, copy in enumerate(copies)
            for version in copy.versions
        ]
        places = ", ".join("?" * (len(columns) + 1))
        values = ", ".join([f"({places})"] * len(rows))
        connection.execute(f"insert into ingest.lake values {values}", [cell for row in rows for cell in row])
        self.settings(0)

    def settings(self, number: int) -> None:
        """What the client files say, before (0) or after (1) somebody edited them."""
        for table in ("sites", "funnels"):
            self._connection.execute(
                f"delete from ingest.{table} where client_id like ?", [f"%-{self._number}"]
            )
        for (client, site), rules in RULES.items():
            rule = rules[number]
            self._connection.execute(
                "insert into ingest.sites values (?, ?, ?, ?, ?, ?, ?)",
                [
                    f"{client}-{self._number}",
                    site,
                    rule.timezone,
                    rule.timeout.total_seconds() / 60,
                    rule.cut_at_midnight,
                    rule.cut_on_campaign,
                    "purchase" if number else "purchase,signup",
                ],
            )
        for client, name, counted_by, window, steps in FUNNELS[number:]:
            for place, (step, kind, page) in enumerate(steps[number:], 1):
                self._connection.execute(
                    "insert into ingest.funnels values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [
                        f"{client}-{self._number}",
                        name,
                        counted_by,
                        window,
                        place,
                        step,
                        kind,
                        page,
                        f"{steps[number:]}",
                    ],
                )

    def enrich(self, hour: int, number: int) -> None:
        """A correction of some events, made in an hour."""
        self._connection.execute(
            """
            insert into ingest.event_enrichments
            select distinct client_id, event_id, ?::timestamptz, ?::integer, ?::varchar
            from ingest.lake where hash(event_id) % 7 = ? and client_id like ?
            """,
            [
                self.window(hour, hour)[0] + timedelta(minutes=5),
                number % 3,
                json.dumps(CORRECTIONS[number % 3]),
                number % 7,
                f"%-{self._number}",
            ],
        )

    def ingest(self, hour: int, version: int) -> None:
        """Replace the hour, then say of every event which copy counts: the one received first."""
        at, _ = self.window(hour, hour)
        for table in ("events", "quarantine", "hours"):
            self._connection.execute(f"delete from ingest.{table} where received_hour = ?", [at])
        self._connection.execute(
            f"insert into ingest.events select {', '.join(TABLES['events'])} from ingest.lake"
            " where received_hour = ? and version = ?",
            [at, version],
        )
        self._connection.execute("insert into ingest.hours (received_hour) values (?)", [at])
        if (hour + version) % 3 == 0:
            self._connection.execute(
                "insert into ingest.quarantine (received_hour, client_id, site_id, received_at)"
                " values (?, ?, 'berlin', ?)",
                [at, f"c1-{self._number}", at],
            )
        self._connection.execute(
            """
            update ingest.events set is_duplicate = ranked.place > 1
            from (
                select rowid as row_id, row_number() over (
                    partition by client_id, event_id order by received_at, object_key, line_number
                ) as place
                from ingest.events where client_id like $client
            ) as ranked
            where ranked.row_id = events.rowid and is_duplicate is distinct from (ranked.place > 1)
            """,
            {"client": f"%-{self._number}"},
        )


def story_steps(chance: random.Random, last_hour: int, hours: set[int]) -> list[tuple[str, int, int]]:
    """What is done, in an order that a backfill could take.

    ("ingest", hour, version), ("model", first hour, last hour), ("enrich", hour, number), ("settings", 1, 0).
    Every hour ends in version 1 and is modelled at some time after each ingest.
    """
    ordered = sorted(hours | set(range(min(last_hour, 9) + 1)))
    chance.shuffle(ordered)
    ingests = []
    for hour in ordered:
        first = chance.choice([0, 1])
        ingests.append((hour, first))
        if chance.random() < 0.15:
            ingests.append((hour, first))
    # What was first ingested in its earlier version comes again, anywhere later.
    for hour, version in list(ingests):
        if version == 0:
            place = chance.randint(ingests.index((hour, 0)) + 1, len(ingests))
            ingests.insert(place, (hour, 1))
    settled: dict[int, int] = {}
    steps: list[tuple[str, int, int]] = []
    waiting: list[int] = []
    changes_at = chance.randrange(len(ingests)) if chance.random() < 0.4 else None
    for number, (hour, version) in enumerate(ingests):
        version = max(version, settled.get(hour, 0))
        settled[hour] = version
        steps.append(("ingest", hour, version))
        waiting.append(hour)
        if chance.random() < 0.06:
            enriched = chance.choice(ordered)
            steps.append(("enrich", enriched, number))
            waiting.append(enriched)
        if number == changes_at:
            steps.append(("settings", 1, 0))
            waiting.append(hour)
        # Several ingests may pass before their models run, and those run in any order, or as one range.
        if chance.random() < 0.12:
            steps += _model(chance, waiting)
            waiting = []
    return steps + _model(chance, waiting or [last_hour])


def _model(chance: random.Random, hours: list[int]) -> list[tuple[str, int, int]]:
    hours = sorted(set(hours))
    chance.shuffle(hours)
    if chance.random() < 0.6:
        return [("model", min(hours), max(hours))]
    half = len(hours) // 2
    return [("model", min(part), max(part)) for part in (hours[:half], hours[half:]) if part]


def oracle_sessions(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], str]:
    """(client, event id) → session id of the kept events, by the plain rules."""
    kept = connection.execute(
        "select client_id, site_id, visitor_id, event_id, occurred_at, previous_visitor_id,"
        " nullif(regexp_extract(url, 'utm_campaign=([a-z]*)', 1), '')"
        " from ingest.events where not is_duplicate"
    ).fetchall()
    sites = connection.execute(
        "select client_id, site_id, timezone, timeout_minutes, cut_at_midnight, cut_on_campaign"
        " from ingest.sites"
    ).fetchall()
    rules = {(s[0], s[1]): Rules(s[2], timedelta(minutes=s[3]), s[4], s[5]) for s in sites}
    return sessions_by_hand([Moment(*row) for row in kept], rules)
