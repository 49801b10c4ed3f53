"""Objects that are written anew under their key, while others may be writing them too."""

from collections.abc import Callable

from footfall.store import Changed, ObjectStore, StoreError, TooLarge

#: How often an object that another process changes meanwhile is read again. Each run writes it once.
_TRIES = 10


def swap_unless(
    store: ObjectStore, key: str, data: bytes, *, limit: int, stays: Callable[[bytes], bool]
) -> bool:
    """Put `data` in place of what lies under a key. Whether it lies there now.

    What `stays` stays. Raises StoreError, and TooLarge where more than `limit` bytes lie there.
    """
    for _ in range(_TRIES):
        there = store.read_tagged(key, limit=limit)
        if there is not None and there[0] == data:
            return True
        if there is not None and stays(there[0]):
            return False
        try:
            store.swap(key, data, there[1] if there else None)
            return True
        except Changed:
            continue
    raise StoreError(f"{store.url(key)} changes all the time", retryable=True, code="Changed")


def put_pointer(
    store: ObjectStore, key: str, data: bytes, *, limit: int, stays: Callable[[bytes], bool]
) -> None:
    """The same for what names the newest of its kind, whatever lies there, and in a store without conditions.

    Raises StoreError.
    """
    try:
        swap_unless(store, key, data, limit=limit, stays=stays)
    except TooLarge:
        store.put(key, data)  # none of ours is so large
    except StoreError as error:
        if error.code not in ("NotImplemented", "501"):
            raise
        store.put(key, data)
