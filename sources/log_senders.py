"""Who sent the requests of a log, and where from: the tables between what is written and an address."""

from collections.abc import Callable
from functools import lru_cache

import duckdb
import pyarrow as pa

from footfall.address import Network
from footfall.geo import NOWHERE, Place
from footfall.scrub_addresses import Signs, address_signs
from footfall.sql import run
from sources.requests import NO_ADDRESS, sender
from sources.temporary_tables import make_table


def find_senders(
    connection: duckdb.DuckDBPyConnection, trusted: tuple[Network, ...], place: Callable[[str], Place]
) -> dict[str, Signs]:
    """The temporary table `senders`: what is written → the address, and where that is. Returns their signs.

    Who says none, has a problem. And two views: `requests`, the rows of `judged` without one, and
    `sent_requests`, with addresses, and with places where a line says no country itself.
    """
    rows = run(connection, "SELECT DISTINCT sender, forwarded FROM judged WHERE problem IS NULL").fetchall()
    found = [_known_sender(written, forwarded, trusted) for written, forwarded in rows]
    signs_of = {address: address_signs(address) for address in found if address is not None}
    each_signs = [None if address is None else signs_of[address] for address in found]
    places = [NOWHERE if address is None else place(address) for address in found]
    make_table(
        connection,
        "senders",
        {
            "sender": [row[0] for row in rows],
            "forwarded": [row[1] for row in rows],
            "address": found,
            "decimals": ([each and each.fewest_decimal for each in each_signs], pa.int32()),
            "hexadecimals": ([each and each.fewest_hexadecimal for each in each_signs], pa.int32()),
            "in_country": ([each.country for each in places], pa.string()),
            "in_region": ([each.region for each in places], pa.string()),
            "in_city": ([each.city for each in places], pa.string()),
        },
    )
    if None in found:
        run(
            connection,
            "UPDATE judged SET problem = $problem FROM senders WHERE judged.sender = senders.sender "
            "AND judged.forwarded IS NOT DISTINCT FROM senders.forwarded AND senders.address IS NULL "
            "AND judged.problem IS NULL",
            {"problem": NO_ADDRESS},
        )

    run(
        connection,
        "CREATE OR REPLACE TEMP VIEW requests AS "
        "SELECT judged.* EXCLUDE (problem) FROM judged WHERE problem IS NULL",
    )
    run(
        connection,
        "CREATE OR REPLACE TEMP VIEW sent_requests AS SELECT requests.* REPLACE ("
        "coalesce(country, in_country) AS country, "
        "CASE WHEN country IS NULL THEN coalesce(region, in_region) ELSE region END AS region, "
        "CASE WHEN country IS NULL THEN coalesce(city, in_city) ELSE city END AS city"
        "), address, decimals, hexadecimals "
        "FROM requests JOIN senders ON requests.sender = senders.sender "
        "AND requests.forwarded IS NOT DISTINCT FROM senders.forwarded",
    )
    return signs_of


@lru_cache(maxsize=1 << 15)
def _known_sender(written: str, forwarded: str | None, trusted: tuple[Network, ...]) -> str | None:
    return sender(written, forwarded, trusted)
