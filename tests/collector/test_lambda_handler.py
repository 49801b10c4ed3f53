"""The collector as a function: the same answers as behind a socket, and no 204 before S3 has confirmed."""

import base64
import json

import pytest
import zstandard
from support.collectors import CLIENT_FILE, SITE, batch, wire_event
from support.fault_proxy import BlackHole, Damaged, Reset, Status
from support.gateway import function_url_event, gateway_event

from collector import lambda_handler
from collector.lambda_handler import Function
from footfall.settings import Settings
from footfall.store import open_store


@pytest.fixture
def settings(proxy, s3_url, tmp_path):
    (tmp_path / "clients").mkdir()
    (tmp_path / "clients" / "demo.yaml").write_text(CLIENT_FILE)
    return {
        "FOOTFALL_HOME": str(tmp_path),
        "FOOTFALL_CLIENTS": str(tmp_path / "clients"),
        "FOOTFALL_LAKE": s3_url,
        "FOOTFALL_S3_ENDPOINT": proxy.endpoint,
        "FOOTFALL_COLLECTOR_ID": "fn",
    }


@pytest.fixture
def lake(settings):
    return open_store(settings["FOOTFALL_LAKE"], s3_endpoint=settings["FOOTFALL_S3_ENDPOINT"])


@pytest.fixture
def function(settings):
    made = Function(Settings.from_environ(settings))
    yield made
    made.close()


def stored(lake):
    objects = [zstandard.decompress(lake.get(info.key)) for info in lake.list("raw/")]
    return [json.loads(line) for data in objects for line in data.splitlines()]


@pytest.mark.parametrize("shape", [gateway_event, function_url_event])
def test_a_batch_is_one_object_that_is_there_when_the_answer_is(function, lake, shape):
    reply = function(shape("POST", "/collect", batch(wire_event("fn-event-1"), wire_event("fn-event-2"))))

    assert (reply["statusCode"], reply["body"]) == (204, "")
    assert reply["headers"]["access-control-allow-origin"] == "*"
    [info] = lake.list("raw/")
    assert info.key.split("/")[-1].startswith("fn-call-")
    lines = stored(lake)
    assert [line["event_id"] for line in lines] == ["fn-event-1", "fn-event-2"]
    assert "203.0.113.77" not in json.dumps(lines)
    assert lines[0]["visitor_id"] and lines[0]["user_agent"].startswith("Mozilla/5.0")


def test_a_stage_is_no_part_of_the_path_and_signals_are_read(function, lake):
    event = gateway_event(
        "POST", "/collect", batch(wire_event("fn-event-3")), stage="prod", headers={"Sec-GPC": "1"}
    )

    assert function(event)["statusCode"] == 204
    assert stored(lake)[0]["gpc"] is True


def test_an_image_request_gets_its_image(function, lake):
    query = f"site={SITE}&id=fn-event-4&url=https%3A%2F%2Fshop.example%2F"

    reply = function(gateway_event("GET", "/pixel.gif", query=query))

    assert (reply["statusCode"], reply["isBase64Encoded"]) == (200, True)
    assert base64.b64decode(reply["body"]).startswith(b"GIF89a")
    assert stored(lake)[0]["event_id"] == "fn-event-4"


@pytest.mark.parametrize(
    ("event", "status", "reason"),
    [
        (gateway_event("GET", "/nowhere"), 404, "not_found"),
        (gateway_event("POST", "/collect", b"{"), 400, "malformed_json"),
        (gateway_event("POST", "/collect", b'{"site": "pk_x", "events": [{}]}'), 403, "unknown_site"),
        (gateway_event("POST", "/collect", b"x" * 600_000, query=f"site={SITE}"), 413, "body_too_large"),
        ({**gateway_event("POST", "/collect"), "isBase64Encoded": True, "body": "%"}, 400, "body_unfinished"),
        ({"version": "1.0", "httpMethod": "POST", "path": "/collect"}, 503, "not_durable"),
    ],
)
def test_refusals_are_those_of_the_collector(function, event, status, reason):
    reply = function(event)

    assert (reply["statusCode"], reply["headers"]["x-footfall-reason"]) == (status, reason)


def test_what_cannot_be_read_is_kept_for_quarantine(function, lake):
    function(gateway_event("POST", "/collect", b"not json", query=f"site={SITE}"))

    [line] = stored(lake)
    assert (line["kind"], line["reason"]) == ("refused", "malformed_json")


@pytest.mark.parametrize("fault", [Status(503, "SlowDown"), Reset(applied=False), Damaged("request")])
def test_without_a_confirmed_put_there_is_no_204_and_the_next_try_succeeds(function, proxy, lake, fault):
    event = gateway_event("POST", "/collect", batch(wire_event("fn-event-5")))
    proxy.fail(fault, method="PUT", path="/raw/", times=None)

    refused = function(event, seconds=3)
    proxy.heal()
    taken = function(event)

    assert (refused["statusCode"], refused["headers"]["x-footfall-reason"]) == (503, "not_durable")
    assert int(refused["headers"]["retry-after"]) > 0
    assert taken["statusCode"] == 204
    # At least once: an attempt that was given up may have been carried out later.
    assert {line["event_id"] for line in stored(lake)} == {"fn-event-5"}


def test_a_lost_confirmation_makes_no_second_object(function, proxy, lake):
    proxy.fail(Reset(applied=True), method="PUT", path="/raw/")

    reply = function(gateway_event("POST", "/collect", batch(wire_event("fn-event-6"))))

    assert reply["statusCode"] == 204
    assert len(list(lake.list("raw/"))) == 1


def test_a_call_that_would_be_ended_by_the_platform_is_answered_before(function, proxy):
    proxy.fail(BlackHole(1))

    reply = function(gateway_event("POST", "/collect", batch(wire_event("fn-event-7"))), seconds=0.5)

    assert (reply["statusCode"], reply["headers"]["retry-after"]) == (503, "5")


def test_the_platform_calls_the_handler_with_the_environment_alone(settings, lake, monkeypatch):
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    class Context:
        def get_remaining_time_in_millis(self):
            return 20_000

    lambda_handler._function.cache_clear()
    try:
        reply = lambda_handler.handler(
            gateway_event("POST", "/collect", batch(wire_event("fn-event-8"))), Context()
        )
        assert reply["statusCode"] == 204
        assert [line["event_id"] for line in stored(lake)] == ["fn-event-8"]
        lambda_handler._function().close()
    finally:
        lambda_handler._function.cache_clear()


def test_a_function_that_is_not_set_up_says_so_and_takes_nothing(monkeypatch):
    monkeypatch.setenv("FOOTFALL_LAKE", "nonsense")
    lambda_handler._function.cache_clear()

    reply = lambda_handler.handler(gateway_event("POST", "/collect", batch(wire_event("fn-event-9"))), None)

    assert reply["statusCode"] == 503
