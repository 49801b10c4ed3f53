"""CSV of the API: when it is given, how its pages follow, and what its headers and cells say."""

import csv
import io
from urllib.parse import urljoin

import pytest
from support.api_builders import NOW, a_delivery, served

TODAY = NOW.date()
CSV = {"accept": "text/csv"}
BODY = {"site_id": "shop", "metrics": ["sessions"], "date_range": "7d", "dimensions": ["visit:country"]}


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with served(tmp_path_factory.mktemp("csv")) as made:
        yield made


def rows_of(reply):
    assert (reply.status, reply.headers["content-type"]) == (200, "text/csv; charset=utf-8"), reply.body
    return list(csv.reader(io.StringIO(reply.body.decode())))[1:]


def publish(api, count: int) -> list[str]:
    names = [f"C{n:02}" for n in range(count)]
    api.publish_sessions(
        [{"session_id": name, "visitor_id": name, "date": TODAY, "country": name} for name in names]
    )
    return names


def test_the_link_of_a_page_is_the_whole_address_of_the_next(api):
    names = publish(api, 5)
    path = "/v1/breakdown?dimension=visit:country&metrics=sessions&site_id=shop&date_range=7d&limit=2"

    seen = []
    while path:
        reply = api.ask("GET", path, headers=CSV)
        seen += [row[0] for row in rows_of(reply)]
        target, _, rest = reply.headers.get("link", "").partition(">")
        assert rest in ("", '; rel="next"')
        path = urljoin(path, target.removeprefix("<")) if target else None

    assert seen == names


def test_deliveries_too_are_followed_by_their_link(api):
    api.installation.rows["one"] = [a_delivery(start=f"2026-11-20T0{n}:00:00.000Z") for n in range(5)]
    path = "/v1/deliveries?export=events&limit=2"

    seen = []
    while path:
        reply = api.ask("GET", path, headers=CSV)
        seen += rows_of(reply)
        target = reply.headers.get("link", "").partition(">")[0]
        path = urljoin(path, target.removeprefix("<")) if target else None

    assert len(seen) == len({tuple(row) for row in seen}) == 5


def test_a_question_in_a_body_is_given_the_cursor_and_no_address(api):
    names = publish(api, 5)

    seen, cursor = [], None
    while True:
        body = {**BODY, "pagination": {"limit": 2}, "cursor": cursor}
        reply = api.ask("POST", "/v1/query", body=body, headers=CSV)
        seen += [row[0] for row in rows_of(reply)]
        assert "link" not in reply.headers
        cursor = reply.headers.get("x-footfall-next")
        if cursor is None:
            break

    assert seen == names


def test_headers_say_what_the_numbers_stand_on(api):
    publish(api, 1)
    api.reach("one", NOW)

    for reply in (
        api.ask("POST", "/v1/query", body=BODY, headers=CSV),
        api.ask("GET", "/v1/quality?site_id=shop", headers=CSV),
    ):
        said = {name: reply.headers.get(f"x-footfall-{name}") for name in ("timezone", "sampling", "final")}
        assert said == {"timezone": "UTC", "sampling": "none", "final": "false"}
        assert reply.headers["x-footfall-complete-through"] == "2026-11-20T12:00:00.000Z"
        assert "x-footfall-model-versions" in reply.headers


@pytest.mark.parametrize(
    ("accept", "is_csv"),
    [
        ("text/csv", True),
        ("TEXT/CSV; charset=utf-8", True),
        ("text/csv, application/json", True),
        ("application/json, text/csv", False),
        ("application/json;q=0.5, text/csv", True),
        ("text/csv;q=0.5, application/json", False),
        ("text/csv;q=0", False),
        ("text/csv;q=many", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_it_is_csv_where_accept_prefers_it(api, accept, is_csv):
    reply = api.ask("POST", "/v1/query", body=BODY, headers={"accept": accept})

    assert reply.headers["content-type"].startswith("text/csv" if is_csv else "application/json")


RUN = ["=1", "+1", "-1", "@a", "\t=1", "\n=1", "＝1", "＋1", "－1", "＠a", "'=1", "''=1"]
AS_THEY_ARE = ["a=1", "'a", "''", "1", "/"]


def test_texts_that_a_spreadsheet_would_run_are_guarded_as_in_delivered_files_and_no_others(api):
    api.publish_sessions(
        [
            {"session_id": str(n), "visitor_id": "v", "date": TODAY, "country": text}
            for n, text in enumerate([*RUN, *AS_THEY_ARE])
        ]
    )

    cells = {row[0] for row in rows_of(api.ask("POST", "/v1/query", body=BODY, headers=CSV))}

    assert cells == {*(f"'{text}" for text in RUN), *AS_THEY_ARE}
