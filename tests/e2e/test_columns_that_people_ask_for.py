"""Columns, breakdowns, what is learnt later, saved questions: from HTTP, imports and a log to rows."""

import csv
import io
import json
import time
from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from support.collectors import CollectorProcess, free_port
from support.waiting import wait_until

SITE_KEY = "pk_acme_Kd83hDs2"
CLIENT = f"""\
client_id: acme
name: Acme
timezone: Europe/Berlin
sites:
  - site_id: shop
    key: {SITE_KEY}
    domains: [shop.example]
    properties: [plan, "lead score"]
destination: {{url: "file://${{FOOTFALL_HOME}}/buckets/acme"}}
exports:
  - {{name: events, dataset: events, cadence: hourly, format: jsonl}}
  - {{name: views, dataset: page_views, cadence: hourly, format: jsonl}}
  - name: leads
    dataset: events
    cadence: hourly
    format: jsonl
    columns: [event_id, props, learnt]
    filter: "learnt.'lead score' >= 80 or props.plan = 'team' and event_type = 'signup'"
"""
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
#: What a page sends that says everything it can, and more than anybody asked for.
SENT = {
    "id": "sent-event-0001",
    "type": "page_view",
    "url": "https://shop.example/a?utm_source=letter&utm_medium=email&utm_term=Red%20Shoes&UTM_CONTENT=top",
    "title": "A",
    "referrer": "https://www.google.com/",
    "occurred_at": 1,
    "view_id": "019aa000-0000-7000-8000-000000000001",
    "seq": 3,
    "screen": "1920x1080",
    "viewport": "1280x720",
    "lang": "de-DE",
    "tz": "Europe/Berlin",
    "nav": "load",
    "consent": 1,
    "props": {"plan": "team", "nested": {"a": [1, 2]}},
    "of_their_own": {"deep": {"er": True}},
    "experiment": "B",
}
#: Day, time, type, more: events of another tool, imported.
TOLD = [
    ("event-read", "page_view", {"view_id": "v-read", "viewport": {"width": 390, "height": 844}}),
    ("event-scroll", "engagement", {"view_id": "v-read", "props": {"engaged_ms": 5000, "scroll": 60}}),
    ("event-click-1", "click", {"props": {"tag": "button", "id": "buy", "text": "Buy"}}),
    ("event-click-2", "click", {"props": {"tag": "button", "id": "buy", "text": "Buy"}}),
    ("event-signup", "signup", {"props": {"plan": "team"}}),
    ("event-other", "signup", {"props": {"plan": "free"}}),
]  # fmt: skip
LEARNT = [
    {"event_id": "event-other", "properties": {"lead score": 85, "segment": "enterprise", "paid": True}},
    {"event_id": "event-other", "version": 2, "fields": {"country": "SE"}, "properties": {"segment": None}},
]
HOUR = "2026-11-20T10"


def _cloudfront() -> str:
    fields = "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer)"
    head = f"#Version: 1.0\n#Fields: {fields} cs(User-Agent) cs-uri-query time-taken x-edge-result-type\n"
    line = [
        "2026-11-20",
        "10:30:00",
        "FRA56",
        "2048",
        "198.51.100.7",
        "GET",
        "shop.example",
        "/logged",
        "200",
    ]
    return head + "\t".join([*line, "-", AGENT.replace(" ", "%20"), "-", "0.125", "Hit"]) + "\n"


class Came:
    """The installation behind it all, and ways to look at it."""

    def __init__(self, installation):
        self.installation = installation

    def footfall(self, *arguments):
        done = self.installation.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def rows(self, query):
        with duckdb.connect(str(self.installation.home / "warehouse.duckdb"), read_only=True) as warehouse:
            warehouse.execute("SET TimeZone = 'UTC'")
            return warehouse.execute(query).fetchall()

    def delivered(self, export):
        """Event id → row, of the newest revision of each hour."""
        folder = self.installation.home / "buckets" / "acme" / export
        newest = {}
        for path in sorted(folder.glob("**/*.jsonl")):
            newest[path.parent.parent] = path
        lines = [line for path in newest.values() for line in path.read_text().splitlines()]
        return {row["event_id"]: row for row in map(json.loads, lines)}

    def asked(self, question, *arguments):
        return list(
            csv.DictReader(io.StringIO(self.footfall("ask", question, "--client", "acme", *arguments)))
        )


