"""Lines of logs that are no requests, or that no event can hold → refused lines, each in an hour near it."""

from collections.abc import Mapping
from datetime import datetime

import duckdb

from footfall.clients import Client, Site
from footfall.errors import FootfallError
from footfall.event import Receipt, Refusal, Refused, refused_line
from footfall.sql import run
from sources.log_formats import LogFormat
from sources.requests import TOO_LARGE
from sources.staged_hours import HourLines, StagedHours, hour_of
from sources.torn_lines import CUT, malformed_line

#: Bad lines, in bytes, that are held until a good one says what hour it is.
MAX_WAITING_BYTES = 32 << 20


class BadLines:
    """A bad line belongs to the hour of the line before it that is stored, else of the one behind it."""

    def __init__(self, staged: StagedHours, client: Client, site: Site, form: LogFormat) -> None:
        self._staged = staged
        self._client = client
        self._site = site
        self._form = form
        self._near: dict[int, datetime] = {}
        self._early: list[tuple[int, str, bytes]] = []
        self._early_bytes = 0
        self._keys: Mapping[int, str] = {}

    def stage(self, connection: duckdb.DuckDBPyConnection, keys: Mapping[int, str]) -> None:
        """Those of the table `judged`. `keys`: number of an object → its name."""
        self._keys = {**self._keys, **keys}
        ends = run(
            connection,
            "SELECT object, min_by(requested_at, line_number), max_by(requested_at, line_number) "
            "FROM judged WHERE problem IS NULL GROUP BY object",
        ).fetchall()
        firsts = {number: first for number, first, _ in ends}
        for number, line_number, line, problem, before in self._found(connection):
            near = before or self._near.get(number) or firsts.get(number)
            said = f"line {line_number}: {problem}"
            if near is None:
                self._hold(number, said, line.encode())
            else:
                self._stage_one(number, near, said, line.encode())
        self._near.update({number: last for number, _, last in ends})
        for number, said, early in self._early:
            if number in firsts:
                self._stage_one(number, firsts[number], said, early)
        self._early = [each for each in self._early if each[0] not in firsts]

    def end(self, now: datetime) -> None:
        """What still waits belongs to nothing: it is of now."""
        for number, said, line in self._early:
            self._stage_one(number, now, said, line)
        self._early = []

    def refuse(self, at: datetime, reason: Refused) -> None:
        """A refused line without text."""
        self._put(at, refused_line(reason, self._receipt(at), b""))

    def _found(
        self, connection: duckdb.DuckDBPyConnection
    ) -> list[tuple[int, int, str, str, datetime | None]]:
        if run(connection, "SELECT 1 FROM judged WHERE problem IS NOT NULL LIMIT 1").fetchone() is None:
            return []  # spares a sort of everything
        return run(
            connection,
            """
            SELECT object, line_number, coalesce(line, ''), problem, near FROM (
                SELECT *, last_value(CASE WHEN problem IS NULL THEN requested_at END IGNORE NULLS) OVER (
                    PARTITION BY object ORDER BY line_number
                ) AS near FROM judged
            ) WHERE problem IS NOT NULL ORDER BY object, line_number
            """,
        ).fetchall()

    def _hold(self, number: int, said: str, line: bytes) -> None:
        self._early.append((number, said, line))
        self._early_bytes += len(line)
        if self._early_bytes > MAX_WAITING_BYTES:
            raise FootfallError(
                f"{self._keys.get(number, 'the log')}: before {MAX_WAITING_BYTES} bytes of other lines "
                f"nothing of it is stored; is it of the {self._form.name} format? Nothing was imported"
            )

    def _stage_one(self, number: int, near: datetime, said: str, line: bytes) -> None:
        refusal = Refusal.EVENT_TOO_LARGE if said.endswith(TOO_LARGE) else Refusal.MALFORMED_LOG_LINE
        reason = Refused(refusal, f"{self._keys.get(number, '')}, {said}{CUT}")
        self._put(near, malformed_line(reason, self._receipt(near), line))

    def _put(self, at: datetime, stored: bytes) -> None:
        self._staged.add(HourLines(hour_of(at), len(stored) + 1, 1, (stored, b"\n")))

    def _receipt(self, at: datetime) -> Receipt:
        return Receipt(self._client.client_id, self._site.site_id, at, None, "")
