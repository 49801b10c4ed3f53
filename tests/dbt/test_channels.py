"""The channel of a session against the cases of others, by way of the models that sessions really pass."""

import csv
from datetime import UTC, datetime

#: PostHog's names for the same channels.
NAMES = {"Cross Network": "Cross-network", "Paid Unknown": "Paid Other", "Affiliate": "Affiliates"}
#: The note of every other noted case says where its suite departs from the published rules.
FOLLOWED_WITH_NOTE = "the literal text null is empty"


def test_channels_follow_the_published_rules(models, database, shared):
    with (shared / "data/channels/channel_cases.csv").open(newline="") as file:
        cases = [c for c in csv.DictReader(file) if c["kind"] == "rule"]
    followed = [c for c in cases if c["note"] in ("", FOLLOWED_WITH_NOTE)]
    models.rebuild(database)
    for case in followed:
        _add_entry(database, case)

    (sessions,) = (model for model in models.models if model.name == "int_sessions")
    rows = database.execute(f"select session_id, channel from ({sessions.whole})").fetchall()

    assert len(rows) == len(followed) >= 45
    found = dict(rows)
    wrong = {}
    for case in followed:
        name = f"{case['suite']}/{case['case']}"
        expected = NAMES.get(case["expected_channel"], case["expected_channel"])
        if found[name] != expected:
            wrong[name] = (found[name], expected)
    assert wrong == {}


def _add_entry(connection, case: dict[str, str]) -> None:
    def tag(name: str) -> str | None:
        text = case[name].strip().lower()
        return None if text in ("", "null", "(none)", "(not set)") else text

    referrer = case["referring_domain"]
    connection.execute(
        "insert into intermediate.int_events_sessionised by name"
        " select ? as session_id, ? as event_key, 'e' as event_id, 'page_view' as event_type,"
        " 'c' as client_id, 's' as site_id, ? as occurred_at, 'a.example' as host, ? as referrer_host,"
        " ? as utm_source, ? as utm_medium, ? as utm_campaign, ? as click_network",
        [
            f"{case['suite']}/{case['case']}",
            f"{case['suite']}/{case['case']}",
            datetime(2026, 3, 1, tzinfo=UTC),
            referrer if referrer and referrer != "$direct" else None,
            tag("source"),
            tag("medium"),
            tag("campaign"),
            "google" if case["click_id"] == "gclid" else None,
        ],
    )
