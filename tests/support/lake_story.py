"""A lake's life: events as hours received them, and the order in which hours are ingested and modelled.

Hours come late, twice, together, with other content than before; an event is received in several hours, so
that the copy that counts moves from one hour to another; corrections come and go; a site's rules change.

Many stories are told side by side in one warehouse, each with clients and an order of its own, while the
same runs pass over all of them: a run costs nearly the same for a hundred stories as for one.
"""

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
from support.session_oracle import Moment, Rules, sessions_by_hand

from footfall.catalogue.ingested import COLUMN_TYPES

HOUR = timedelta(hours=1)
#: Six hours before midnight UTC, when daily ids change, of the night in which Berlin's clocks change.
START = datetime(2026, 3, 28, 18, tzinfo=UTC)
#: Receipts of one id that lie further apart are two events, as ingest has it.
ONE_EVENT = timedelta(days=7)


TYPES = {
    "page_view": 60,
    "engagement": 24,
    "purchase": 8,
    "order_completed": 2,
    "refund": 2,
    "signup": 4,
    "click": 3,
    "identify": 5,
    "alias": 3,
    "web_vitals": 6,
    "consent": 2,
    "not_found": 2,
    "request": 4,
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
CORRECTIONS = (
    {"country": "IT", "properties": {"plan": "learnt", "n": 1}},
    {"device": "tv", "page": "/z", "properties": {"plan": None}},
    {"country": None, "is_bot": "false"},
)


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
            moment = START + timedelta(minutes=chance.choice([0, 20, 300, 320, 340]))
            for _ in range(chance.randint(3, 11)):
                teller.happen(site, person, moment)
                # 30 is the limit itself; 0 is the same moment.
                moment += timedelta(minutes=chance.choice([0, 0, 5, 12, 29, 30, 30, 31, 45, 90]))
    if chance.random() < 0.2:
        moment = START
        for _ in range(chance.randint(50, 70)):
            teller.happen(BERLIN, chance.choice(["known-endless", "endless"]), moment)
            moment += timedelta(minutes=chance.choice([20, 25, 30]))
    return teller.copies


class _Teller:
    def __init__(self, chance: random.Random, number: int) -> None:
        self._chance = chance
        self._number = number
        self._seq = 0
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
        if chance.random() < 0.02:
            self._send_for_weeks(row, person, received)
        while chance.random() < 0.12:
            # The same event again, in another hour, with another idea of when and by whom.
            again = row | {"occurred_at": moment + timedelta(minutes=chance.choice([0, 0, 0, 40, -25]))}
            shift = timedelta(hours=chance.uniform(-3, 6))
            versions = chance.choice([{0, 1}, {0, 1}, {0}, {1}])
            other = person if chance.random() < 0.9 else chance.choice(["one", "two", None])
            self._receive(again, other, max(received + shift, START), versions)

    def _send_for_weeks(self, row: dict, person: str | None, received: datetime) -> None:
        """The same event every few days: each copy makes a duplicate of the next, until a gap of a week."""
        for _ in range(2):
            received += timedelta(days=self._chance.choice([4, 5, 6, 8]))
            versions = self._chance.choice([{0, 1}, {0}, {1}])
            # What is older than a week at its receipt occurred at its receipt, says ingest.
            self._receive(row | {"occurred_at": received}, person, received, versions)

    def _row(self, site: tuple[str, str], person: str | None, moment: datetime) -> dict:
        chance = self._chance
        kind = chance.choices(list(TYPES), list(TYPES.values()))[0]
        page = chance.choice("abc")
        logged = kind == "request" or chance.random() < 0.08
        self._seq += 1
        return {
            "client_id": f"{site[0]}-{self._number}",
            "site_id": site[1],
            "event_id": f"e{chance.randrange(10**6):06d}-{len(self.copies)}",
            "event_type": kind,
            "occurred_at": moment,
            "url": f"https://{site[1]}.example/{page}?utm_source={chance.choice(['', 'news', 'google'])}"
            f"&utm_campaign={chance.choice(['', '', 'spring', 'autumn'])}&utm_term={page}&utm_content=",
            "page": f"/{page}",
            "title": chance.choice([None, "A", "B"]),
            "host": f"{site[1]}.example",
            "is_declared_host": True,
            "referrer": chance.choice(
                [None, "https://www.google.com/", "https://chatgpt.com/", f"https://{site[1]}.example/"]
            ),
            "props": _props(chance, kind),
            "view_id": self._view(kind),
            "seq": chance.choice([None, self._seq, self._seq, chance.randrange(3)]),
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

    def _view(self, kind: str) -> str | None:
        """The name of a view: its own, or of one around it, of anybody; one that comes again; none."""
        chance = self._chance
        if chance.random() < 0.2:
            return chance.choice(["view-1", "view-2", None])
        n = len(self.copies)
        if kind != "page_view":
            n = max(n + chance.randint(-8, 3), 0)
        return f"view-{n:06d}" if n % 3 else f"{n:08x}-0000-7{n:03x}-8000-000000000000"

    def _receive(self, row: dict, person: str | None, received: datetime, versions: set[int]) -> None:
        hour = int((received - START) / HOUR)
        copy = row | {
            "received_at": received,
            "received_hour": START + hour * HOUR,
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
    if kind == "signup":
        return chance.choice(['{"plan": "team", "n": 2}', '{"plan": null}', None])
    if kind == "click":
        return json.dumps({"tag": chance.choice("ab"), "text": "Buy"})
    if kind in ("purchase", "order_completed", "refund"):
        said = {
            "revenue": chance.choice([9.99, "1,996.00", "49,90 €", "1.996", -2]),
            "currency": chance.choice(["EUR", "USD", "USD", None]),
            "order_id": chance.choice([None, "A1", "A2", "A2"]),
            "refund_id": chance.choice([None, "R1"]),
        }
        return json.dumps({name: value for name, value in said.items() if value is not None})
    return None


class Lake:
    """All versions of all hours of all stories; each verb does to the ingest's tables what ingest does."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def fill(self, stories: dict[int, list[Copy]]) -> None:
        """What the hours of all stories will hold, and the first settings of their sites."""
        connection = self._connection
        rows = [
            copy.row | {"story": story, "version": version, "line_number": number}
            for story, copies in stories.items()
            for number, copy in enumerate(copies)
            for version in copy.versions
        ]
        connection.execute(
            "create table ingest.lake as select 0 as story, 0 as version, * from ingest.events limit 0"
        )
        columns = {
            name: [row.get(name) for row in rows] for name in ("story", "version", *COLUMN_TYPES["events"])
        }
        connection.register("told", pa.table(columns))
        connection.execute("insert into ingest.lake by name select * from told")
        connection.unregister("told")
        for story in stories:
            self.settings(story, 0)

    def settings(self, story: int, number: int) -> None:
        """What the client files say, before (0) or after (1) somebody edited them."""
        for table in ("sites", "properties", "funnels", "site_currencies", "exchange_rates"):
            self._connection.execute(f"delete from ingest.{table} where client_id like ?", [f"%-{story}"])
        self._connection.executemany(
            "insert into ingest.sites values (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                [
                    f"{client}-{story}",
                    site,
                    rules[number].timezone,
                    rules[number].timeout.total_seconds() / 60,
                    rules[number].cut_at_midnight,
                    rules[number].cut_on_campaign,
                    "purchase" if number else "purchase,signup",
                    "plan,n" if number else "plan",
                ]
                for (client, site), rules in RULES.items()
            ],
        )
        if number:
            self._connection.execute(
                "insert into ingest.site_currencies values (?, 'berlin', 'EUR')", [f"c1-{story}"]
            )
        self._connection.execute(
            "insert into ingest.exchange_rates values (?, 'EUR', 'USD', '2026-03-29', ?, ?)",
            [f"c2-{story}", 0.9 + number / 100, f"{number}"],
        )
        self._connection.executemany(
            "insert into ingest.properties values (?, ?, ?)",
            [
                [f"{client}-{story}", site, each]
                for client, site in RULES
                for each in ("plan", "n")[: 1 + number]
            ],
        )
        self._connection.executemany(
            "insert into ingest.funnels values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                [f"{client}-{story}", name, counted_by, window, place, step, kind, page, f"{steps[number:]}"]
                for client, name, counted_by, window, steps in FUNNELS[number:]
                for place, (step, kind, page) in enumerate(steps[number:], 1)
            ],
        )

    def correct(self, story: int, hour: int, number: int) -> None:
        """Corrections of some events, taken in during an hour, in place of that hour's corrections before."""
        taken_in = START + hour * HOUR
        of_hour = (
            "from ingest.event_enrichments"
            " where enriched_at = $at + interval 5 minute and client_id like $story"
        )
        given = {"at": taken_in, "story": f"%-{story}"}
        changes = f"insert into ingest.changes select $at, client_id, event_id {of_hour}"
        self._connection.execute(changes, given)
        self._connection.execute(f"delete {of_hour}", given)
        self._connection.execute(
            """
            insert into ingest.event_enrichments
            select distinct client_id, event_id, $at + interval 5 minute, $version, $fields
            from ingest.lake where hash(event_id) % 7 = $part and story = $story
            """,
            {
                "at": taken_in,
                "story": story,
                "version": number % 3,
                "fields": json.dumps(CORRECTIONS[number % 3]),
                "part": number % 7,
            },
        )
        self._connection.execute(changes, given)

    def ingest(self, arrivals: list[tuple[int, int, int]]) -> None:
        """(story, hour, version): replace these hours, then say of every event which copies count."""
        connection = self._connection
        connection.register(
            "arrivals",
            pa.table(
                {
                    "story": [story for story, _, _ in arrivals],
                    "received_hour": pa.array(
                        [START + hour * HOUR for _, hour, _ in arrivals], pa.timestamp("us", "UTC")
                    ),
                    "version": [version for _, _, version in arrivals],
                }
            ),
        )
        connection.execute(
            f"""
            create or replace temp table gone as
            select events.client_id, events.event_id, events.received_hour
            from ingest.events join arrivals
            on events.received_hour = arrivals.received_hour
                and split_part(events.client_id, '-', 2) = cast(arrivals.story as varchar);

            delete from ingest.events where (client_id, event_id, received_hour) in (from gone);

            insert into ingest.events
            select {", ".join(f"lake.{name}" for name in COLUMN_TYPES["events"])}
            from ingest.lake join arrivals using (story, received_hour, version);

            delete from ingest.quarantine where (client_id, received_hour) in (
                select concat('c1-', story), received_hour from arrivals
            );
            insert into ingest.quarantine (received_hour, client_id, site_id, received_at)
            select received_hour, concat('c1-', story), 'berlin', received_hour
            from arrivals where (hour(received_hour) + version) % 3 = 0;

            insert into ingest.hours (received_hour)
            select distinct received_hour from arrivals
            where received_hour not in (select received_hour from ingest.hours);
            """
        )
        self._judge()
        connection.unregister("arrivals")

    def _judge(self) -> None:
        """Turn the marks that are wrong now, and say of those in other hours which hour turned them."""
        self._connection.execute(
            f"""
            create or replace temp table turned as
            select row_id, client_id, event_id, received_hour, is_now
            from (
                select
                    rowid as row_id, client_id, event_id, received_hour, is_duplicate,
                    coalesce(received_at - lag(received_at) over (
                        partition by client_id, event_id order by received_at, object_key, line_number
                    ) < interval {ONE_EVENT.days} day, false) as is_now
                from ingest.events
            ) where is_duplicate is distinct from is_now;

            update ingest.events set is_duplicate = turned.is_now
            from turned where turned.row_id = events.rowid;

            insert into ingest.changes
            select distinct causes.received_hour, turned.client_id, turned.event_id
            from turned join (
                from gone union
                select client_id, event_id, received_hour from ingest.events
                where (split_part(client_id, '-', 2), received_hour) in (
                    select cast(story as varchar), received_hour from arrivals
                )
            ) as causes
            on turned.client_id = causes.client_id and turned.event_id = causes.event_id
                and turned.received_hour <> causes.received_hour;
            """
        )


def run_windows(chance: random.Random, last_hour: int) -> list[tuple[int, int]]:
    """The first and last hour that each run models: every hour once, in any order, and some of them again."""
    windows = []
    first = 0
    while first <= last_hour:
        # The story's own day hour by hour, the weeks in which things come late in longer strides.
        length = chance.choice([1, 1, 2, 3, 5]) if first < 24 else chance.choice([20, 50, 120])
        windows.append((first, min(first + length, last_hour + 1) - 1))
        first += length
    windows += chance.sample(windows, len(windows) // 5)
    chance.shuffle(windows)
    return windows


@dataclass(frozen=True)
class Step:
    """What happens to one story before one of the runs: ingest, correct or settings."""

    before_run: int
    verb: str
    hour: int = 0
    number: int = 0
    """Of the version of the hour that is ingested, or of the correction."""


def story_steps(chance: random.Random, hours: set[int], windows: list[tuple[int, int]]) -> list[Step]:
    """A story's own order: each hour comes, and comes again, at any time before a run that models it.

    Every hour ends in version 1. Nothing is modelled more often than needed, because a rebuild of what is
    right already would heal what an earlier run broke.
    """

    def before_a_run_of(hour: int) -> int:
        runs = [n for n, (first, last) in enumerate(windows) if first <= hour <= last]
        return chance.randint(0, chance.choice(runs))

    steps = []
    for hour in sorted(hours):
        final = before_a_run_of(hour)
        steps.append(Step(final, "ingest", hour, 1))
        if chance.random() < 0.3:
            steps.append(Step(chance.randint(0, final), "ingest", hour, 0))
    for number in range(chance.choice([0, 0, 1, 3])):
        hour = chance.randrange(24)
        steps.append(Step(before_a_run_of(hour), "correct", hour, chance.randrange(21) + number))
    if chance.random() < 0.4:
        steps.append(Step(chance.randrange(len(windows)), "settings", number=1))
    # Of one round: an hour's earlier version before its last, and what is known of it after it.
    return sorted(steps, key=lambda step: (step.before_run, step.verb, step.hour, step.number))


def oracle_sessions(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str, datetime], str | None]:
    """(client, event id, occurred at) → session id of the kept events, by the plain rules."""
    kept = connection.execute(
        "select client_id, site_id, visitor_id, event_id, occurred_at, previous_visitor_id,"
        " nullif(regexp_extract(url, 'utm_campaign=([a-z]*)', 1), ''),"
        " event_type, view_id, seq, received_at, object_key, line_number"
        " from ingest.events where not is_duplicate"
    ).fetchall()
    sites = connection.execute(
        "select client_id, site_id, timezone, timeout_minutes, cut_at_midnight, cut_on_campaign"
        " from ingest.sites"
    ).fetchall()
    rules = {(s[0], s[1]): Rules(s[2], timedelta(minutes=s[3]), s[4], s[5]) for s in sites}
    return sessions_by_hand([Moment(*row) for row in kept], rules)


def happen(lake: Lake, steps: list[tuple[int, Step]]) -> None:
    """Hours that come twice before one run come in turn."""
    for version in (0, 1):
        arrivals = [(n, s.hour, version) for n, s in steps if (s.verb, s.number) == ("ingest", version)]
        if arrivals:
            lake.ingest(arrivals)
    for number, step in steps:
        if step.verb == "correct":
            lake.correct(number, step.hour, step.number)
        elif step.verb == "settings":
            lake.settings(number, step.number)
