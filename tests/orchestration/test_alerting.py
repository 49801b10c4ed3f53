"""A failed run reaches a person: one JSON POST with what failed and what to do."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import dagster as dg
import pytest

from orchestration.alerting.messages import failed_run
from orchestration.defs.alerting.sensors import failed_run_alert
from orchestration.resources.notifier import Notifier


def test_an_alert_says_what_failed_for_which_period_and_what_to_do():
    alert = failed_run(
        job="hourly",
        run_id="run-1",
        partition="2026-11-20-14:00",
        message="the run failed",
        step_errors=["deliveries: cannot write s3://acme/x: AccessDenied", "models: 1 test failed"],
    )

    assert alert == {
        "kind": "run_failed",
        "key": "run_failed:hourly:2026-11-20-14:00",
        "severity": "error",
        "title": "Footfall: hourly failed for 2026-11-20-14:00",
        "text": "deliveries: cannot write s3://acme/x: AccessDenied\nmodels: 1 test failed",
        "fix": "Open the run, read the failed step, mend its cause and re-execute from failure.",
        "run_id": "run-1",
        "job": "hourly",
        "partition": "2026-11-20-14:00",
    }


def test_a_run_that_died_without_a_failed_step_gives_its_own_message():
    alert = failed_run(job="hourly", run_id="r", partition=None, message="worker is gone", step_errors=[])

    assert alert["text"] == "worker is gone"
    assert alert["key"] == "run_failed:hourly:unpartitioned"


def test_a_failure_again_has_the_same_key_and_another_periods_has_its_own():
    def key(run_id, partition):
        return failed_run(job="hourly", run_id=run_id, partition=partition, message="", step_errors=[])["key"]

    assert key("run-1", "2026-11-20-14:00") == key("run-2", "2026-11-20-14:00")
    assert key("run-1", "2026-11-20-14:00") != key("run-1", "2026-11-20-15:00")


class Webhook:
    """A receiver of alerts: keeps what it gets and answers as it is told."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, dict]] = []
        self.status = 204
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                webhook.posted.append((self.headers["content-type"], json.loads(body)))
                self.send_response(webhook.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Keep the terminal quiet."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/alerts"


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    made = Webhook()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.05,))
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def _tick(url):
    """What the sensor does about a run that really failed in a step."""

    @dg.op
    def deliveries():
        raise dg.Failure("2 deliveries failed: demo/events: cannot write s3://acme: AccessDenied")

    @dg.job
    def hourly():
        deliveries()

    with dg.DagsterInstance.local_temp() as instance:
        result = hourly.execute_in_process(
            instance=instance,
            tags={"dagster/partition": "2026-11-20-14:00"},
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        context = dg.build_run_status_sensor_context(
            sensor_name="failed_run_alert",
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            dagster_event=result.get_run_failure_event(),
            resources={"notifier": Notifier(url=url)},
        ).for_run_failure()
        return result.run_id, failed_run_alert(context)


def test_a_failed_run_posts_one_alert(webhook):
    run_id, said = _tick(webhook.url)

    [(content_type, alert)] = webhook.posted
    assert content_type == "application/json"
    assert (alert["run_id"], alert["job"], alert["partition"]) == (run_id, "hourly", "2026-11-20-14:00")
    assert alert["title"] == "Footfall: hourly failed for 2026-11-20-14:00"
    assert "demo/events: cannot write s3://acme: AccessDenied" in alert["text"]
    assert not isinstance(said, dg.SkipReason)


def test_without_a_webhook_the_tick_says_that_nobody_was_told():
    _, said = _tick(None)

    assert isinstance(said, dg.SkipReason)
    assert "FOOTFALL_ALERT_WEBHOOK" in said.skip_message


def test_an_alert_that_was_not_taken_fails_the_tick(webhook):
    """A sensor that swallowed it would leave nobody the wiser."""
    webhook.status = 500

    with pytest.raises(OSError, match="500"):
        Notifier(url=webhook.url).post({"kind": "run_failed"})
