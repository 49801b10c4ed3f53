"""Tables by row that are written whole: who is gone is in none of their files, though a base kept him."""

from dataclasses import replace
from datetime import date, timedelta

from support.publishing import TERMS, Shelf, mart_warehouse, note, see
from support.searched import files_with

TODAY = date(2026, 4, 15)
HOUR = timedelta(hours=1)


def test_a_visitor_who_is_gone_is_in_no_file_of_any_table_once_all_is_written_whole(tmp_path):
    warehouse = mart_warehouse()
    warehouse.execute(
        "INSERT INTO visitors BY NAME SELECT 'demo' AS client_id, 'shop' AS site_id, "
        "'v' || n AS visitor_id, 1 AS sessions FROM range(1000) AS r(n)"
    )
    for name in ("gone-visitor", "other-visitor", "another-visitor", "a-fourth-visitor"):
        see(warehouse, TODAY, name)
    shelf = Shelf(tmp_path)
    shelf.publish(warehouse, "demo")
    tables = [row[0] for row in warehouse.execute("SHOW TABLES").fetchall()]
    for table in tables:
        columns = [row[0] for row in warehouse.execute(f"DESCRIBE {table}").fetchall()]
        if "visitor_id" in columns:
            warehouse.execute(f"DELETE FROM {table} WHERE visitor_id = 'gone-visitor'")
    note(warehouse, TODAY, "gone-visitor")
    shelf.terms = replace(TERMS, grace=timedelta())
    for _ in range(2):
        shelf.publish(warehouse, "demo", HOUR)
    assert files_with(tmp_path, "gone-visitor"), "a base keeps rows that are gone"

    shelf.terms = replace(shelf.terms, is_anew=True)
    snapshots = [shelf.publish(warehouse, "demo", HOUR) for _ in range(2)]

    assert files_with(tmp_path, "gone-visitor") == {}
    assert snapshots[0] == snapshots[1]
    assert shelf.differences(warehouse, "demo") == {}
    see(warehouse, TODAY, "a-fifth-visitor")
    shelf.terms = TERMS
    shelf.publish(warehouse, "demo", HOUR)
    assert shelf.differences(warehouse, "demo") == {}
    warehouse.close()
