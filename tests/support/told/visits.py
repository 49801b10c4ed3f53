"""What tests/e2e/test_rules_of_visits.py tells: visits with their reports, and one log in two forms."""

from support.told.story import AGENT, Story, client_of_one_site, shared_cases, told_event

#: A site for each way in which the same log is read, one for what this file tells, one for the shared cases.
SITES = ("visits", "edge", "server", "shop")

TOLD = [
    # Within one second, out of the order of their numbers; one came without a number.
    told_event("01:00:00", "orders", page="/second", seq=2, view_id="a", id="aaaaaaaa-2"),
    told_event("01:00:00", "orders", page="/first", seq=1, view_id="a", id="zzzzzzzz-1"),
    told_event("01:00:00", "orders", page="/server", id="mmmmmmmm-0"),
    # Read for forty minutes; the click after it is of the same visit.
    told_event("02:00:00", "reads", page="/?utm_source=news&utm_medium=email", view_id="long"),
    told_event(
        "02:40:00", "reads", "engagement", view_id="long", props={"engaged_ms": 2_400_000, "scroll": 90}
    ),
    told_event("03:05:00", "reads", page="/next", view_id="after"),
    # What is told about a view comes in another hour, before it, or about none.
    told_event("04:59:59", "stays", page="/stay", view_id="stay"),
    told_event("05:40:00", "stays", "web_vitals", view_id="stay", props={"lcp_ms": 900}),
    told_event("05:50:00", "nobody", "consent", view_id="no-such-view", props={"from": 1, "to": 3}),
    told_event("05:50:00", "nobody", "engagement", props={"engaged_ms": 5_000}),
    # A campaign inside a direct visit, and the way back from a payment.
    told_event("07:00:00", "pays", page="/cart"),
    told_event("07:05:00", "pays", page="/offer?utm_source=letter&utm_medium=email&utm_campaign=may"),
    told_event("07:10:00", "pays", page="/thanks", referrer="https://www.paypal.com/checkout"),
    told_event("08:00:00", "returns", page="/thanks", referrer="https://accounts.google.com/signin"),
    # Purchases by each name.
    told_event("06:00:00", "buys", "purchase_completed"),
    told_event("06:00:01", "buys", "order_completed"),
]
#: Four pages and a picture that two people ask for, one of them twice within the timeout.
REQUESTS = [
    ("10:00:00", "198.51.100.7", "/"),
    ("10:00:01", "198.51.100.7", "/logo.png"),
    ("10:20:00", "198.51.100.7", "/more"),
    ("11:00:00", "198.51.100.7", "/again"),
    ("10:05:00", "198.51.100.8", "/"),
    ("10:45:00", "198.51.100.9", "/style.css"),
]


def _cloudfront() -> str:
    fields = "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer)"
    head = f"#Version: 1.0\n#Fields: {fields} cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type\n"
    agent = AGENT.replace(" ", "%20")
    lines = (
        [
            "2026-11-10",
            at,
            "FRA56",
            "100",
            address,
            "GET",
            "edge.example",
            page,
            "200",
            "-",
            agent,
            "-",
            "-",
            "Hit",
        ]
        for at, address, page in REQUESTS
    )
    return head + "".join("\t".join(line) + "\n" for line in lines)


def _combined() -> str:
    return "".join(
        f'{address} - - [10/Nov/2026:{at} +0000] "GET {page} HTTP/1.1" 200 100 "-" "{AGENT}"\n'
        for at, address, page in REQUESTS
    )


#: The shared cases that these rules are about.
VISITS = (
    "same_second",
    "same_second_without_ids",
    "long_reading",
    "late_engagement",
    "campaign_inside_a_session",
)
STORY = Story(
    clients={client: client_of_one_site(client) for client in SITES},
    files={
        "visits": ("ndjson", "\n".join(TOLD) + "\n"),
        "edge": ("cloudfront", _cloudfront()),
        "server": ("combined", _combined()),
        "shop": ("ndjson", shared_cases(*VISITS)),
    },
)
