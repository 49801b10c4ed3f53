"""deploy/compose.yaml: it follows the specification and our rules, and each of its services runs as it says.

There is no engine here: a service is its command, started with the environment of the image and of the file,
with folders, hosts and ports of this machine in the place of the containers' own.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import check_jsonschema
import jsonschema
import pytest
import yaml
from dotenv import dotenv_values
from prometheus_client.parser import text_string_to_metric_families
from support.command_line import command_line
from support.image_stages import image_environment
from support.monitored import used_metrics
from support.postgres_server import postgres_server
from support.repository import ROOT

from footfall.catalogue.state import HOME, Kind
from footfall.logs import SCHEMA
from footfall.settings import VARIABLES

DEPLOY = ROOT / "deploy"
STATE = "/var/lib/footfall"
#: Services of other images, which a test without an engine cannot run.
FOREIGN = {"postgres", "s3", "proxy", "oauth2-proxy"}
#: In the order in which they wait for each other.
OURS = ("collector", "code", "webserver", "daemon", "api", "dashboard", "demo-site")
#: Seconds in which a service must be well; on an idle machine half a minute in all.
SECONDS = 300


def interpolated(value: Any, given: dict[str, str]) -> Any:
    """`${NAME}` and `${NAME:-default}` in all texts, as compose has them."""
    if isinstance(value, dict):
        return {name: interpolated(each, given) for name, each in value.items()}
    if isinstance(value, list):
        return [interpolated(each, given) for each in value]
    if not isinstance(value, str):
        return value
    return re.sub(r"\$\{(\w+)(?::-([^}]*))?\}", lambda m: given.get(m[1]) or m[2] or "", value)


def compose(**given: str) -> dict[str, Any]:
    return interpolated(yaml.safe_load((DEPLOY / "compose.yaml").read_text()), given)


SERVICES = compose()["services"]
CLIENT = """\
client_id: acme
name: Acme
sites: [{site_id: acme, key: pk_acme_Zr83bQwL, domains: [acme.example]}]
destination: {url: "file://${FOOTFALL_HOME}/buckets/acme"}
exports: [{name: events, dataset: events, cadence: hourly}]
"""


def test_it_follows_the_specification():
    schema = Path(check_jsonschema.__file__).parent / "builtin_schemas" / "vendor" / "compose-spec.json"

    jsonschema.validate(compose(), json.loads(schema.read_text()))


def test_with_the_file_for_runs_as_containers_it_follows_it_too():
    more = interpolated(yaml.safe_load((DEPLOY / "compose.runs.yaml").read_text()), {})
    schema = Path(check_jsonschema.__file__).parent / "builtin_schemas" / "vendor" / "compose-spec.json"

    jsonschema.validate(more, json.loads(schema.read_text()))
    assert set(more["services"]) <= set(SERVICES)


def test_ours_are_the_services_that_are_not_foreign():
    assert set(SERVICES) == {*OURS, *FOREIGN}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_starts_again_is_watched_is_bounded_and_takes_its_time_to_end(name):
    service = SERVICES[name]

    assert service["restart"] == "unless-stopped"
    assert {"test", "interval", "timeout", "start_period"} <= set(service["healthcheck"])
    assert service["deploy"]["resources"]["limits"]["memory"]
    assert service["stop_grace_period"] == "60s"
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert "no-new-privileges:true" in service["security_opt"]
    assert name in OURS or re.search(r":[\w.-]*\d", service["image"]), "a version is named"
    published = [port for port in service.get("ports", []) if not port.startswith("127.0.0.1:")]
    assert published == (["443:443"] if name == "proxy" else []), "no door but the proxy's"


@pytest.mark.parametrize("name", OURS)
def test_ours_run_as_nobody_in_particular_on_a_root_that_cannot_be_written(name):
    service = SERVICES[name]

    assert service["user"] not in ("", "0", "root")
    assert service["read_only"] and service["cap_drop"] == ["ALL"]


def test_volumes_are_named_after_what_the_catalogue_of_state_says():
    folders = {place.name for place in HOME if place.kind is Kind.FOLDER}
    named = {"home": STATE} | {name: f"{STATE}/{name}" for name in folders}

    for name in OURS:
        for volume in SERVICES[name]["volumes"]:
            source, target, *_ = volume.rsplit(":", 2) if volume.endswith(":ro") else volume.split(":")
            if not volume.endswith(":ro"):
                assert named[source] == target
    assert set(compose()["volumes"]) - {"postgres", "s3", "certificates"} <= set(named)


def test_no_secret_is_in_the_environment_and_all_names_are_settings():
    secret = {name for name, each in VARIABLES.items() if each.is_secret}

    for name in OURS:
        environment = SERVICES[name]["environment"]
        assert set(environment) <= set(VARIABLES)
        assert all(environment[each].startswith("file:/run/secrets/") for each in secret & set(environment))
    assert not [
        key for each in FOREIGN for key in SERVICES[each].get("environment", {}) if key.endswith("PASSWORD")
    ]


class Container:
    """A service as a process."""

    def __init__(self, name: str, changes: dict[str, str], settings: dict[str, str], folder: Path) -> None:
        self.service = compose(FOOTFALL_ENVIRONMENT="prod")["services"][name]
        self._changes = changes
        self._log = folder / f"{name}.log"
        files = [dotenv_values(DEPLOY / each) for each in self.service.get("env_file", [])]
        stated = [image_environment(), *files, self.service["environment"]]
        system = {each: os.environ[each] for each in ("PATH", "HOME", "LANG") if each in os.environ}
        inside = {
            key: self._here(str(value)) for each in stated for key, value in each.items() if key != "PATH"
        }
        # A port of its own is taken where the service has one.
        taken = {key: value for key, value in settings.items() if "METRICS" not in key or key in inside}
        self.environment = system | inside | taken
        self._folder = folder
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command(self.service["command"]),
                cwd=folder, env=self.environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def _here(self, text: str) -> str:
        for inside, outside in self._changes.items():
            text = text.replace(inside, outside)
        return text

    def command(self, words: list[str]) -> list[str]:
        """A command with the programs of this environment."""
        program, *rest = [self._here(word) for word in words]
        programs = {"python": [sys.executable], "footfall": [sys.executable, "-m", "commands.entry"]}
        return [*programs[program], *rest]

    def wait(self) -> None:
        """Until its own health check says that it is well."""
        _, *check = self.service["healthcheck"]["test"]
        give_up = time.monotonic() + SECONDS
        while True:
            done = subprocess.run(
                self.command(check), env=self.environment, cwd=self._folder, capture_output=True, check=False
            )
            if done.returncode == 0:
                return
            assert self.process.poll() is None and time.monotonic() < give_up, self.said()
            time.sleep(0.5)

    def lines(self) -> list[str]:
        """What it wrote."""
        return self._log.read_text().splitlines()

    def said(self) -> str:
        return self._log.read_text()[-3000:]

    def end(self) -> int:
        """As an engine ends it: SIGTERM to the first process alone."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(SECONDS)
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)


