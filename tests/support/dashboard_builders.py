"""A small published state with a little of everything, and the dashboard over it: in process, on a socket."""

import json
import random
import re
import threading
import time
from base64 import b64decode
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from html import unescape

import pyarrow as pa
import uvicorn
from streamlit.components.v2.component_manager import BidiComponentManager
from streamlit.runtime import Runtime
from streamlit.testing.v1 import AppTest
from support.api_builders import Api, a_delivery, a_domain, an_alert
from support.mart_rows import reports_of

from dashboard.answers import Answers
from dashboard.app import HERE, build_app
from dashboard.doors import Door
from dashboard.house import House, open_house
from dashboard.links import share_secret
from dashboard.parts import OPEN
from footfall.access.dashboard import new_share
from orchestration.modelling.publishing.client import Terms

#: Days of the state; the last of them is not final.
DAYS = 40
LAST = date(2026, 11, 20)
#: A day on which pages of the blog lost what they had to say.
LOST = LAST - timedelta(days=5)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
#: Those that are installed are looked for by each AppTest anew, in every package; there are none.
_COMPONENTS = BidiComponentManager()
_SOURCES = (
    ("Organic Search", "Google", "organic", None),
    ("Direct", "(direct)", "(none)", None),
    ("Paid Search", "Google", "cpc", "autumn"),
    ("Email", "newsletter", "email", "november"),
    ("AI", "ChatGPT", "referral", None),
)
_PLACES = (
    ("DE", "Berlin", "Berlin"),
    ("US", "California", "San Francisco"),
    ("FR", "Île-de-France", "Paris"),
    ("BR", "São Paulo", "São Paulo"),
)
_DEVICES = (("desktop", "Firefox", "Linux"), ("mobile", "Safari", "iOS"), ("mobile", "Chrome", "Android"))
_STEPS = (
    ("consent", "tier2", 47),
    ("kept", "", 47),
    ("quarantined", "bad_json", 1),
    ("received", "", 50),
)
_PAGES = ("/", "/pricing", "/blog/a-post", "/basket", "/thanks")


