"""What a newer release of the time zone database does to models."""

from datetime import timedelta

from support.lake_story import HOUR, START


def test_a_site_whose_zone_a_newer_database_tells_otherwise_has_its_days_anew(models, database, add_events):
    late = START.replace(hour=22, minute=30)
    add_events(database, {"occurred_at": late})
    database.execute(
        "insert into ingest.sites values"
        " ('demo', 'shop', 'Europe/Berlin', 30, false, false, 'purchase', null)"
    )
    models.rebuild(database)
    before = database.execute("select date from daily_metrics").fetchall()

    database.execute(
        "update ingest.zone_days set offset_before = 7200, offset_after = 7200 where zone = 'Europe/Berlin'"
    )
    database.execute("insert into ingest.zone_changes values ('Europe/Berlin', ?, '2027a')", [late.date()])
    models.run_window(database, START + 48 * HOUR, START + 49 * HOUR)

    assert before == [(late.date(),)]
    assert database.execute("select date from daily_metrics").fetchall() == [
        (late.date() + timedelta(days=1),)
    ]
    assert database.execute("select date from events").fetchall() == [(late.date() + timedelta(days=1),)]


def test_a_release_that_comes_back_after_a_newer_one_has_its_days_back(models, database, add_events):
    late = START.replace(hour=22, minute=30)
    add_events(database, {"occurred_at": late})
    database.execute(
        "insert into ingest.sites values"
        " ('demo', 'shop', 'Europe/Berlin', 30, false, false, 'purchase', null)"
    )
    models.rebuild(database)

    for release, offset, days in (("2027b", 7200, 1), ("2027a", 3600, 0), ("2027b", 7200, 1)):
        database.execute(
            "update ingest.zone_days set offset_before = $1, offset_after = $1 where zone = 'Europe/Berlin'",
            [offset],
        )
        database.execute(
            "insert into ingest.zone_changes values ('Europe/Berlin', ?, ?)", [late.date(), release]
        )
        models.run_window(database, START + 48 * HOUR, START + 49 * HOUR)

        found = database.execute("select date from daily_metrics").fetchall()
        assert found == [(late.date() + timedelta(days=days),)], release
