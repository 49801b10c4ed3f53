"""Under which salt the visitors of a log's requests are hashed: that of the site's day, whatever UTC says."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import duckdb
import pyarrow as pa

from footfall.clients import Client, Site
from footfall.privacy import VisitorHash
from footfall.salts import Salts, salt_day
from footfall.sql import run
from sources.temporary_tables import make_table

_DAY = timedelta(days=1)


class VisitorTurns:
    """Stretches with one salt each: a site's days, cut at midnight UTC too, where earlier programs cut."""

    def __init__(self, client: Client, site: Site, salts: Salts) -> None:
        self._client_id = client.client_id
        self._clock = client.clock(site)
        self._salts = salts
        #: When a stretch begins → its number.
        self._numbers: dict[datetime, int] = {}
        self._visitors: dict[int, VisitorHash] = {}

    def add_tables(self, connection: duckdb.DuckDBPyConnection) -> None:
        """The view `turned_requests`: `sent_requests`, each with the number of its stretch, `turn`."""
        found = run(connection, "SELECT DISTINCT CAST(requested_at AS DATE) FROM requests").fetchall()
        rows = [
            (day, *stretch, self._numbers.setdefault(stretch[0], len(self._numbers)))
            for (day,) in found
            for stretch in pairwise(self._cuts(day))
        ]
        make_table(
            connection,
            "turns",
            {
                "date": ([row[0] for row in rows], pa.date32()),
                "begins": ([row[1] for row in rows], pa.timestamp("us", "UTC")),
                "ends": ([row[2] for row in rows], pa.timestamp("us", "UTC")),
                "turn": ([row[3] for row in rows], pa.int64()),
            },
        )
        run(
            connection,
            "CREATE OR REPLACE TEMP VIEW turned_requests AS SELECT requests.*, turns.turn "
            "FROM sent_requests AS requests "
            "JOIN turns ON turns.date = CAST(requests.requested_at AS DATE) "
            "AND requests.requested_at >= turns.begins AND requests.requested_at < turns.ends",
        )

    def visitors(self, turn: int) -> VisitorHash:
        """The visitors of a stretch. Raises StoreError where no salt can be had."""
        if turn not in self._visitors:
            salt = self._salts.of(self._client_id, self._clock, list(self._numbers)[turn])
            self._visitors[turn] = VisitorHash(salt)
        return self._visitors[turn]

    def _cuts(self, day: date) -> list[datetime]:
        """The beginnings of stretches within a UTC day, and its end."""
        cuts = [datetime.combine(day, time(), UTC)]
        end = cuts[0] + _DAY
        while (later := salt_day(self._clock, cuts[-1]).ends) < end:
            cuts.append(later)
        return [*cuts, end]
