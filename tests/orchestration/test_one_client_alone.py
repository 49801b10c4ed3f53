"""What one client's file or history holds stops that client at most, and its absence heals."""

import json
import re

import duckdb
import pytest
from support.frozen_state import NEXT_HOUR, rebuilt

from footfall import zones
from footfall.clients import load_registry
from orchestration.partitions import zone_name

FILE = """\
client_id: {name}
name: {name}
timezone: {timezone}
sites: [{{site_id: shop, key: pk_{name}_00000, domains: [{name}.example]}}]
destination: {{url: "file://${{FOOTFALL_HOME}}/buckets/{name}"}}
exports: [{{name: events, dataset: events, cadence: daily}}]
"""


def test_a_client_file_may_name_every_zone_of_the_package(tmp_path):
    names = sorted(zones.names())
    sites = [
        {"site_id": f"s{n}", "key": f"pk_{n:05}", "domains": [f"s{n}.example"], "timezone": zone}
        for n, zone in enumerate(names)
    ]
    text = FILE.format(name="every", timezone="UTC")
    own = text.partition("sites: ")[2].partition("\n")[0]
    (tmp_path / "every.yaml").write_text(text.replace(own, json.dumps(sites)))
    [client] = load_registry(tmp_path).clients

    assert {site.timezone for site in client.sites} == set(names)


def test_no_two_zones_have_one_name_in_dagster():
    names = zones.names()

    assert len({zone_name(zone) for zone in names}) == len(names)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """After a run over a warehouse in which one client left an unknown zone, and its file names one."""
    state = rebuilt(tmp_path_factory, tmp_path_factory.mktemp("one"))
    with duckdb.connect(str(state.home / "warehouse.duckdb")) as connection:
        connection.execute("UPDATE ingest.sites SET timezone = 'localtime' WHERE client_id = 'agency'")
    agency = state.folder / "clients" / "agency.yaml"
    agency.write_text(agency.read_text().replace("Europe/Berlin", "localtime"))
    # Two zones that Dagster's names once could not tell apart.
    for name, zone in (("west", "Etc/GMT+5"), ("east", "Etc/GMT-5")):
        (state.folder / "clients" / f"{name}.yaml").write_text(FILE.format(name=name, timezone=zone))
    return state, state.footfall("run", "--from", NEXT_HOUR[0], "--to", NEXT_HOUR[1])


def test_a_zone_that_the_warehouse_does_not_know_stops_nobody_else(ran):
    state, done = ran

    assert done.returncode == 0, done.stdout + done.stderr
    found = [
        json.loads(line)
        for line in state.footfall("deliveries", "list", "--all", "--json").stdout.splitlines()
    ]
    assert ("demo", "2026-11-29T13:00:00+00:00", "committed") in {
        (row["client_id"], row["period_start"], row["state"]) for row in found
    }


def test_the_client_itself_is_told_where_its_file_is_wrong(ran):
    state, _ = ran

    said = state.footfall("clients")

    assert said.returncode == 1
    assert re.search(r"agency\.yaml: timezone, line \d+: expected a name from the time zone", said.stdout)
