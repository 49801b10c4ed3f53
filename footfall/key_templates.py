"""Could two exports write into one folder? Compared as what their key templates can become."""

from functools import cache

from footfall.exports import Export

#: What a placeholder without a fixed value can become: characters, of which the last may repeat.
_DIGITS = frozenset("0123456789")
_DATE = [frozenset(c) if c == "-" else _DIGITS for c in "0000-00-00"]
_VARIABLE: dict[str, list[frozenset[str]]] = {
    "date": _DATE,
    "hour": [_DIGITS] * 2,
    "minute": [_DIGITS] * 2,
    "revision": [_DIGITS] * 4,
}

#: A character class, and whether it may come again and again.
_Token = tuple[frozenset[str], bool]


def share_a_folder(one: Export, other: Export, client_id: str) -> bool:
    """Whether some folder of one export's revisions could be one of the other's, or lie in one.

    Letters that differ in case alone count as equal: the disk of a bucket may fold them.
    """
    return _overlap(_template(one, client_id), _template(other, client_id))


@cache
def _overlap(one: str, other: str) -> bool:
    pairs = zip(one.split("/"), other.split("/"), strict=False)
    return all(_meet(_tokens(mine), _tokens(theirs)) for mine, theirs in pairs)


def _template(export: Export, client_id: str) -> str:
    """The template with all that is fixed filled in; the rest stays `{date}`."""
    text = export.kind.template(export.key)
    for name, value in (("export", export.name), ("dataset", export.dataset), ("client", client_id)):
        text = text.replace(f"{{{name}}}", value)
    return text.casefold()


def _tokens(segment: str) -> tuple[_Token, ...]:
    found: list[_Token] = []
    rest = segment
    while rest:
        name, closed, after = rest[1:].partition("}") if rest[0] == "{" else ("", "", "")
        if closed and name in _VARIABLE:
            found += [(each, False) for each in _VARIABLE[name]]
            if name == "revision":  # four digits or more
                found.append((_DIGITS, True))
            rest = after
        else:
            found.append((frozenset(rest[0]), False))
            rest = rest[1:]
    return tuple(found)


def _meet(one: tuple[_Token, ...], other: tuple[_Token, ...]) -> bool:
    """Whether some text is both."""
    seen: set[tuple[int, int]] = set()
    waiting = [(0, 0)]
    while waiting:
        at = waiting.pop()
        if at in seen:
            continue
        seen.add(at)
        i, j = at
        if i == len(one) and j == len(other):
            return True
        if i < len(one) and one[i][1]:
            waiting.append((i + 1, j))
        if j < len(other) and other[j][1]:
            waiting.append((i, j + 1))
        if i < len(one) and j < len(other) and not one[i][0].isdisjoint(other[j][0]):
            waiting.append((i if one[i][1] else i + 1, j if other[j][1] else j + 1))
    return False
