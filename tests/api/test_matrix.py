"""Every route × role × client, from the table of routes: one without a rule, or with a looser one, fails."""

import re
from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute
from support.api_builders import a_delivery, a_domain, an_alert, served
from support.api_erasures import LINK

from api.app import ROUTES
from api.routing import ASSIST, PERMISSION, REACH

#: Values of parameters of paths, such that there is something.
VALUES = {
    "export": "events",
    "name": "events",
    "period_start": "2026-11-20T10:00:00Z",
    "run_id": "run1",
    "domain": "new.example",
    "key": "delivery_failing:one:events",
    "num_events": "5",
    "event_id": "0192f3c8-abcd",
    "visitor_id": "v1",
    "erasure_id": "erasure-of-one",
    "request_id": "request-of-one",
    "link": LINK,
}
BODIES = {
    "/v1/query": {"site_id": "shop", "metrics": ["visitors"], "date_range": "7d"},
    "/v1/exports/{name}/run": {"from": "2026-11-20T10:00:00Z", "to": "2026-11-20T11:00:00Z"},
    "/v1/alerts/{key}/ack": {},
    "/v1/privacy/erasures": {"ids": [{"kind": "user", "value": "4711"}]},
    "/v1/privacy/requests/{request_id}/confirm": {},
    "/v1/privacy/requests/{request_id}/refuse": {"because": "nobody knows them"},
    "/v1/sample-data": {"events": 5, "site_id": "shop"},
    "/v1/events/{event_id}/enrichment": {"fields": {"country": "SE"}},
    "/events/{event_id}/enrich/": {"additional_properties": {"country": "SE"}},
}
#: Of pages for people.
FORMS = {"/v1/privacy/form/{link}": b"wanted=erasure&user=4711&ticket=t"}
QUERIES = {"/v1/breakdown": "dimension=visit:channel"}
#: What each role may do.
MAY = {
    "read": {"read"},
    "write": {"write"},
    "admin": {"read", "write", "admin"},
    "site": {"read"},
    "assist": set(),
    "other": {"read", "write", "admin"},
    "operator": {"read", "write", "admin"},
}
#: Keys of one site.
NARROW = ("write", "site")


def _routes() -> Iterator[APIRoute]:
    for routes in ROUTES:
        yield from (route for route in routes.router.routes if isinstance(route, APIRoute))


TABLE = [(next(iter(route.methods)), route) for route in _routes()]
NAMES = [f"{method} {route.path}" for method, route in TABLE]
#: Those that are about a client.
ABOUT = [(method, route) for method, route in TABLE if route.openapi_extra[REACH] not in ("open", "key")]


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with served(tmp_path_factory.mktemp("matrix")) as made:
        for client in ("one", "two"):
            made.installation.rows[client] = [a_delivery()]
            made.installation.manifests[client, "events"] = b'{"client": "%s"}' % client.encode()
            made.installation.of_domains[client] = [a_domain()]
            rows = [{"visitor_id": "v1", "session_id": f"of-{client}", "date": "2026-11-19"}]
            site = "shop" if client == "one" else "two"
            made.publish("sessions", [row | {"site_id": site} for row in rows], client)
        made.installation.of_alerts = [an_alert()]
        made.installation.done = [("run", "one", "events", ())]
        yield made


def ask(api, method, route, role, client=None):
    path = re.sub(r"{(\w+)(:path)?}", lambda found: VALUES[found[1]], route.path)
    queries = [QUERIES.get(route.path, ""), f"client={client}" if client else ""]
    query = "&".join(each for each in queries if each)
    form = FORMS.get(route.path) if method == "POST" else None
    body = form or BODIES.get(route.path.replace(":path", ""))
    headers = {"content-type": "application/x-www-form-urlencoded"} if form else None
    return api.ask(method, path + (f"?{query}" if query else ""), role=role, body=body, headers=headers)


def test_the_routes_of_the_application_are_those_of_the_table_and_each_has_a_rule(api):
    shown = {(method, path) for path, found in api.app.openapi()["paths"].items() for method in found}

    assert {(method.lower(), route.path.replace(":path", "")) for method, route in TABLE} == shown
    assert all({REACH, PERMISSION} <= set(route.openapi_extra) for _, route in TABLE)
    assert [route.path for _, route in TABLE if route.openapi_extra[REACH] == "open"] == [
        "/health",
        "/openapi.json",
        "/docs",
        "/v1/privacy/form/{link}",
        "/v1/privacy/form/{link}",
    ]


@pytest.mark.parametrize(("method", "route"), TABLE, ids=NAMES)
def test_nobody_without_a_key_gets_further_than_the_door(api, method, route):
    reply = ask(api, method, route, None)

    assert reply.status == (200 if route.openapi_extra[REACH] == "open" else 401)


@pytest.mark.parametrize(("method", "route"), TABLE, ids=NAMES)
@pytest.mark.parametrize("role", list(MAY))
def test_a_role_gets_what_its_permission_and_reach_allow_and_nothing_else(api, method, route, role):
    reach, permission = route.openapi_extra[REACH], route.openapi_extra[PERMISSION]

    reply = ask(api, method, route, role, "one" if role == "operator" else None)

    if reach == "open":
        assert reply.status == 200
    elif role == "assist" and route.openapi_extra[ASSIST]:
        assert reply.status == 200 or reply.json["code"] in ("unknown_funnel", "invalid")
    elif permission and permission not in MAY[role]:
        assert (reply.status, reply.json["code"]) == (403, "permission_denied")
    elif reach in ("client", "whole") and role in NARROW:
        assert (reply.status, reply.json["code"]) == (403, "site_key")
    else:
        assert reply.status not in (401, 403)
        assert reply.status < 500 or reply.json["code"] == "unavailable"


@pytest.mark.parametrize(("method", "route"), ABOUT, ids=lambda each: getattr(each, "path", each))
@pytest.mark.parametrize(("role", "named"), [("admin", "two"), ("other", "one"), ("operator", "nobody")])
def test_no_key_reaches_another_client_by_naming_it(api, method, route, role, named):
    reply = ask(api, method, route, role, named)

    assert (reply.status, reply.json["code"]) == (404, "unknown_client")


@pytest.mark.parametrize(("method", "route"), TABLE, ids=NAMES)
def test_the_operator_says_whom_it_is_about_where_it_is_about_one(api, method, route):
    reach = route.openapi_extra[REACH]

    reply = ask(api, method, route, "operator")

    if reach in ("site", "client"):
        assert (reply.status, reply.json["code"], reply.json["possible"]) == (
            422,
            "client_missing",
            ["one", "two"],
        )
    else:
        assert reply.status in (200, 404)


@pytest.mark.parametrize("role", ["read", "other"])
def test_the_same_question_has_each_clients_own_answer(api, role):
    whose = {"read": "one", "other": "two"}[role]

    seen = api.ask("GET", "/v1/visitors/v1", role=role).json
    manifest = api.ask("GET", "/v1/deliveries/events/2026-11-20T10:00:00Z/manifest", role=role).json

    assert [each["session_id"] for each in seen["sessions"]] == [f"of-{whose}"]
    assert manifest == {"client": whose}


def test_a_key_of_one_site_sees_that_site_alone(api):
    assert [each["site_id"] for each in api.ask("GET", "/v1/sites", role="site").json["sites"]] == ["shop"]
    for path in (
        "/v1/quality?site_id=blog",
        "/v1/timeseries?site_id=blog.example",
        "/v1/realtime?site_id=blog",
    ):
        reply = api.ask("GET", path, role="site")
        assert (reply.status, reply.json["code"], reply.json["possible"]) == (404, "unknown_site", ["shop"])