def ask(url: str, **headers: str) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
        return answer.read()


def samples(port: str) -> dict[str, float]:
    """The last value of each metric of a port."""
    text = ask(f"http://127.0.0.1:{port}/metrics").decode()
    return {
        each.name: each.value for family in text_string_to_metric_families(text) for each in family.samples
    }


def names(port: str) -> set[str]:
    """All names of a port, also of metrics that have no value yet."""
    text = ask(f"http://127.0.0.1:{port}/metrics").decode()
    families = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    return families | set(re.findall(r"^(\w+)", text, re.MULTILINE))


def graphql(url: str, query: str) -> dict:
    request = urllib.request.Request(
        f"{url}/graphql", json.dumps({"query": query}).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["data"]


def test_every_service_runs_as_the_file_says_and_they_reach_one_another(tmp_path):
    ports = command_line(tmp_path).ports
    state, secrets, clients = (tmp_path / name for name in ("state", "secrets", "clients"))
    state.mkdir(mode=0o700)
    secrets.mkdir()
    clients.mkdir()
    (clients / "acme.yaml").write_text(CLIENT)
    site = ports["FOOTFALL_SITE_PORT"]
    url = f"http://127.0.0.1:{ports['FOOTFALL_UI_PORT']}"
    changes = {
        "http://127.0.0.1:8080": f"http://127.0.0.1:{ports['FOOTFALL_COLLECTOR_PORT']}",
        "http://127.0.0.1:8070": f"http://127.0.0.1:{ports['FOOTFALL_API_PORT']}",
        "http://127.0.0.1:8060": f"http://127.0.0.1:{ports['FOOTFALL_DASHBOARD_PORT']}",
        "http://127.0.0.1:8090": f"http://127.0.0.1:{site}",
        "http://127.0.0.1:3000": url,
        "http://webserver:3000": url,
        "http://collector:8080": f"http://127.0.0.1:{ports['FOOTFALL_COLLECTOR_PORT']}",
        "--port=8090": f"--port={site}",
        "172.30.117.2": "127.0.0.1",
        "0.0.0.0": "127.0.0.1",
        STATE: str(state),
        "/etc/footfall/clients": str(clients),
        "/run/secrets": str(secrets),
        "/opt/footfall/data": str(ROOT),
    }
    other = command_line(tmp_path).ports
    settings = ports | {
        "FOOTFALL_METRICS_PORT": other["FOOTFALL_COLLECTOR_PORT"],
        "FOOTFALL_STATE_METRICS_PORT": other["FOOTFALL_API_PORT"],
        "FOOTFALL_DASHBOARD_METRICS_PORT": other["FOOTFALL_DASHBOARD_PORT"],
        "PYTHONPATH": str(ROOT),
        "PYTHONSAFEPATH": "1",
    }
    containers: dict[str, Container] = {}
    with postgres_server() as database:
        (secrets / "postgres-url").write_text(database)
        try:
            for name in OURS:
                for before in SERVICES[name].get("depends_on", {}):
                    if before in containers:
                        containers[before].wait()
                containers[name] = Container(name, changes, settings, tmp_path)
            for container in containers.values():
                container.wait()
            there = graphql(
                url, "{ workspaceOrError { ... on Workspace { locationEntries { loadStatus } } } }"
            )
            assert there["workspaceOrError"]["locationEntries"] == [{"loadStatus": "LOADED"}]
            assert b"Footfall" in ask(f"http://127.0.0.1:{ports['FOOTFALL_API_PORT']}/docs")
            with pytest.raises(urllib.error.HTTPError, match="403"):
                ask(f"http://127.0.0.1:{ports['FOOTFALL_DASHBOARD_PORT']}/")
            collecting = samples(settings["FOOTFALL_METRICS_PORT"])
            assert collecting["footfall_collector_ready"] == 1
            state_of_it = samples(settings["FOOTFALL_STATE_METRICS_PORT"])
            assert state_of_it["footfall_dagster_up"] == 1
            assert state_of_it["footfall_state_free_bytes"] > 0
            assert {"footfall_runs", "footfall_state_bytes"} <= set(state_of_it)
            # The health checks of each count, and so does the look at /docs.
            shown = samples(settings["FOOTFALL_DASHBOARD_METRICS_PORT"])
            assert shown["footfall_dashboard_requests_total"] >= 1
            assert state_of_it["footfall_api_requests_total"] >= 1
            served = set().union(*(names(settings[each]) for each in settings if "METRICS_PORT" in each))
            # No hour was ingested here.
            assert used_metrics() - served == {"footfall_ingest_lag_seconds"}
            assert not (state / "dagster" / "history" / "runs.db").exists(), "runs are in the database"
        finally:
            codes = {name: each.end() for name, each in reversed(containers.items())}
    assert set(codes.values()) == {0}, {name: containers[name].said() for name, code in codes.items() if code}
    for name, container in containers.items():
        if name != "demo-site":
            for line in container.lines():
                if line.startswith("collector: listening on "):
                    continue  # its one line on stdout, for whoever waits for it
                assert line.startswith("{"), f"{name}: {line}"
                told = json.loads(line)
                assert tuple(told)[: len(SCHEMA)] == SCHEMA, line
                assert database.split(":")[2].split("@")[0] not in line
    access = [json.loads(line) for line in containers["api"].lines() if '"status_code"' in line]
    (docs,) = [each for each in access if each["route"] == "/docs"]
    assert (docs["part"], docs["status_code"], docs["authenticated"]) == ("api", 200, False)
    assert docs["duration_ms"] > 0 and "127.0.0.1" not in json.dumps(docs)
