"""What the OpenAPI document promises: asked whatever it allows, and some of what it does not."""

import re
import shutil
import subprocess

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from support.api_builders import KEYS, a_delivery, a_domain, an_alert, served
from support.repository import ROOT

from api.app import openapi_document
from api.page import described, operations

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with served(tmp_path_factory.mktemp("contract")) as made:
        made.installation.rows["two"] = [a_delivery()]
        made.installation.manifests["two", "events"] = b"{}"
        made.installation.of_domains["two"] = [a_domain()]
        made.installation.of_alerts = [an_alert(client_id="two")]
        days = [f"2026-11-{day}" for day in (18, 19)]
        made.publish("daily_metrics", [{"date": day, "site_id": "two", "events": 3} for day in days], "two")
        rows = [{"session_id": day, "visitor_id": "v", "date": day, "site_id": "two"} for day in days]
        made.publish_sessions(rows, "two")
        yield made


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_no_request_breaks_the_api_and_every_answer_is_one_that_is_documented(api, mode):
    """A short run; `make proof` has a long one."""
    _ask_whatever_is_allowed(api, mode, 6)


@pytest.mark.proof
@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_no_request_of_very_many_breaks_the_api(api, mode):
    _ask_whatever_is_allowed(api, mode, 300)


def _ask_whatever_is_allowed(api, mode, examples):
    schema = schemathesis.openapi.from_dict(api.app.openapi())
    schema.config.base_url = f"http://127.0.0.1:{api.port}"
    asked = set()

    def ask(case):
        asked.add(case.operation.label)
        case.call_and_validate(headers={"authorization": f"Bearer {KEYS['other']}"}, checks=CHECKS)

    for found in schema.get_all_operations():
        strategy = found.ok().as_strategy(generation_mode=GenerationMode(mode))
        try:
            settings(
                max_examples=examples,
                deadline=None,
                phases=(Phase.generate,),
                database=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            )(given(case=strategy)(ask))()
        except Unsatisfiable:  # nothing can be wrong with a request that has no parameters
            assert mode == "negative"
    assert len(asked) > 20


def test_every_example_of_the_document_is_answered(api):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    text = (ROOT / "docs" / "api.md").read_text()
    lines = re.findall(r"^    (curl .+)$", text, re.MULTILINE)
    assert len(lines) >= 15
    for line in lines:
        # A period that is there; the document says {hour} for one of yours.
        command = line.replace("{hour}", "2026-11-20T10:00:00.000Z")
        done = subprocess.run(
            ["bash", "-c", f"{command} -o /dev/null -w '%{{http_code}}'"],
            env={"API": f"http://127.0.0.1:{api.port}", "KEY": KEYS["other"], "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stdout in ("200", "202"), (command, done.stdout, done.stderr)


def test_every_route_that_can_have_an_example_has_one(api):
    without = [
        f"{method} {path}"
        for method, path, operation in operations(api.app.openapi())
        if method == "GET" and "{" not in path and not _answers(api, path, operation)
    ]

    assert without == []


def _answers(api, path, operation):
    query = (operation.get("x-footfall-example") or {}).get("query", "")
    return api.ask("GET", f"{path}?{query}", role="other").status == 200


def test_what_a_route_does_is_said_once_in_its_document():
    for method, path, operation in operations(openapi_document()):
        assert operation["summary"], (method, path)
        assert operation["summary"] not in operation.get("description", ""), (method, path)
        assert described(operation).startswith(f"{operation['summary']}."), (method, path)
