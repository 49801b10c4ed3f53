"""A lake that does not answer: what is said, what was read last stands in where it may, and health."""

import os
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from support.api_builders import NOW, served
from support.collectors import free_port
from support.waiting import wait_until_it_works

from footfall.store import LocalStore, StoreError

PATHS = [
    "/v1/timeseries?site_id=shop",
    "/v1/quality?site_id=shop",
    "/analytics/?site_id=shop",
    "/v1/visitors/v",
]


class Lake(LocalStore):
    """A lake that answers as long as it is told to."""

    is_away = False

    def _look(self):
        if self.is_away:
            raise StoreError("the lake does not answer", retryable=True)

    def get(self, *of, **more):
        self._look()
        return super().get(*of, **more)

    def list(self, *of, **more):
        self._look()
        return super().list(*of, **more)


def with_lake(api, monkeypatch):
    """The API's lake as one that can go away; each question asks it anew."""
    lake = api.service.tables._lake = Lake(api.lake.root)
    monkeypatch.setattr("api.tables.SNAPSHOT_SECONDS", 0.0)
    return lake


def publish(api):
    api.publish("sessions", [{"session_id": "s", "visitor_id": "v", "date": "2026-11-19"}])
    api.publish("daily_metrics", [{"date": "2026-11-19", "visitors": 3, "page_views": 5}])
    api.reach("one", NOW)


@pytest.mark.parametrize("path", PATHS)
def test_a_lake_that_does_not_answer_is_503_and_says_when_to_come_again(api, monkeypatch, path):
    publish(api)
    lake = with_lake(api, monkeypatch)
    assert api.ask("GET", path).status == 200

    lake.is_away = True
    reply = api.ask("GET", path)

    assert (reply.status, reply.json["code"]) == (503, "unavailable")
    assert int(reply.headers["retry-after"]) > 0


@pytest.mark.parametrize("path", PATHS)
def test_what_was_read_last_stands_in_where_that_is_allowed_and_says_so(tmp_path, monkeypatch, path):
    with served(tmp_path, FOOTFALL_API_STALE_SECONDS="600") as api:
        publish(api)
        lake = with_lake(api, monkeypatch)
        before = api.ask("GET", path)

        lake.is_away = True
        stale = api.ask("GET", path, headers={"if-none-match": before.headers.get("etag", "")})
        lake.is_away = False
        after = api.ask("GET", path)

    def since(reply):
        return reply.json.get("meta", reply.json)["stale_since"]

    assert (before.status, stale.status, after.status) == (200, 200, 200)
    assert (since(before), since(after)) == (None, None)
    assert since(stale).endswith("Z")
    assert stale.json.get("results") == before.json.get("results")


def test_what_was_never_read_cannot_stand_in(tmp_path, monkeypatch):
    with served(tmp_path, FOOTFALL_API_STALE_SECONDS="600") as api:
        publish(api)
        with_lake(api, monkeypatch).is_away = True

        assert api.ask("GET", PATHS[0]).status == 503


def test_health_says_that_the_lake_is_away_and_answers(api, monkeypatch):
    lake = with_lake(api, monkeypatch)
    assert api.ask("GET", "/health", role=None).json["status"] == "ok"

    lake.is_away = True

    assert api.ask("GET", "/health", role=None).json == {
        "status": "degraded",
        "dependencies": {"lake": "away"},
    }


def test_the_api_begins_while_the_lake_is_away(tmp_path):
    port = free_port()
    (tmp_path / "clients").mkdir()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FOOTFALL_")} | {
        "FOOTFALL_ENV_FILE": os.devnull,
        "FOOTFALL_HOME": str(tmp_path / "home"),
        "FOOTFALL_CLIENTS": str(tmp_path / "clients"),
        "FOOTFALL_LAKE": "s3://lake/of-a-test",
        "FOOTFALL_S3_ENDPOINT": f"http://127.0.0.1:{free_port()}",
        "FOOTFALL_API_PORT": str(port),
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_REGION": "eu-central-1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "commands.entry", "api"],
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:

        def health() -> bytes:
            assert process.poll() is None, process.stderr.read()
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=60) as answer:
                return answer.read()

        said = wait_until_it_works(health, (urllib.error.URLError, ConnectionError), every=0.2)
    finally:
        process.terminate()
        process.communicate(timeout=60)

    assert b'"lake":"away"' in said