@pytest.fixture(scope="module")
def came(installation_of_module, tmp_path_factory):
    installation, folder = installation_of_module, tmp_path_factory.mktemp("acme")
    (folder / "clients").mkdir()
    (folder / "clients" / "acme.yaml").write_text(CLIENT)
    installation.environment["FOOTFALL_CLIENTS"] = str(folder / "clients")
    found = Came(installation)
    files = {
        "events.ndjson": "".join(
            json.dumps(
                {
                    "id": name,
                    "type": kind,
                    "visitor": "anna",
                    "user_agent": AGENT,
                    "occurred_at": f"2026-11-20T10:10:0{n}Z",
                    "url": "https://shop.example/read",
                    **more,
                }
            )
            + "\n"
            for n, (name, kind, more) in enumerate(TOLD)
        ),
        "edge.log": _cloudfront(),
        "learnt.ndjson": "".join(json.dumps(line) + "\n" for line in LEARNT),
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    found.footfall("import", str(folder / "events.ndjson"), "--client", "acme", "--format", "ndjson")
    found.footfall("import", str(folder / "edge.log"), "--client", "acme", "--format", "cloudfront")
    found.footfall("run", "--from", HOUR, "--to", "2026-11-20T11")
    found.before = found.delivered("leads"), found.asked("property_values")
    began = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    found.footfall("enrich", str(folder / "learnt.ndjson"), "--client", "acme")
    _send(installation, folder / "clients")
    ends = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    found.footfall("run", "--open", "--from", f"{began:%Y-%m-%dT%H}", "--to", f"{ends:%Y-%m-%dT%H}")
    # The hour that was learnt of, once more.
    found.footfall("run", "--from", HOUR, "--to", "2026-11-20T11")
    return found


def _send(installation, clients):
    """What a page sends, over HTTP, into the lake of the installation."""
    settings = {"FOOTFALL_SEGMENT_SECONDS": "1", "FOOTFALL_CLIENTS": str(clients)}
    collector = CollectorProcess(installation.home, port=free_port(), settings=settings).start()
    try:
        now = int(time.time() * 1000)
        body = {"site": SITE_KEY, "sent_at": now, "events": [SENT | {"occurred_at": now}]}
        reply = collector.ask("POST", "/collect", json.dumps(body).encode(), {"user-agent": AGENT})
        assert reply.status == 204
        wait_until(
            lambda: any(b"sent-event-0001" in line for line in _lake_lines(installation.home)),
            "the segment is not shipped",
        )
    finally:
        collector.end()


def _lake_lines(home):
    from support.collectors import lake_lines

    return lake_lines(home / "lake")


def test_nothing_that_a_page_sent_is_missing_from_what_its_owner_can_order(came):
    columns = [row[0] for row in came.rows("DESCRIBE SELECT * FROM events")]
    [row] = came.rows("SELECT * FROM events WHERE event_id = 'sent-event-0001'")
    row = dict(zip(columns, row, strict=True))

    named = {"id": "event_id", "type": "event_type", "lang": "language"}
    rest, props = json.loads(row["payload"]), json.loads(row["props"])
    for field, value in SENT.items():
        if field == "occurred_at":
            assert abs(rest[field] / 1000 - row["occurred_at"].timestamp()) < 60
        elif field == "props":
            assert props == value
        elif field in rest:
            assert rest[field] == value
        else:
            assert row[named.get(field, field)] == value, field
    assert row["viewport"] == "1280x720"


def test_payload_and_what_was_learnt_are_delivered_with_the_event(came):
    delivered = came.delivered("events")

    assert json.loads(delivered["event-signup"]["payload"])["occurred_at"]
    assert json.loads(delivered["event-other"]["learnt"]) == {"lead score": 85, "paid": True}
    assert delivered["event-other"]["country"] == "SE"
    assert delivered["event-signup"]["learnt"] is None


def test_a_filter_asks_for_properties_as_they_were_sent_and_as_they_were_learnt(came):
    before, after = came.before[0], came.delivered("leads")

    assert set(before) == {"event-signup"}
    assert set(after) == {"event-signup", "event-other"}


def test_events_are_broken_down_by_the_properties_that_the_site_names(came):
    def of(rows):
        return {(row["property"], row["value"]): int(row["events"]) for row in rows}

    assert of(came.before[1]) == {("plan", "team"): 1, ("plan", "free"): 1}
    only = ("--from", "2026-11-20", "--to", "2026-11-20")
    assert of(came.asked("property_values", *only)) == {
        ("plan", "team"): 1,
        ("plan", "free"): 1,
        ("lead score", "85"): 1,
    }


def test_a_page_view_has_browser_system_place_window_and_of_a_log_what_the_edge_said(came):
    views = came.delivered("views")
    [logged] = [view for view in views.values() if view["page"] == "/logged"]

    assert (views["event-read"]["browser"], views["event-read"]["os"]) == ("Firefox", "Linux")
    assert views["event-read"]["viewport"] == "390x844"
    assert {"country", "region", "city"} <= set(logged)
    said = [logged[each] for each in ("method", "status", "edge_location", "edge_result", "bytes_sent")]
    assert said == ["GET", 200, "FRA56", "Hit", 2048]
    assert (logged["origin"], logged["time_taken"]) == ("cloudfront", 0.125)
    assert views["event-read"]["status"] is None


def test_terms_and_contents_of_campaigns_come_through_to_the_sources(came):
    [row] = came.asked("campaign_terms") or [None]

    assert row is None  # without a campaign there is none
    assert came.rows("SELECT source, term, content FROM sources_daily WHERE source = 'letter'") == [
        ("letter", "red shoes", "top")
    ]


def test_views_are_counted_by_how_far_down_they_were_read(came):
    [row] = [row for row in came.asked("scroll_depth") if row["page"] == "/read"]

    shares = [float(row[each]) for each in ("to_25", "to_50", "to_75", "to_the_end")]
    assert shares == [1, 1, 0, 0]


def test_clicks_are_counted_by_page_and_element(came):
    [row] = came.asked("most_clicked")

    assert (row["page"], row["tag"], row["element_id"], row["text"], row["clicks"]) == (
        "/read",
        "button",
        "buy",
        "Buy",
        "2",
    )


def test_a_page_is_active_for_thirty_days_up_to_the_newest_day_of_its_site(came):
    found = came.rows("SELECT page, is_active FROM url_metadata ORDER BY page")

    assert found == [("/a", True), ("/logged", True), ("/read", True)]


def test_a_question_is_asked_of_days_and_hours_are_those_of_the_site(came):
    of_day = came.asked("hourly_pattern", "--site", "shop", "--from", "2026-11-20", "--to", "2026-11-20")

    assert [(row["weekday"], row["hour"], row["page_views"]) for row in of_day] == [("5", "11", "2")]
    assert came.asked("daily_views", "--to", "2026-11-19") == []


def test_a_question_that_cannot_be_asked_says_what_to_write(came):
    for arguments, said in (
        (("top_page",), "near are top_pages"),
        (("top_pages", "--client", "nobody"), "nobody"),
        (("top_pages", "--client", "acme", "--site", "blog"), "there are shop"),
        (("top_pages", "--from", "2026-11-20", "--to", "2026-11-19"), "is after"),
        (("top_pages", "--from", "yesterday"), "is not a day"),
    ):
        done = came.installation.run("ask", *arguments)
        assert done.returncode == 1, arguments
        assert said in done.stderr and done.stderr.count("\n") == 1, done.stderr
