"""Pages of a list: never a silent cut, `next` is there or the list is whole."""

import base64
import binascii

from api.problems import Problem


def cursor_of(offset: int, state: str) -> str:
    """Where the next page begins, of a list that is as `state` says."""
    return base64.urlsafe_b64encode(f"{offset}.{state}".encode()).decode().rstrip("=")


def offset_of(cursor: str | None, state: str) -> int:
    """The place that a cursor names. Raises Problem where the list has changed since, or it is none."""
    if not cursor:
        return 0
    offset, _, found = _text_of(cursor).partition(".")
    if not offset.isdecimal() or not offset.isascii() or len(offset) > 9:
        raise no_cursor()
    place = int(offset)
    if found != state:
        raise Problem("invalid", "the list has changed since: begin again without a cursor", field="cursor")
    return place


def key_cursor(key: str) -> str:
    """Where the next page begins, of a list that grows at its head: after the row of a key.

    So none comes twice, whatever is added meanwhile.
    """
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def key_of(cursor: str) -> str:
    """The key that such a cursor names. Raises Problem where it is none."""
    return _text_of(cursor)


def _text_of(cursor: str) -> str:
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (ValueError, binascii.Error):
        raise no_cursor() from None


def no_cursor() -> Problem:
    """What is said of a cursor that nobody gave out."""
    return Problem("invalid", "that is no cursor of ours", field="cursor")
