"""Which texts of a log may say the address of their sender, for many thousand pairs at once.

`footfall.scrub_addresses` says what a text has (`look`) and what an address needs (`address_signs`); here SQL
compares them. What is found is looked at closely; what is not found holds no spelling of the address.
"""

from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa

from footfall.scrub_addresses import Look, address_signs
from footfall.sql import Sql, name, run, sql
from sources.temporary_tables import Values, make_table

_MAY_SAY = sql(
    """CASE WHEN may_hide THEN len(decimals) > 0
    ELSE (strlen(held_decimal) >= fewest_decimal
            AND len(list_filter(decimals, lambda sign: contains(held_decimal, sign))) > 0)
        OR (strlen(held_hexadecimal) >= fewest_hexadecimal
            AND len(list_filter(hexadecimals, lambda sign: contains(held_hexadecimal, sign))) > 0)
    END"""
)


def signs_of(addresses: Sequence[str | None]) -> Mapping[str, Values]:
    """The columns of a table of addresses that `who_may_be_said` goes by."""
    signs = [None if address is None else address_signs(address) for address in addresses]
    return {
        "decimals": ([each and each.decimal for each in signs], pa.list_(pa.string())),
        "hexadecimals": ([each and each.hexadecimal for each in signs], pa.list_(pa.string())),
        "fewest_decimal": ([each and each.fewest_decimal for each in signs], pa.int32()),
        "fewest_hexadecimal": ([each and each.fewest_hexadecimal for each in signs], pa.int32()),
    }


def who_may_be_said(
    connection: duckdb.DuckDBPyConnection, looks: Mapping[str, Look], senders: Sql, column: str
) -> list[tuple[str, str]]:
    """Pairs of an address and a text, by address: the text may say it. Never one too few.

    `senders`: a relation that has addresses with their signs (`signs_of`), and texts in `column`; `looks`:
    what these texts have, those that may say an address at all.
    """
    if not looks:
        return []
    make_table(
        connection,
        "looks",
        {
            "looked_at": list(looks),
            "may_hide": ([each.may_hide for each in looks.values()], pa.bool_()),
            "held_decimal": [each.decimal for each in looks.values()],
            "held_hexadecimal": [each.hexadecimal for each in looks.values()],
        },
    )
    return run(
        connection,
        "SELECT DISTINCT address, looked_at FROM {senders} JOIN looks ON looked_at = {column} "
        "WHERE {may_say} ORDER BY address",
        senders=senders,
        column=name(column),
        may_say=_MAY_SAY,
    ).fetchall()
