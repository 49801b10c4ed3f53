"""Who is meant by an id, and which events name him though they are somebody else's."""

import duckdb
import pytest
from support.repository import ROOT

from orchestration.privacy.person import MOST_NAMING, _find_naming

USER, ODD = "anna-user-4711", "auth0|Anna Müller"
NAMES = {
    "a parameter": ("https://shop.example/?by=anna-user-4711&x=1", None),
    "a path": ("https://shop.example/u/anna-user-4711/", None),
    "an address in an address": ("https://shop.example/?next=%2Fu%3Fby%3Danna-user-4711", None),
    "beside what is no text": ("https://shop.example/?a=%ff%fe&next=%3Danna-user-4711", None),
    "a property": (None, '{"invited_by":"anna-user-4711"}'),
    "percent-encoded": ("https://shop.example/?by=auth0%7CAnna%20M%C3%BCller", None),
    "in small letters": (None, '{"by":"auth0%7cAnna%20M%c3%bcller"}'),
    "with a plus": ("https://shop.example/?by=auth0%7CAnna+M%C3%BCller", None),
    "twice encoded": ("https://shop.example/?next=by%3Dauth0%257CAnna%2520M%25C3%25BCller", None),
    "escaped": (None, '{"by":"auth0|Anna M\\u00fcller"}'),
}
NOBODY = {
    "another": ("https://shop.example/?by=anna-user-47112", None),
    "of another client": ("https://shop.example/?by=anna-user-4711", None),
    "short": ("https://shop.example/?by=4711", None),
}
#: What docs/privacy.md says is not found: form → (an address, how the page names it).
NOT_FOUND = {
    "base64": ("https://shop.example/?d=YW5uYS11c2VyLTQ3MTE", "in base64"),
    "other letters": ("https://shop.example/?by=ANNA-USER-4711", "in other letters"),
    "glued": ("https://shop.example/?of=order-anna-user-4711-1", "glued to others"),
    "hexadecimal": ("https://shop.example/?h=616e6e612d757365722d34373131", "in hexadecimal"),
    "encoded three times": ("https://shop.example/?n=%25253Danna%25252Duser", "encoded three times"),
    "in part": ("https://shop.example/?by=anna-user", "in part"),
}


@pytest.fixture
def warehouse():
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE events (client_id VARCHAR, event_id VARCHAR, url VARCHAR, properties VARCHAR); "
            "CREATE TEMP TABLE their_events (event_id VARCHAR, session_id VARCHAR); "
            "CREATE TEMP TABLE named_ids (kind VARCHAR, id VARCHAR)"
        )
        ids = [("user", USER), ("user", ODD), ("user", "4711"), ("event", "shop.example")]
        connection.executemany("INSERT INTO named_ids VALUES (?, ?)", ids)
        yield connection


def test_events_of_others_that_name_a_person_in_any_form_are_found_and_no_others(warehouse):
    for name, texts in (NAMES | NOBODY).items():
        client = "beta" if name == "of another client" else "acme"
        warehouse.execute("INSERT INTO events VALUES (?, ?, ?, ?)", [client, name, *texts])

    assert _find_naming(warehouse, "acme") == len(NAMES)

    found = {name for (name,) in warehouse.execute("SELECT event_id FROM their_events").fetchall()}
    assert found == set(NAMES)


def test_what_is_not_found_is_what_the_page_on_privacy_says(warehouse):
    page = (ROOT / "docs" / "privacy.md").read_text().partition("Not found:")[2].partition("\n- ")[0]
    for name, (address, _) in NOT_FOUND.items():
        warehouse.execute("INSERT INTO events VALUES ('acme', ?, ?, NULL)", [name, address])

    assert _find_naming(warehouse, "acme") == 0

    assert [said for _, said in NOT_FOUND.values() if said not in page] == []


def test_an_id_that_is_a_word_of_the_site_takes_nobodys_events(warehouse):
    warehouse.execute(
        f"INSERT INTO events SELECT 'acme', CAST(n AS VARCHAR), '/?by={USER}', NULL "
        f"FROM range({MOST_NAMING + 1}) AS t(n)"
    )
    warehouse.execute("INSERT INTO events VALUES ('acme', 'one', '/', ?)", [f'{{"by":"{ODD}"}}'])

    assert _find_naming(warehouse, "acme") == 1
