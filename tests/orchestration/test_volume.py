"""What an operator sees of a day at a glance."""

from datetime import UTC, datetime, timedelta

from support.orchestration_builders import warehouse

from orchestration.ingest.schema import create_statements
from orchestration.ingest.volume import volume_by_hour

HOUR = timedelta(hours=1)
LAST = datetime(2026, 11, 20, 14, tzinfo=UTC)


def test_the_volume_of_a_day_is_a_small_plot():
    with warehouse() as connection:
        for statement in create_statements():
            connection.execute(statement)
        for n, kept in ((0, 10), (2, 20)):
            connection.execute(
                "INSERT INTO ingest.hours (received_hour, kept, duplicates, quarantined) VALUES (?, ?, 1, 2)",
                [LAST - n * HOUR, kept],
            )
        shown = volume_by_hour(connection, LAST).replace("\N{NON-BREAKING HYPHEN}", "-")
        lines = shown.splitlines()[2:]
    assert lines[0] == f"| {LAST:%Y-%m-%dT%H} | 10 | {'█' * 15} | 1 | 2 |"
    assert lines[1] == f"| {LAST - HOUR:%Y-%m-%dT%H} | – |  | – | – |"
    assert lines[2].split("|")[3].strip() == "█" * 30
    assert len(lines) == 25
