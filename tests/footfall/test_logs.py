"""Lines of the log: one form, whoever has written them."""

import json
import logging
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from commands.processes import Children
from footfall.logs import SCHEMA, JsonLines, plain, translated

NOW = datetime(2026, 11, 20, 14, tzinfo=UTC)
DAGSTER = (
    '{"event": "Launching a run", "level": "info", "logger": "dagster.daemon", '
    '"timestamp": "2026-11-20T14:05:09.12+00:00"}'
)


@pytest.mark.parametrize(
    ("raw", "level", "message", "time"),
    [
        ("plain words", "INFO", "plain words", NOW),
        ("2026-11-20 14:05:09 ERROR it broke", "ERROR", "2026-11-20 14:05:09 ERROR it broke", NOW),
        ('{"not": "ours"', "INFO", '{"not": "ours"', NOW),
        ("[1, 2]", "INFO", "[1, 2]", NOW),
        (DAGSTER, "INFO", "Launching a run", datetime(2026, 11, 20, 14, 5, 9, 120_000, UTC)),
    ],
)
def test_a_foreign_line_is_brought_into_our_form(raw, level, message, time):
    line = json.loads(translated(raw, "dagster-daemon", NOW))

    assert tuple(line)[: len(SCHEMA)] == SCHEMA
    assert (line["part"], line["level"], line["message"]) == ("dagster-daemon", level, message)
    assert datetime.fromisoformat(line["time"]) == time
    assert plain(translated(raw, "x", NOW)) == message


def test_a_line_of_ours_stays_as_it_is():
    record = logging.makeLogRecord(
        {"msg": "%d rows", "args": (3,), "fields": {"client": "acme"}, "said": "done"}
    )
    line = JsonLines("api").format(record)

    assert json.loads(line)["message"] == "done"
    assert json.loads(line)["client"] == "acme"
    assert translated(line, "up", NOW) == line


def test_what_children_write_is_relayed_line_by_line_and_told_as_words(tmp_path):
    program = "print('one\\n', flush=True); import sys; sys.stderr.write('two\\n' + 'last words')"
    with Children(tmp_path, {}, tmp_path / "logs", lambda part, raw: translated(raw, part, NOW)) as children:
        children.start("thing", [sys.executable, "-c", program])
        while not (ended := children.take_ended()):
            pass

        assert ended == [("thing", 0)]
        assert children.last_lines("thing", 1) == ["last words"]
        lines = [json.loads(line) for line in children.log("thing").read_text().splitlines()]
    assert sorted(each["message"] for each in lines) == ["last words", "one", "two"]
    assert {each["part"] for each in lines} == {"thing"}


def test_the_lowest_level_is_of_our_own_words_alone():
    """boto3 and urllib3 tell their makers of requests, with addresses and signatures."""
    program = (
        "import logging, sys\n"
        "from footfall.logs import configure\n"
        "configure('json', 'collector', level=sys.argv[1], text='%(message)s')\n"
        "for name in ('collector', 'footfall.api', 'botocore.auth', 'urllib3'):\n"
        "    for level in (10, 20, 30, 40):\n"
        "        logging.getLogger(name).log(level, 'x')\n"
    )

    def told(level: str) -> dict[str, list[str]]:
        done = subprocess.run(
            [sys.executable, "-c", program, level], capture_output=True, text=True, timeout=120, check=True
        )
        lines = [json.loads(each) for each in done.stderr.splitlines()]
        names = ("collector", "footfall.api", "botocore.auth", "urllib3")
        return {name: [each["level"] for each in lines if each["logger"] == name] for name in names}

    all_of_it = ["DEBUG", "INFO", "WARNING", "ERROR"]
    assert list(told("debug").values()) == [all_of_it, all_of_it, all_of_it[1:], all_of_it[1:]]
    assert list(told("warning").values()) == [all_of_it[2:]] * 4


RUN = "4b0a9ba7-e6ed-4c76-a327-df76580cc4cc"


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        (
            '2814 - RUN_START - Started execution of run for "hourly".',
            {"event": "RUN_START", "step": None, "message": 'Started execution of run for "hourly".'},
        ),
        ("x - hi - there", {"event": None, "step": "x", "message": "hi - there"}),
        (
            '2814 - deliveries - STEP_SUCCESS - Finished execution of step "deliveries" in 1.5s.',
            {"event": "STEP_SUCCESS", "step": "deliveries", "duration_ms": 1500.0},
        ),
        ('2814 - x - STEP_SUCCESS - Finished execution of step "x" in 41ms.', {"duration_ms": 41.0}),
        ('2814 - x - STEP_SUCCESS - Finished execution of step "x" in 2m3s.', {"duration_ms": 123000.0}),
        (
            "2814 - deliveries - ASSET_MATERIALIZATION - Materialized value deliveries acme events.",
            {"client": "acme", "event": "ASSET_MATERIALIZATION"},
        ),
    ],
)
def test_a_line_of_a_run_says_which_run_and_step_it_was_how_long_it_took_and_whose_it_is(rest, told):
    raw = f"2026-11-20 14:05:09 +0000 - dagster - DEBUG - hourly - {RUN} - {rest}"

    line = json.loads(translated(raw, "dagster-code", NOW))

    assert tuple(line)[: len(SCHEMA)] == SCHEMA
    assert (line["part"], line["run"], line["job"], line["level"]) == ("run", RUN, "hourly", "DEBUG")
    assert line.items() >= told.items()


def test_what_a_real_run_writes_is_understood():
    """So that a newer Dagster with another form is noticed."""
    program = (
        "import dagster as dg\n"
        "@dg.asset(key=['deliveries', 'acme', 'events'])\n"
        "def made(context): context.log.info('3 rows')\n"
        "with dg.DagsterInstance.ephemeral() as instance:\n"
        "    dg.materialize([made], instance=instance)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=True
    )
    lines = [json.loads(translated(each, "dagster-code", NOW)) for each in done.stderr.splitlines()]

    told = [each for each in lines if each["part"] == "run"]
    assert len({each["run"] for each in told}) == 1
    assert [each["step"] for each in told if each["message"] == "3 rows"] == ["deliveries__acme__events"]
    assert [each["client"] for each in told if each["event"] == "ASSET_MATERIALIZATION"] == ["acme"]
    assert [each["duration_ms"] > 0 for each in told if each["event"] == "STEP_SUCCESS"] == [True]
