"""Filters in client files: what cannot be meant is refused where the file is read."""

import pytest
import yaml
from support.client_files import Asked, client
from support.command_line import ROOT

from footfall.filters import is_time

NO_TIMES = ("notatime", "yesterday", "2026-13-01", "2026-11-31", "2026-11-20 later", "", "20", "2026")
TIMES = ("2026-11-20", "2026-11-20 14:00", "2026-11-20T14:00:00Z", "2026-11-20 14:00:00.5+02:00",
         "2026-11-20 14:00:00 Europe/Berlin", "infinity")  # fmt: skip


@pytest.fixture
def told(footfall, tmp_path):
    return Asked(footfall, tmp_path / "files")


def filtering(name, condition):
    export = {"name": "events", "dataset": "events", "cadence": "hourly", "filter": condition}
    return client(name, exports=[export])


def test_a_time_that_is_none_is_refused_with_its_file_its_line_and_what_to_write(told):
    conditions = [
        *(f"received_at > '{text}'" for text in NO_TIMES),
        "received_hour in ('2026-11-20', 'notatime')",
        "not (host = 'a' or date >= 5)",
        "date = true",
    ]
    files = [filtering(f"c{n:02d}", condition) for n, condition in enumerate(conditions)]

    in_force, wrong = told(*files)

    assert in_force == []
    for said in wrong.values():
        assert said[0].startswith("exports.1.filter, line ")
        assert "is a time and cannot be compared with" in said[0]
        assert "'2026-11-20 14:00:00+00'" in said[0]


def test_the_line_is_that_of_the_field(told, footfall):
    _, wrong = told(filtering("alpha", "received_at > 'notatime'"))

    number = int(wrong["alpha"][0].partition("line ")[2].partition(":")[0])
    line = (footfall.clients / "alpha.yaml").read_text().splitlines()[number - 1]
    assert "filter: received_at > 'notatime'" in line


def test_times_as_duckdb_reads_them_are_taken(told):
    conditions = [f"received_at > '{text}'" for text in TIMES] + ["received_at is null", "title = 'x'"]

    in_force, wrong = told(*(filtering(f"c{n}", each) for n, each in enumerate(conditions)))

    assert (len(in_force), wrong) == (len(conditions), {})


def test_the_name_of_a_column_says_whether_it_holds_times():
    """Of every column that can be delivered: a filter is judged by it before there is any table."""
    wrong = []
    for path in sorted((ROOT / "dbt_project" / "models").glob("[mr]*/*.yml")):
        for model in yaml.safe_load(path.read_text()).get("models", ()):
            for column in model["columns"]:
                is_one = column.get("data_type", "").lower() in ("timestamptz", "timestamp", "date")
                if is_one != is_time(column["name"]):
                    wrong.append((path.name, column["name"], column["data_type"]))

    assert wrong == []
