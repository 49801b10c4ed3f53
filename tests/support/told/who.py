"""What tests/e2e/test_who_and_where_from.py tells: visitors of each kind, from each kind of place."""

import json

from support.told.story import Story

CLIENT = """\
client_id: who
name: Acme
timezone: UTC
sites:
  - site_id: who
    key: pk_who_Kd83hDs2
    domains: [who.example, xn--bcher-kva.example]
    app_user_agents: [AcmeShop/]
destination: {{url: "file://${{FOOTFALL_HOME}}/buckets/who"}}
exports:
  - {{name: events, dataset: events, cadence: {cadence}}}
  - {{name: sessions, dataset: sessions, cadence: {cadence}}}
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


def told(day: str) -> str:
    """All of them on one day."""
    lines = (
        {
            "type": "page_view",
            "id": f"event-{name}",
            "visitor": name,
            "occurred_at": f"{day}T10:10:00Z",
            "user_agent": PHONE,
            "url": f"https://who.example/{said.get('query', '')}",
            **{field: value for field, value in said.items() if field != "query"},
        }
        for name, (said, _) in EVENTS.items()
    )
    return "".join(json.dumps(line) + "\n" for line in lines)


STORY = Story(clients={"who": CLIENT.format(cadence="daily")}, files={"who": ("ndjson", told("2026-11-10"))})
