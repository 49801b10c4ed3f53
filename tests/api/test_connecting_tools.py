"""What docs/connect.md tells people to ask is answered, as the tools there would ask."""

import csv
import io
import re

import pytest
from support.api_builders import NOW, served
from support.repository import ROOT

PAGE = (ROOT / "docs" / "connect.md").read_text()
PATHS = sorted(set(re.findall(r"(?:GET |https://api\.example)(/v1/[^\s`'\"|]*[^\s`'\"|,])", PAGE)))


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with served(tmp_path_factory.mktemp("tools")) as made:
        rows = [{"date": NOW.date(), "site_id": "two", "visitors": 2, "page_views": 3}]
        made.publish("daily_metrics", rows, "two")
        yield made


def test_the_page_names_addresses():
    assert len(PATHS) >= 5


@pytest.mark.parametrize("path", PATHS)
def test_an_address_of_the_page_is_answered(api, path):
    reply = api.ask("GET", path, role="other")

    assert reply.status == 200, reply.body


def test_the_query_of_the_spreadsheet_is_a_table_with_a_head(api):
    asked = dict(re.findall(r'(\w+) = "([^"]*)"', re.search(r"Query = \[(.*)\]", PAGE)[1]))
    query = "&".join(f"{name}={value}" for name, value in asked.items())

    reply = api.ask("GET", f"/v1/timeseries?{query}", role="other", headers={"accept": "text/csv"})

    rows = list(csv.reader(io.StringIO(reply.body.decode())))
    assert rows == [["time:day", "visitors", "page_views", "final"], ["2026-11-20", "2", "3", "true"]]
