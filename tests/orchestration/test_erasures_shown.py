"""Erasures in the Dagster UI: an asset with how far each is, and a check of their deadlines."""

import json
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from footfall.settings import Settings
from orchestration.loading import build_defs
from orchestration.modelling.project import prepare
from orchestration.privacy.erasure_book import DEADLINE, ErasureBook
from orchestration.privacy.person import unresolved

KEY = dg.AssetKey(["privacy", "erasures"])
CHECK = dg.AssetCheckKey(KEY, "done_by_their_deadline")
PERSON = "anna-user-4711"


class Ui:
    """Definitions of an installation, and an instance that its daemon would write to."""

    def __init__(self, home, instance):
        self.home, self.instance, self.cursor = home, instance, None
        self.book = ErasureBook(home)
        settings = Settings.from_environ(
            {"FOOTFALL_HOME": str(home), "FOOTFALL_CLIENTS": str(home / "clients")}
        )
        self.definitions = build_defs(settings)

    def erasure(self, asked_at):
        """An erasure that somebody asked for then."""
        person = unresolved("acme", [("user", PERSON)], is_linked=True)
        return self.book.begin(person, reason="", asked_by="dpo", now=asked_at, is_for_good=False).id

    def tick(self):
        """A tick of the sensor, whose events the daemon stores. Returns how many there are."""
        sensor = self.definitions.resolve_sensor_def("erasures")
        with dg.build_sensor_context(
            self.instance, cursor=self.cursor, definitions=self.definitions
        ) as context:
            data = sensor.evaluate_tick(context)
        self.cursor = data.cursor or self.cursor
        for event in data.asset_events:
            self.instance.report_runless_asset_event(event)
        return len(data.asset_events)

    def shown(self):
        """Erasure → its row of the asset's newest table."""
        event = self.instance.get_latest_materialization_event(KEY)
        table = event.asset_materialization.metadata["erasures"]
        return {record.data["id"]: record.data for record in table.records}

    def verdict(self):
        """The newest evaluation of the check."""
        record = self.instance.get_latest_asset_check_evaluation_record(CHECK)
        return record.event.dagster_event.event_specific_data


@pytest.fixture
def ui(tmp_path):
    (tmp_path / "clients").mkdir()
    (tmp_path / "first_hour").write_text("2026-11-20T13\n")
    prepare(tmp_path)
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield Ui(tmp_path, instance)


def test_each_erasure_is_shown_with_state_deadline_and_what_is_outstanding_and_nothing_of_the_person(ui):
    assert ui.tick() == 0
    now = datetime.now(UTC)
    name = ui.erasure(now)
    ui.book.begin_step(name, "suppress", now)
    ui.book.end_step(name, "suppress", now, "")
    ui.book.begin_step(name, "delivered", now)
    ui.book.end_step(name, "delivered", now, "s3://acme/events: AccessDenied")

    assert ui.tick() == 2

    row = ui.shown()[name]
    assert (row["client_id"], row["state"], row["is_overdue"]) == ("acme", "outstanding", False)
    assert row["due_by"] == (now + DEADLINE).isoformat()
    assert (row["steps_done"], row["outstanding"]) == (
        "suppress",
        "delivered: s3://acme/events: AccessDenied",
    )
    assert PERSON not in json.dumps(ui.shown())
    assert ui.verdict().passed
    assert ui.tick() == 0

    ui.book.finish(name, "{}", now)
    ui.tick()

    assert ui.shown()[name]["state"] == "finished"


def test_the_check_fails_while_an_erasure_is_past_its_deadline_and_passes_once_it_is_done(ui):
    now = datetime.now(UTC)
    ui.erasure(now - DEADLINE + timedelta(days=1))
    late = ui.erasure(now - DEADLINE - timedelta(days=1))
    ui.tick()

    assert not ui.verdict().passed
    assert ui.verdict().description == f"{late} of acme"

    ui.book.finish(late, "{}", now)
    ui.tick()

    assert ui.verdict().passed
    assert ui.verdict().metadata["not finished"].value == 1


def test_the_check_can_be_executed_by_hand_and_says_the_same(ui):
    ui.erasure(datetime.now(UTC) - DEADLINE - timedelta(days=1))

    (check,) = [each for each in ui.definitions.asset_checks if CHECK in each.check_keys]
    resources = {"settings": ui.definitions.resources["settings"]}
    done = dg.materialize(
        [check], instance=ui.instance, resources=resources, selection=dg.AssetSelection.checks(CHECK)
    )

    assert done.success
    assert not ui.verdict().passed
