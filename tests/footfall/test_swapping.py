"""What is written anew under its key while others write it too."""

import pytest

from footfall.store import LocalStore, StoreError
from footfall.swapping import put_pointer, swap_unless

KEY = "page.txt"


class Raced(LocalStore):
    """A store in which others write the object between our reading and our writing, a text each time."""

    def __init__(self, root, *texts):
        super().__init__(root)
        self._texts = list(texts)

    def swap(self, key, data, tag):
        if self._texts:
            super().put(key, self._texts.pop(0))
        return super().swap(key, data, tag)


class WithoutConditions(LocalStore):
    def swap(self, key, data, tag):  # noqa: ARG002
        raise StoreError("no conditions here", retryable=False, code="NotImplemented")


def never(_there):
    return False


def test_who_loses_a_turn_to_the_same_text_is_done(tmp_path):
    store = Raced(tmp_path, b"ours")

    assert swap_unless(store, KEY, b"ours", limit=100, stays=never) is True
    assert store.get(KEY) == b"ours"


def test_who_loses_a_turn_to_what_stays_leaves_it(tmp_path):
    store = Raced(tmp_path, b"theirs")

    assert swap_unless(store, KEY, b"ours", limit=100, stays=lambda there: there == b"theirs") is False
    assert store.get(KEY) == b"theirs"


def test_who_loses_a_turn_to_an_older_text_writes_again(tmp_path):
    store = Raced(tmp_path, b"older")

    assert swap_unless(store, KEY, b"ours", limit=100, stays=never) is True
    assert store.get(KEY) == b"ours"


def test_what_changes_all_the_time_is_tried_again_later(tmp_path):
    store = Raced(tmp_path, *(b"%d" % n for n in range(100)))

    with pytest.raises(StoreError, match="changes all the time") as caught:
        swap_unless(store, KEY, b"ours", limit=100, stays=never)

    assert caught.value.retryable


@pytest.mark.parametrize("there", [b"short", b"long" * 100])
def test_a_pointer_is_put_in_a_store_without_conditions_and_over_what_is_too_large(tmp_path, there):
    for store in (LocalStore(tmp_path / "plain"), WithoutConditions(tmp_path / "old")):
        store.put(KEY, there)

        put_pointer(store, KEY, b"ours", limit=100, stays=never)

        assert store.get(KEY) == b"ours"
