"""Rows that are kept of answers: of all clients within one bound, and of one snapshot."""

from api.kept_rows import KeptRows


def rows_of(text):
    return {(text,): [1]}


def test_the_rows_of_all_clients_together_stay_within_one_bound_and_the_least_asked_for_go():
    kept = KeptRows(10_000)
    kept.put("one", 1, "asked again", rows_of("x"))
    for n in range(200):
        kept.put(f"client-{n}", 1, "long", rows_of("x" * 100))
        assert kept.get("one", 1, "asked again") == rows_of("x")
        assert kept.bytes <= 10_000

    assert kept.get("client-0", 1, "long") is None
    assert kept.get("client-199", 1, "long") == rows_of("x" * 100)
    kept.put("one", 1, "larger than all", rows_of("x" * 10_000))
    assert kept.get("one", 1, "larger than all") is None
    assert kept.get("client-199", 1, "long") is not None


def test_rows_of_another_snapshot_are_no_answer_and_a_client_is_forgotten_alone():
    kept = KeptRows()
    kept.put("one", 1, "q", rows_of("old"))
    kept.put("two", 1, "q", rows_of("theirs"))

    assert kept.get("one", 2, "q") is None
    kept.put("one", 2, "q", rows_of("new"))
    assert kept.get("one", 2, "q") == rows_of("new")
    kept.forget("one")
    assert kept.get("one", 2, "q") is None
    assert kept.get("two", 1, "q") == rows_of("theirs")
    kept.forget("two")
    assert kept.bytes == 0
