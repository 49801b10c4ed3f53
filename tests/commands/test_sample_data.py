"""Sample data: a real collector takes them, and they are as many as were asked for."""

from datetime import UTC, datetime

import pytest
from support.collectors import CollectorProcess

from commands.sample_data import send_sample
from footfall.clients import load_registry
from footfall.errors import FootfallError
from footfall.settings import Settings


@pytest.fixture
def collector(tmp_path):
    process = CollectorProcess(tmp_path).start()
    yield process
    process.end()


def send(process, count):
    settings = Settings.from_environ(
        {"FOOTFALL_HOME": str(process.home), "FOOTFALL_COLLECTOR_PORT": str(process.port)}
    )
    client = load_registry(process.home / "clients", None, is_delivering=False).client("demo")
    return send_sample(settings, client, client.sites[0], count, datetime.now(UTC))


def test_as_many_events_are_taken_as_were_asked_for_and_of_that_site(collector):
    assert send(collector, 57) == 57

    lines = [line for line in collector.stored() if line["kind"] == "event"]
    assert len({line["event_id"] for line in lines}) == len(lines) == 57
    assert {line["site_id"] for line in lines} == {"shop"}
    assert len({line["user_agent"] for line in lines}) > 1


def test_where_no_collector_answers_it_is_said_in_one_line(collector):
    collector.end()

    with pytest.raises(FootfallError, match="the collector does not answer"):
        send(collector, 5)
