"""Who sent the requests of a log, and where from: the tables between what is written and an address."""

from collections.abc import Callable, Mapping, Sequence

import duckdb

from footfall.address import Network
from footfall.geo import NOWHERE, Place
from footfall.sql import run
from sources.log_addresses import signs_of
from sources.requests import NO_ADDRESS, sender
from sources.temporary_tables import Values, add_rows, make_table

#: Senders of earlier pieces that are remembered, some five hundred bytes each.
MOST_KNOWN_SENDERS = 1 << 15


class LogSenders:
    """Senders of one run. Whoever was in an earlier piece is looked up no more."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        trusted: tuple[Network, ...],
        place: Callable[[str], Place],
    ) -> None:
        self._connection = connection
        self._trusted = trusted
        self._place = place
        self._known = 0
        self._is_nobody_known = False
        make_table(connection, "senders", _columns([], [], []))

    def find(self) -> None:
        """The temporary table `senders`: what is written → the address, where that is, and its signs
        (sources.log_addresses).

        Who says none, has a problem. And two views: `requests`, the rows of `judged` without one, and
        `sent_requests`, with addresses, and with places where a line says no country itself.
        """
        connection = self._connection
        if self._known > MOST_KNOWN_SENDERS:
            self._known = 0
            make_table(connection, "senders", _columns([], [], []))
        rows = run(
            connection,
            "SELECT DISTINCT sender, forwarded FROM judged ANTI JOIN senders "
            "ON judged.sender = senders.sender AND judged.forwarded IS NOT DISTINCT FROM senders.forwarded "
            "WHERE problem IS NULL",
        ).fetchall()
        found = [sender(written, forwarded, self._trusted) for written, forwarded in rows]
        places = [NOWHERE if address is None else self._place(address) for address in found]
        add_rows(connection, "senders", _columns(rows, found, places))
        self._known += len(rows)
        self._is_nobody_known = self._is_nobody_known or None in found
        if self._is_nobody_known:
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
            "), address, decimals, hexadecimals, fewest_decimal, fewest_hexadecimal "
            "FROM requests JOIN senders ON requests.sender = senders.sender "
            "AND requests.forwarded IS NOT DISTINCT FROM senders.forwarded",
        )


def _columns(
    rows: Sequence[tuple[str, str | None]], found: Sequence[str | None], places: Sequence[Place]
) -> Mapping[str, Values]:
    return {
        "sender": [row[0] for row in rows],
        "forwarded": [row[1] for row in rows],
        "address": found,
        **signs_of(found),
        "in_country": [each.country for each in places],
        "in_region": [each.region for each in places],
        "in_city": [each.city for each in places],
    }
