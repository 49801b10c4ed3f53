"""Many exports of one hour read a copy of it that is made once, and get the bytes the mart would give."""

from datetime import timedelta

import pytest
from support.delivering import Setting
from support.orchestration_builders import EVENTS, HOUR, TroubledStore, add_event, client

from orchestration.delivery.batch import Order, deliver_all
from orchestration.delivery.places import Place
from orchestration.delivery.progress import IngestedHours
from orchestration.delivery.slices import AFTER, sliced

PERIOD = client().calendar(EVENTS).at(HOUR)
OWNERS = [client(f"c{n:02d}", url=f"file:///c{n:02d}") for n in range(4 * AFTER)]


def deliver(at, owners):
    """One run for these clients. Returns client → its bucket's objects."""
    stores = {owner.client_id: TroubledStore(owner.client_id) for owner in owners}
    backup = {owner.client_id: TroubledStore() for owner in owners}

    def places(owner):
        return {
            "main": Place("main", lambda: stores[owner.client_id]),
            "backup": Place("backup", lambda: backup[owner.client_id]),
        }

    orders = [Order(owner, EVENTS, (PERIOD,)) for owner in owners]
    reports = list(
        deliver_all(at.connection, orders, places, at.ledger, at.desk(), IngestedHours([HOUR], HOUR))
    )
    assert [o.status for report in reports for o in report.asked] == ["delivered"] * len(owners)
    return {name: store.objects for name, store in stores.items()}


@pytest.fixture
def many(tmp_path):
    """A setting with a few events of each of many clients, all mixed up."""
    setting = Setting(tmp_path)
    for n in range(3):
        for owner in reversed(OWNERS):
            add_event(setting.connection, f"e-{owner.client_id}-{n}", client_id=owner.client_id)
    yield setting
    setting.connection.close()


def test_a_run_for_many_gives_the_bytes_of_runs_for_each(many, tmp_path):
    together = deliver(many, OWNERS)
    (tmp_path / "alone").mkdir()
    alone = Setting(tmp_path / "alone")
    alone.connection.close()
    alone.connection = many.connection

    for owner in OWNERS:
        assert deliver(alone, [owner])[owner.client_id] == together[owner.client_id]
    assert not list((tmp_path / "slices").iterdir())


def test_the_copy_is_made_once_it_pays_and_not_for_a_few(many, tmp_path):
    wanted = [(EVENTS, PERIOD)] * len(OWNERS)
    with sliced(many.connection, tmp_path / "s", wanted) as slices:
        read = [slices.table(*each) for each in wanted]
    with sliced(many.connection, tmp_path / "s", wanted[:AFTER]) as slices:
        few = {slices.table(*each) for each in wanted[:AFTER]}

    assert read[: AFTER - 1] == ['main."events"'] * (AFTER - 1)
    assert set(read[AFTER - 1 :]) == {"slices.copy_0"}
    assert few == {'main."events"'}


def test_copies_of_single_clients_take_turns_and_there_is_none_where_one_is_for_all(many, tmp_path):
    early = client().calendar(EVENTS).at(HOUR - timedelta(days=4))
    with sliced(many.connection, tmp_path / "s", [(EVENTS, PERIOD)] * 9) as slices:
        near = slices.of_one("c00", EVENTS, [PERIOD])
    with sliced(many.connection, tmp_path / "s", [(EVENTS, early), (EVENTS, PERIOD)]) as slices:
        copies = {slices.of_one(owner.client_id, EVENTS, [PERIOD]) for owner in OWNERS}

    assert near is None
    assert copies == {"slices.one_0"}


def test_where_no_copy_can_be_made_the_mart_is_read(many, tmp_path):
    wanted = [(EVENTS, PERIOD)] * len(OWNERS)
    with sliced(many.connection, tmp_path / "s", wanted) as slices:
        for leftover in (tmp_path / "s").iterdir():
            leftover.rmdir()

        assert {slices.table(*each) for each in wanted} == {'main."events"'}
        (tmp_path / "s" / leftover.name).mkdir()
