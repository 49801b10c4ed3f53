"""Daily figures of other tools: read as each writes them, and differences explained as far as they tell."""

from datetime import date, timedelta

import pytest

from footfall.errors import FootfallError
from sources.old_figures import Comparison, read_figures

DAY = date(2026, 11, 20)


def read(folder, text, encoding="utf-8"):
    path = folder / "figures.csv"
    path.write_bytes(text.encode(encoding))
    return read_figures(path)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("date,visitors,pageviews,bounces,visits,visit_duration\n2026-11-20,3,9,1,4,200\n", "utf-8"),
        ("# GA4\n# made on a day\n\nDate,Active users,Views,Sessions,Bounces\n20261120,3,9,4,1\n", "utf-8"),
        ("Date\tUnique visitors\tVisits\tPageviews\tBounces\n2026-11-20\t3\t4\t9\t1\n", "utf-16"),
        ('day;uniques;views;visits;bounces\n"2026-11-20 00:00:00";"3";9;4;1\nTotal;3;9;4;1\n', "utf-8-sig"),
    ],
)
def test_the_sums_of_each_tool_are_read(tmp_path, text, encoding):
    assert read(tmp_path, text, encoding) == {
        DAY: {"visitors": 3, "page_views": 9, "sessions": 4, "bounces": 1}
    }


@pytest.mark.parametrize(
    "written", ["1,234,567", "1.234.567", "1'234'567", "1 234 567", "1\u00a0234\u00a0567"]
)
def test_thousands_are_read_as_each_country_parts_them(tmp_path, written):
    assert read(tmp_path, f'date,pageviews\n2026-11-20,"{written}"\n')[DAY] == {"page_views": 1234567}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no line with a column of days"),
        ("a,b\n1,2\n", "no line with a column of days"),
        ("date,visitors\nyesterday,3\n", "has no day"),
        ("date,visitors\n2026-11-20,3\n2026-11-20,4\n", "twice"),
        ("x" * 9_000_000, "holds more than"),
    ],
)
def test_what_is_no_table_of_days_is_refused(tmp_path, text, said):
    with pytest.raises(FootfallError, match=said):
        read(tmp_path, text)


def comparison(theirs, ours, bots=0):
    """Figures of some days in a row; each is (page views, sessions, visitors)."""

    def named(days):
        return {
            DAY + timedelta(days=n): dict(zip(("page_views", "sessions", "visitors"), day, strict=True))
            for n, day in enumerate(days)
        }

    robots = {DAY + timedelta(days=n): bots for n in range(len(ours))}
    return Comparison(named(theirs), named(ours), robots, "Europe/Berlin", 30)


def reasons(*given, **more):
    return [reason.partition(":")[0] for reason in comparison(*given, **more).reasons()]


def test_equal_figures_need_no_reason():
    assert reasons([(100, 40, 30)], [(100, 40, 30)]) == []


def test_robots_that_the_other_tool_counts_are_named():
    assert reasons([(150, 40, 30)], [(100, 40, 30)], bots=48) == ["page views"]


def test_exports_without_user_agents_are_named():
    assert reasons([(100, 40, 30)], [(130, 40, 30)]) == ["page views"]


def test_another_rule_of_visits_is_named():
    assert reasons([(100, 40, 30)], [(100, 50, 30)]) == ["sessions"]


def test_another_rule_of_visitors_is_named():
    assert reasons([(100, 40, 30)], [(100, 40, 36)]) == ["visitors"]


def test_another_time_zone_is_named():
    found = comparison([(100, 40, 30), (200, 80, 60)], [(150, 60, 45), (150, 60, 45)])

    assert [reason.partition(":")[0] for reason in found.reasons()] == ["days"]
    assert "Europe/Berlin" in next(found.reasons())


def test_days_that_are_not_here_are_named_and_not_compared():
    found = comparison([(100, 40, 30), (200, 80, 60)], [(100, 40, 30)])

    assert found.days == [DAY]
    assert "1 days of the file are not here (2026-11-21 to 2026-11-21)" in next(found.reasons())


def test_the_table_says_both_and_the_change():
    lines = list(comparison([(100, 40, 0)], [(110, 40, 3)]).table())

    assert "100 → 110 (+10.0%)" in lines[1]
    assert "40 → 40 (+0.0%)" in lines[1]
    assert "0 → 3 (new)" in lines[-1]
