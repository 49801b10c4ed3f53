"""Whom a client file names is told of deliveries: at public addresses, or where the operator allows it."""

import socket

import pytest
from support.delivering import signer
from support.orchestration_builders import EVENTS
from support.receiver import receiver

from footfall.allowed import Allowed
from footfall.guard import Forbidden
from orchestration.delivery.desk import Desk, posting_for


@pytest.fixture
def listening():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433"])
def test_an_address_that_is_not_public_is_told_nothing(tmp_path, listening, host):
    desk = Desk(tmp_path, signer(), post=posting_for(Allowed(tmp_path)))

    with pytest.raises(Forbidden):
        desk.announce(f"https://{host}:{listening.getsockname()[1]}/hook", "id", {"rows": 1})

    listening.setblocking(False)
    with pytest.raises(BlockingIOError):
        listening.accept()


def test_a_host_that_the_operator_lists_is_told_once_and_a_redirect_is_not_followed(tmp_path):
    with receiver() as made:
        host = made.origin.removeprefix("http://")
        desk = Desk(tmp_path, signer(), post=posting_for(Allowed(tmp_path, hosts=(host,))))
        desk.announce(f"http://{host}/hook", "id", {"rows": 1})
        made.answers.append((302, {"location": f"http://{host}/elsewhere"}))
        with pytest.raises(OSError, match="302"):
            desk.announce(f"http://{host}/hook", "id", {"rows": 1})

    assert made.requests == ["POST /hook", "POST /hook"]


def test_a_delivery_whose_notice_must_not_be_sent_has_arrived_and_waits_for_a_person(at):
    told = EVENTS.model_copy(update={"notify": ["https://127.0.0.1/hook"]})
    at._post = posting_for(Allowed(at.folder))

    outcome = at.deliver(export=told)

    [row] = at.ledger.all()
    assert outcome.status == "delivered"
    assert (row.is_delivered, row.kind) == (True, "config")
    assert "not public" in row.error
