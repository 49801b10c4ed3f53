"""`has_done`: sessions in which something was done, by the views and conversions that are published."""

from collections.abc import Callable, Mapping
from datetime import date

from api.conditions import ACTS, Done, Filter, conditions, dones, where
from api.measures import Source
from api.problems import Problem
from footfall.clients import Site
from footfall.sql import Sql, joined, name, sql

#: What is asked of each of the two tables that say what was done, and by whom.
_ACTS: tuple[Source, ...] = (
    Source(
        "page_views",
        {
            "event_type": sql("'page_view'"),
            **{each: name(each) for each in ACTS[1:]},
        },
        {},
        rows=sql("NOT is_bot"),
    ),
    Source(
        "conversions",
        {
            "event_type": name("conversion"),
            "page": name("page"),
            "page_group": sql("NULL"),
            "host": sql("NULL"),
        },
        {},
        rows=sql("NOT is_bot"),
    ),
)
TABLES = tuple(source.table for source in _ACTS)


def require_known(found: Filter, site: Site) -> None:
    """Raises Problem for what no published row says: it would look like what nobody has done."""
    for each in dones(found):
        for condition in conditions(each.inside):
            if condition.dimension != "event_type" or condition.operator != "is":
                continue
            known = {"page_view", *site.conversions}
            strange = [value for value in condition.values if value not in known]
            if strange:
                raise Problem(
                    "invalid",
                    f"{strange[0][:80]!r} is no conversion of {site.site_id}: name it in its `conversions`",
                    field="filters",
                    possible=sorted(known),
                )


def is_asked(found: Filter) -> bool:
    """Whether a filter asks for what was done."""
    return next(dones(found), None) is not None


def sessions_that(
    relations: Mapping[str, Sql], site: Site, days: tuple[date, date]
) -> Callable[[Done], tuple[Sql, list[object]]]:
    """What makes of `has_done` a condition over a row with a session, and its parameters.

    `relations`: table → its rows.
    """

    def condition(found: Done) -> tuple[Sql, list[object]]:
        parts: list[Sql] = []
        values: list[object] = []
        for source in _ACTS:
            rule, of_rule = where(source, found.inside)
            parts.append(
                sql(
                    "SELECT session_id FROM {relation} WHERE site_id = ? AND date BETWEEN ? AND ? AND {rows} "
                    "AND {rule} AND session_id IS NOT NULL",
                    relation=relations[source.table],
                    rows=source.rows,
                    rule=rule,
                )
            )
            values += [site.site_id, *days, *of_rule]
        inside = sql("session_id IN ({acts})", acts=joined(" UNION ALL ", parts))
        return (sql("NOT {inside}", inside=inside) if found.is_not else inside), values

    return condition
