"""The retention ledger of years: few of its records are read; and no foreign hold ends in a traceback."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.manifests import signer

from footfall.errors import FootfallError
from footfall.retention import holds
from footfall.retention.records import State, decide, drop_unnamed, ledger, note_removed, reached, read_states
from footfall.store import LocalStore

START = datetime(2026, 1, 1, tzinfo=UTC)
TRUSTED = {signer().key_id: signer().public_pem}


class Counting(LocalStore):
    """A lake that counts what is read."""

    reads = 0

    def get(self, key, **how):
        self.reads += 1
        return super().get(key, **how)


def decided(lake, day, left=()):
    """What a day's run writes down."""
    now = START + timedelta(days=day)
    state = read_states(lake, TRUSTED).get("acme", State("acme"))
    state = decide(lake, signer(), replace(state, horizons={"raw": now}), {"raw": "30d"}, now, "job")
    note_removed(lake, signer(), state, [], left, now)
    return state


def test_what_counts_is_found_by_as_many_reads_after_a_day_as_after_fifty(tmp_path):
    counts = []
    for days in (1, 50):
        lake = Counting(tmp_path / str(days))
        for day in range(days):
            state = decided(lake, day)
        lake.put("frozen/client=acme/list-0.json", b"of before")
        lake.reads = 0
        drop_unnamed(lake, TRUSTED, state)
        assert reached(lake, "acme", TRUSTED, "raw") == START + timedelta(days=days - 1)
        counts.append(lake.reads)

    assert counts[0] == counts[1]
    assert [each["number"] for each in ledger(lake, "acme", TRUSTED)] == list(range(1, 101))


def test_a_run_that_left_something_has_not_reached_its_horizon(tmp_path):
    lake = LocalStore(tmp_path)
    decided(lake, 0)
    decided(lake, 1, ["raw/…: is still there"])

    assert reached(lake, "acme", TRUSTED, "raw") == START
    assert reached(lake, "acme", TRUSTED, "events") is None
    assert reached(lake, "bolt", TRUSTED, "raw") is None


@pytest.mark.parametrize(
    "document", [b"[]", b'"held"', b'{"since": "soon"}', b'{"since": 7}', b"{", b"\xff", b"[" * 10_000]
)
def test_what_is_no_hold_is_named_in_one_line_and_nothing_is_removed_until_it_is_looked_at(
    tmp_path, document
):
    lake = LocalStore(tmp_path)
    for kind in ("held", "released"):
        lake.put("holds/client=acme/0a1b2c3d-held.json", b"{}")
        lake.put(f"holds/client=acme/0a1b2c3d-{kind}.json", document)

        with pytest.raises(FootfallError, match="is no hold of ours"):
            holds.read(lake, TRUSTED)
