"""Whose a stored line is: collectors write the id of a client file, which may have had several owners."""

from collections.abc import Iterable
from datetime import UTC, datetime

from footfall.identities import History, Identity, reused
from footfall.sql import Sql, joined, sql, text, texts

#: Where no id had a second owner, it is as it is written.
AS_WRITTEN = sql("client_id")


def owner_of(histories: Iterable[History]) -> Sql:
    """SQL for the identity of a line, over its client_id, site_id and received_at.

    Of the identities that ever had the line's site the first that had not ended when it was received, else
    the last; where none had the site, the same by time alone. What names an identity (an import) keeps it.
    """
    cases = [
        sql("WHEN client_id = {id} THEN {owner}", id=text(each.client_id), owner=_of(each.identities))
        for each in reused(histories)
    ]
    if not cases:
        return AS_WRITTEN
    return sql("CASE {cases} ELSE client_id END", cases=joined(" ", cases))


def _of(identities: tuple[Identity, ...]) -> Sql:
    in_time = [_when(each, sql("AND {t}", t=_before(each.ended_at))) for each in identities if each.sites]
    ever = [_when(each, sql("")) for each in reversed(identities) if each.sites]
    by_time = [
        sql("WHEN {t} THEN {name}", t=_before(each.ended_at), name=text(each.name)) for each in identities
    ]
    return sql(
        "coalesce(CASE {in_time} END, CASE {ever} END, CASE {by_time} ELSE {last} END)",
        in_time=joined(" ", in_time or [sql("WHEN false THEN ''")]),
        ever=joined(" ", ever or [sql("WHEN false THEN ''")]),
        by_time=joined(" ", by_time),
        last=text(identities[-1].name),
    )


def _when(identity: Identity, more: Sql) -> Sql:
    return sql(
        "WHEN site_id IN ({sites}) {more} THEN {name}",
        sites=texts(sorted(identity.sites)),
        more=more,
        name=text(identity.name),
    )


def _before(ended_at: datetime | None) -> Sql:
    if ended_at is None:
        return sql("true")
    return sql("received_at < TIMESTAMPTZ {end}", end=text(ended_at.astimezone(UTC).isoformat()))
