"""The page of `make docs`: a first page of ours, and lineage that ends at each client's exports."""

import json
import os
import subprocess
import sys

from support.orchestration_builders import DAILY_METRICS, EVENTS, client
from support.services import ROOT

from orchestration.modelling.docs import exposures

CLIENT = """\
client_id: {0}
name: "{1}"
sites: [{{site_id: {0}, key: pk_{0}_1234, domains: [{0}.example]}}]
destination: {{url: "file://${{FOOTFALL_HOME}}/buckets/{0}"}}
exports: [{{name: all-events, dataset: events, cadence: hourly}}]
"""


def test_the_page_begins_with_our_own_words_and_knows_the_exports_of_each_client(tmp_path):
    clients = tmp_path / "clients"
    clients.mkdir()
    for client_id, name in (("acme", "{{ 1/0 }} & Sons"), ("be-ta", "Beta")):
        (clients / f"{client_id}.yaml").write_text(CLIENT.format(client_id, name))

    done = subprocess.run(
        [sys.executable, "-m", "orchestration.modelling.docs"],
        cwd=ROOT,
        env={**os.environ, "FOOTFALL_HOME": str(tmp_path), "FOOTFALL_CLIENTS": str(clients)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    page = (ROOT / "dbt_project" / "target" / "static_index.html").read_text()
    assert "From the events of an hour of receipt to what lands in clients' buckets." in page
    for name in ("acme__all_events", "be_ta__all_events", "export_events"):
        assert f'"exposure.footfall.{name}"' in page
    assert "&#123;&#123; 1/0 &#125;&#125; & Sons" in page


def test_two_clients_whose_names_are_one_for_dbt_are_two_all_the_same():
    one = client(exports=[EVENTS, DAILY_METRICS])
    made = json.loads(exposures(one.model_copy(update={"client_id": each}) for each in ("a-b", "a_b", "c")))

    names = [each["name"] for each in made["exposures"]]
    assert len(set(names)) == 6
    assert {name for name in names if not name.replace("_", "").isalnum()} == set()
    assert [each["depends_on"] for each in made["exposures"]][:2] == [
        ["ref('events')"],
        ["ref('daily_metrics')"],
    ]
