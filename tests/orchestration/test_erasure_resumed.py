"""An erasure that could not end, and goes on once what stood in its way is mended."""

from datetime import UTC, datetime

from support.erased_home import ANNA, USER, Home
from support.orchestration_builders import HOUR
from support.searched import files_with

from commands.privacy_work import house_of
from orchestration.privacy.erasure import carry_out
from orchestration.privacy.erasure_book import ErasureBook
from orchestration.privacy.person import unresolved


def test_an_erasure_ends_once_the_export_is_ordered_again_whose_newest_file_held_the_person(tmp_path):
    home = Home(tmp_path)
    home.land(HOUR)
    home.run(HOUR)
    file = tmp_path / "clients" / "acme.yaml"
    ordered = file.read_text()
    file.write_text("".join(line for line in ordered.splitlines(True) if "name: sessions" not in line))
    metrics = [
        path for path in (home.home / "buckets").rglob("metrics/*/*/metrics-*.csv") if "acme" in str(path)
    ]
    delivered = metrics[0].read_bytes()
    for path in metrics:
        path.write_bytes(b"\x1f\x8b".ljust(len(delivered), b"?"))
    book = ErasureBook(home.home)
    person = unresolved("acme", [("user", USER)], is_linked=True)
    erasure = book.begin(person, reason="", asked_by="test", now=datetime.now(UTC), is_for_good=False)

    [left] = carry_out(book, house_of(home.settings), erasure)

    assert "is its export ordered no more?" in left
    assert len(metrics) == 2
    assert all(f"{path}: holds other bytes than were delivered" in left for path in metrics)
    for path in metrics:
        path.write_bytes(delivered)
    file.write_text(ordered)
    assert carry_out(book, house_of(home.settings), book.get(erasure.id)) == []
    sessions = home.home / "buckets" / "acme" / "sessions"
    assert files_with(sessions, ANNA) == {}
    assert [path.name for path in sessions.rglob("*.csv.gz")]