def _sessions(site: str, seed: int) -> list[dict]:
    rng = random.Random(seed)
    rows = []
    for n in range(DAYS):
        day = LAST - timedelta(days=DAYS - 1 - n)
        for k in range(6 + n // 4 + rng.randrange(5)):
            channel, source, medium, campaign = rng.choices(_SOURCES, (5, 3, 2, 1, 1))[0]
            country, region, city = rng.choices(_PLACES, (6, 3, 2, 1))[0]
            device, browser, os = rng.choice(_DEVICES)
            views = rng.choice((1, 1, 2, 3, 5))
            started = datetime.combine(day, datetime.min.time(), UTC) + timedelta(minutes=7 * k + 60)
            rows.append(
                {
                    "site_id": site,
                    "session_id": f"{site}-s{n}-{k}",
                    "visitor_id": f"{site}-v{n}-{k % (5 + n // 4)}",
                    "date": day,
                    "started_at": started,
                    "ended_at": started + timedelta(minutes=views),
                    "channel": channel,
                    "source": source,
                    "medium": medium,
                    "campaign": campaign,
                    "country": country,
                    "region": region,
                    "city": city,
                    "device": device,
                    "browser": browser,
                    "os": os,
                    "landing_page": rng.choice(_PAGES[:3]),
                    "exit_page": rng.choice(_PAGES),
                    "page_views": views,
                    "events": views + 1,
                    "is_bounce": views == 1,
                    "duration_seconds": 0 if views == 1 else 40 * views,
                    "conversions": int(views == 5),
                    "consent_tier": 2,
                }
            )
    return rows


def _views(sessions: list[dict]) -> list[dict]:
    shared = (
        "site_id",
        "session_id",
        "visitor_id",
        "date",
        "country",
        "region",
        "city",
        "device",
        "browser",
        "os",
    )
    return [
        {
            **{each: row[each] for each in shared},
            "event_id": f"{row['session_id']}-{n}",
            "page": row["landing_page"] if n == 0 else _PAGES[n % len(_PAGES)],
            "occurred_at": row["started_at"] + timedelta(minutes=n),
        }
        for row in sessions
        for n in range(row["page_views"])
    ]


def _days(sessions: list[dict]) -> list[dict]:
    rows, site = [], sessions[0]["site_id"]
    for day in sorted({row["date"] for row in sessions}):
        of_day = [row for row in sessions if row["date"] == day]
        views = sum(row["page_views"] for row in of_day)
        bounces = sum(row["is_bounce"] for row in of_day)
        is_final = day < LAST - timedelta(days=1)
        rows.append(
            {
                "site_id": site,
                "date": day,
                "visitors": len({row["visitor_id"] for row in of_day}),
                "sessions": len(of_day),
                "page_views": views,
                "bounces": bounces,
                "bounce_rate": round(bounces / len(of_day), 4),
                "events": views * 2,
                "received": views * 2 + 3,
                "duplicates": 2,
                "quarantined": 1,
                "late_added": 3 if day == LAST - timedelta(days=3) else 0,
                "pixel_lost": 0 if day != LOST else 30 if site == "blog" else 1,
                "bot_events": 4,
                "revision": 1,
                "is_final": is_final,
            }
        )
    return rows


def _more(sessions: list[dict]) -> dict[str, list[dict]]:
    """The other reports of a site, some rows each."""
    site, day = sessions[0]["site_id"], LAST - timedelta(days=2)
    at = {"site_id": site, "date": day}
    money = {"currency": "EUR", "orders": 3, "gross": 120, "refunds": 20}
    return {
        "pages_daily": [
            {**at, "page": page, "title": f"Title of {page}", "page_views": 9 - n, "entrances": 4,
             "bounces": 1,
             "bounce_rate": 0.25, "exits": 2, "engaged_seconds": 90, "avg_engaged_seconds": 10.0,
             "avg_scroll_pct": 55.0, "scrolled_100": 2}
            for n, page in enumerate(_PAGES)
        ],
        "journeys": [
            {**at, "from_page": "/", "to_page": "/pricing", "transitions": 12, "sessions": 10, "visitors": 9},
            {**at, "from_page": "/", "to_page": "/blog/a-post", "transitions": 5, "visitors": 4},
            {**at, "from_page": "/pricing", "to_page": "/basket", "transitions": 4, "visitors": 4},
        ],
        "funnels": [
            {**at, "funnel": "buy", "step": 1, "step_name": "seen", "counted_by": "visitor", "entered": 20,
             "reached": 20, "share_of_entered": 1.0},
            {**at, "funnel": "buy", "step": 2, "step_name": "bought", "counted_by": "visitor", "entered": 20,
             "reached": 5, "share_of_entered": 0.25, "median_seconds": 90.0},
        ],
        "retention_weekly": [
            {"site_id": site, "cohort_week": date(2026, 10, 26), "weeks_later": n, "cohort_visitors": 20,
             "visitors": 20 // (n + 1), "retention": 1 / (n + 1)}
            for n in range(3)
        ],
        "revenue_daily": [{**at, **money}],
        "revenue_sources_daily": [
            {**at, **money, "channel": "Email", "source": "newsletter", "medium": "email",
             "campaign": "november"}
        ],
        "ai_traffic_daily": [
            {**at, "kind": "assistant", "name": "ChatGPT", "visits": 7, "requests": 0, "pages": 3}
        ],
        "web_vitals_daily": [
            {**at, "page": "/", "device": "mobile", "measurements": 40, "lcp_p75_ms": 2300.0,
             "inp_p75_ms": 120.0,
             "cls_p75": 0.08}
        ],
        "quality_daily": [
            {**at, "step": step, "detail": detail, "lines": lines}
            for step, detail, lines in _STEPS
        ],
        "consent_daily": [{**at, "consent_tier": 2, "events": 40, "page_views": 20, "sessions": 10}],
        "visitors": [],
    }  # fmt: skip


class Dashboard:
    """The API's state, and the dashboard over it. `door`: by which whoever looks came in."""

    def __init__(self, folder, **settings: str) -> None:
        self.api = Api(folder, **settings)
        # Months in one file each: a file a day is for others to test.
        self.api.terms = Terms(single_days=1, grace=timedelta(hours=2))
        self.service = self.api.service
        self.answers = Answers()
        self._seen: dict[str, AppTest] = {}
        self.door = Door("open")
        self.secret = share_secret(self.api.settings)
        self.canary = {"one": "/only-of-one", "two": "/only-of-two"}

    def fill(self) -> "Dashboard":
        """Publish a little of everything for `one`; for `two` sessions that nobody else may see."""
        tables: dict[str, list[dict]] = {}
        for site, seed in (("shop", 1), ("blog", 2)):
            sessions = _sessions(site, seed)
            sessions[0]["landing_page"] = self.canary["one"]
            made = {"sessions": sessions, "page_views": _views(sessions), "daily_metrics": _days(sessions)}
            for table, rows in {**made, **reports_of("one", sessions), **_more(sessions)}.items():
                tables.setdefault(table, []).extend(rows)
        self.api.publish_all(tables, "one", NOON)
        of_two = [{**row, "landing_page": self.canary["two"]} for row in _sessions("two", 3)]
        two = {"sessions": of_two, "daily_metrics": _days(of_two), **reports_of("two", of_two)}
        self.api.publish_all(two, "two", NOON)
        for client in ("one", "two"):
            self.api.installation.rows[client] = [
                a_delivery(start=f"2026-11-20T{hour:02d}:00:00.000Z", committed_at="2026-11-20T11:05:00.000Z")
                for hour in range(10)
            ]
            self.api.installation.of_domains[client] = [a_domain(f"new-of-{client}.example")]
        self.api.installation.of_alerts = [an_alert(), an_alert("delivery_failing:two:events", "two")]
        return self

    def open(self) -> None:
        """Let this be what pages of this process show."""
        open_house(House(self.service, self.secret, lambda: self.door, self.answers))

    def share(self, *pages: str, client="one", site="shop", days=30) -> str:
        """A share link's token."""
        now = self.service.now()
        return new_share(
            self.api.settings.home,
            self.secret,
            client_id=client,
            site_id=site,
            pages=pages or ("overview",),
            label="",
            made_by="test",
            now=now,
            expires_at=now + timedelta(days=days),
        )[1]

    def look(
        self, page: str = "overview", user: dict | None = None, opened: tuple[str, ...] = (), **query
    ) -> AppTest:
        """Whoever is at the door opens a page. `user`: what a provider said of them; `opened`: unfolded."""
        self.open()
        test = AppTest.from_file(HERE / "main.py", default_timeout=120)
        test._bidi_component_manager = _COMPONENTS
        test.user = user or {}
        test.query_params.update(query)
        test.session_state[OPEN] = page
        for each in opened:
            test.session_state[each] = True
        return test.run()

    def seen(self, page: str) -> AppTest:
        """A page as whoever sits at this machine sees it, to be read only: opened once."""
        if page not in self._seen:
            self.door = Door("open")
            self._seen[page] = self.look(page)
        return self._seen[page]

    def close(self) -> None:
        self.answers.close()
        self.service.close()


def drawn(script) -> AppTest:
    """What a function draws that is a script of its own, imports included."""
    test = AppTest.from_function(script, default_timeout=120)
    test._bidi_component_manager = _COMPONENTS
    return test.run()


def texts(test: AppTest) -> str:
    """All that a page says, whatever it is said by."""
    kinds = (
        "title",
        "markdown",
        "caption",
        "info",
        "warning",
        "error",
        "button",
        "table",
        "dataframe",
        "metric",
    )
    found = []
    for kind in kinds:
        for each in test.get(kind):
            value = getattr(each, "value", None)
            found.append(str(getattr(each, "label", "") or ""))
            found.append(value.to_string() if hasattr(value, "to_string") else str(value))
    found += [str(row) for row in values_of(test)]
    found += [unescape(each.proto.body) for each in test.get("html")]
    found += [each.proto.json for each in test.get("bidi_component")]
    return "\n".join(found)


def values_of(test: AppTest) -> list[dict]:
    """Every row of data that the charts of a page draw."""
    found = []
    for chart in test.get("vega_lite_chart"):
        if chart.proto.data.data:
            found += pa.ipc.open_stream(chart.proto.data.data).read_all().to_pylist()
        found += _inside(json.loads(chart.proto.spec))
    return found


@dataclass(frozen=True)
class Plot:
    """The chart over time as it was drawn. `hints`: of each point its lines; `notes`: what its signs say.

    `heights`, `below`: the labels beside and below it; `lines`: class of a path → its points.
    """

    hints: list[list[str]]
    notes: list[str]
    heights: list[str]
    below: list[str]
    lines: dict[str, list[str]]


def plot_of(test: AppTest) -> Plot:
    """The chart over time of a page."""
    [body] = [each.proto.body for each in test.get("html") if 'class="plot"' in each.proto.body]
    image = b64decode(re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', body)[0]).decode()
    hints, notes = (
        [unescape(said).split("\n") for said in re.findall(rf'class="{kind}[^>]*data-hint="([^"]*)"', body)]
        for kind in ("plot-at", "plot-note")
    )
    heights, below = (
        [unescape(each) for each in re.findall(pattern, body)]
        for pattern in (r'<span style="bottom:[^>]*>(.*?)</span>', r'<span style="left:[^>]*>(.*?)</span>')
    )
    lines = dict(re.findall(r'<path class="(\w+)"[^>]* d="([^"]*)"', image))
    points = {name: re.findall(r"[ML]([\d.-]+ [\d.-]+)", path) for name, path in lines.items()}
    return Plot(hints, [each for said in notes for each in said], heights, below, points)


def _inside(spec) -> list[dict]:
    """Rows that stand in a document of Vega-Lite."""
    if isinstance(spec, list):
        return [row for each in spec for row in _inside(each)]
    if not isinstance(spec, dict):
        return []
    values = spec.get("values")
    return list(values) if isinstance(values, list) else _inside(list(spec.values()))


@contextmanager
def served_dashboard(made: Dashboard):
    """The dashboard on a free port of this machine: its address. A process has one."""
    config = uvicorn.Config(
        build_app(made.service), host="127.0.0.1", port=0, log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    give_up = time.monotonic() + 120
    while not server.started:
        assert thread.is_alive() and time.monotonic() < give_up
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        sessions = [each.session for each in Runtime.instance()._session_mgr.list_sessions()]
        server.should_exit = True
        thread.join(60)
        # A session whose script ran to the last leaves its loop open, and Python warns of that at some time.
        for session in sessions:
            session._script_event_loop.close()
