"""What pages show the operator alone: erasures with what is left of them, alerts of the installation."""

import pytest
from support.api_builders import an_alert
from support.api_erasures import a_request, an_erasure
from support.dashboard_builders import texts

from dashboard.doors import Door
from footfall.access.dashboard import Grant, put_person


@pytest.fixture(autouse=True)
def _at_this_machine(dashboard):
    dashboard.door = Door("open")


def test_erasures_are_the_operators_and_say_until_when_they_are_due_and_what_is_left(dashboard):
    installation = dashboard.api.installation
    assert "Erasures" not in texts(dashboard.look("deliveries"))
    late = {**an_erasure("one"), "state": "outstanding", "outstanding": {"delivered": "a bucket refuses"}}
    done = {**an_erasure("one"), "id": "20261101T000000-done", "finished_at": "2026-11-02T10:00:00+00:00"}
    installation.of_erasures += [late, done]
    put_person(dashboard.api.settings.home, "carl@one.example", Grant("client", "one"))

    operators = texts(dashboard.look("deliveries")).replace("\\", "")
    dashboard.door = Door("person", "carl@one.example")
    clients = texts(dashboard.look("deliveries"))
    dashboard.door = Door("open")
    installation.of_erasures.clear()

    assert f"{late['id']}: not finished, due by" in operators
    assert "delivered: a bucket refuses" in operators
    assert f"{done['id']}: finished 2 Nov 2026" in operators
    assert "Erasures" not in clients


def test_what_visitors_ask_for_is_shown_to_the_operator_until_somebody_has_decided(dashboard):
    installation = dashboard.api.installation
    asked = a_request("one")
    installation.of_requests += [asked, {**asked, "id": "request-that-was-refused", "decision": "refused"}]

    operators = texts(dashboard.look("deliveries")).replace("\\", "")
    alerts = dashboard.look("alerts")
    [lead] = [each.label for each in alerts.button if each.key == "w_requests"]
    led = texts(alerts.button(key="w_requests").click().run()).replace("\\", "")
    put_person(dashboard.api.settings.home, "carl@one.example", Grant("client", "one"))
    dashboard.door = Door("person", "carl@one.example")
    clients = dashboard.look("alerts")
    dashboard.door = Door("open")
    installation.of_requests.clear()

    # The page of alerts counts what waits and leads there; a client has no such line.
    assert lead.endswith(": 1") and f"({asked['id']})" in led
    assert not [each for each in clients.button if each.key == "w_requests"]
    assert f"A visitor of shop asks to be erased ({asked['id']})" in operators
    assert "4711" not in operators
    assert "request-that-was-refused" not in operators


def test_alerts_of_the_installation_are_the_operators(dashboard):
    installation = dashboard.api.installation
    installation.of_alerts.append(an_alert("disk_full::lake", "", title="no room"))
    put_person(dashboard.api.settings.home, "carl@one.example", Grant("client", "one"))

    operators = dashboard.look("alerts")
    dashboard.door = Door("person", "carl@one.example")
    clients = dashboard.look("alerts")
    last = [each for each in operators.button if "ack_" in str(each.key)][-1]
    dashboard.door = Door("open")
    last.click().run()
    installation.of_alerts.pop()

    assert "no room" in texts(operators) and "no room" not in texts(clients)
    assert "two:events" not in texts(operators)
    assert installation.done.pop()[:3] == ("ack", None, "disk_full::lake")
