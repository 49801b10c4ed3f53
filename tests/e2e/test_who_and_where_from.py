"""Who came, on what and where from: from an import to the delivered rows."""

import csv
import json

import pytest

CLIENT = """\
client_id: acme
name: Acme
timezone: UTC
sites:
  - site_id: shop
    key: pk_acme_00000
    domains: [shop.example, xn--bcher-kva.example]
    app_user_agents: [AcmeShop/]
destination: {url: "file://${FOOTFALL_HOME}/buckets/acme"}
exports:
  - {name: events, dataset: events, cadence: hourly}
  - {name: sessions, dataset: sessions, cadence: hourly}
"""
ENGINE = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36"
PHONE = f"Mozilla/5.0 (Linux; Android 13; Pixel 7) {ENGINE}"
FIRE_TV = f"Mozilla/5.0 (Linux; Android 9; AFTMM) {ENGINE}"

#: Name → what the event says; and what is delivered: is_bot, device, the session's source and channel.
EVENTS = {
    "person": ({}, (False, "mobile", "(direct)", "Direct")),
    "television": ({"user_agent": FIRE_TV}, (False, "tv", "(direct)", "Direct")),
    "app": ({"user_agent": "AcmeShop/2.0 Dart/3.5"}, (False, "other", "(direct)", "Direct")),
    "program": ({"user_agent": "Qwjkz"}, (True, "bot", "(direct)", "Direct")),
    "asked": ({"referrer": "https://chatgpt.com/"}, (False, "mobile", "chatgpt", "AI Assistant")),
    "asked-by-tag": ({"query": "?utm_source=chatgpt.com"}, (False, "mobile", "chatgpt", "AI Assistant")),
    "tagged": ({"query": "?utm_source=ig"}, (False, "mobile", "instagram", "Organic Social")),
    "bought": (
        {"query": "?utm_source=google_ads&utm_medium=cpc"},
        (False, "mobile", "google", "Paid Search"),
    ),
    "copied": (
        {"query": "?gclid=x", "referrer": "https://l.facebook.com/"},
        (False, "mobile", "facebook", "Organic Social"),
    ),
    "mailed": ({"referrer": "https://mail.isp.example/"}, (False, "mobile", "mail.isp.example", "Email")),
    "shown": ({"referrer": "https://trc.taboola.com/"}, (False, "mobile", "taboola", "Display")),
    "from-app": ({"referrer": "android-app://com.slack/"}, (False, "mobile", "slack", "Referral")),
    "own": ({"referrer": "https://bücher.example/"}, (False, "mobile", "(direct)", "Direct")),
}  # fmt: skip


@pytest.fixture
def acme(installation, tmp_path):
    """An installation with one client."""
    folder = tmp_path / "clients"
    folder.mkdir()
    (folder / "acme.yaml").write_text(CLIENT)
    installation.environment["FOOTFALL_CLIENTS"] = str(folder)
    return installation


def delivered(installation, export):
    return [
        row
        for path in sorted((installation.home / "buckets" / "acme" / export).glob("**/*.csv"))
        for row in csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())
    ]


@pytest.mark.parametrize("day", ["2026-11-20", "1995-07-01"])
def test_who_came_and_where_from_is_delivered_as_it_was_also_of_the_last_century(acme, tmp_path, day):
    lines = [
        {
            "type": "page_view",
            "id": f"event-{name}",
            "visitor": name,
            "occurred_at": f"{day}T10:10:00Z",
            "user_agent": PHONE,
            "url": f"https://shop.example/{said.pop('query', '')}",
            **said,
        }
        for name, said in ((name, dict(said)) for name, (said, _) in EVENTS.items())
    ]
    path = tmp_path / "events.ndjson"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    taken = acme.run("import", str(path), "--client", "acme", "--format", "ndjson")
    assert taken.returncode == 0, taken.stderr

    ran = acme.run("run", "--from", f"{day}T10", "--to", f"{day}T11")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    sessions = {row["session_id"]: row for row in delivered(acme, "sessions")}
    found = {
        row["event_id"].removeprefix("event-"): (
            row["is_bot"] == "true",
            row["device"],
            sessions[row["session_id"]]["source"],
            sessions[row["session_id"]]["channel"],
        )
        for row in delivered(acme, "events")
    }
    assert found == {name: expected for name, (_, expected) in EVENTS.items()}
