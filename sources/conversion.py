"""Lines of logs → stored lines, by hour of the request.

    lines ── judge ─► requests ─► `page_view` and `request` events ─┐
                └──► bad lines ─────────────► refused lines ────────┴► hours, on disk

A request is an event received at its own time, so it lands in the partition of its own hour and every later
step treats it like any other; an hour that was closed already is noticed by the late-objects sensor. Memory
holds a piece of a log at a time, whatever its size.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from footfall.address import Network
from footfall.clients import Client, Site
from footfall.errors import FootfallError
from footfall.event import Refusal, Refused
from footfall.geo import NOWHERE, Place
from footfall.hours import floor
from footfall.salts import Salts
from footfall.sql import run, sql
from sources.bad_lines import BadLines
from sources.event_names import EventNames
from sources.layouts import Layout
from sources.log_formats import LogFormat
from sources.log_privacy import take_out_own_addresses, take_out_personal_data
from sources.log_senders import LogSenders
from sources.log_visitors import LogVisitors
from sources.repeated_lines import RepeatedLines
from sources.request_lines import (
    NO_HOST,
    OF_CLOUDFRONT,
    OF_LINE,
    USUAL_PAGES,
    PageRule,
    clean_hosts,
    request_ids,
    stored_lines,
)
from sources.requests import TOO_LARGE, begin, judge
from sources.staged_hours import StagedHours, hours_of
from sources.temporary_tables import make_table

#: Bytes of lines that are converted together. Higher: fewer statements, and ten times as much more memory.
PIECE_BYTES = 8 << 20
#: Requests whose lines are given at once: buffers grow by doubling, and one of a whole piece is half empty.
BATCH_ROWS = 4096
#: Bad lines, in bytes, that are held until a good one says what hour it is.
MAX_WAITING_BYTES = 32 << 20


@dataclass(frozen=True)
class Receiver:
    """Whose the requests are, and what is made of them. `trusted`: proxies that a log may name as the sender.

    `page_rule` None makes no page views, for a site whose pixel counts them; `keeps_requests` None is as the
    format has it.
    """

    client: Client
    site: Site
    salts: Salts
    names: EventNames
    page_rule: PageRule | None = USUAL_PAGES
    keeps_requests: bool | None = None
    trusted: tuple[Network, ...] = ()
    #: Where an address is, as far as the log does not say it itself.
    place: Callable[[str], Place] = lambda _: NOWHERE
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Counts:
    """What became of lines. lines = requests + malformed + refused; requests = stored + others."""

    lines: int = 0
    #: Requests of which something is stored: an event `request`, a page view, or both.
    stored: int = 0
    stored_requests: int = 0
    page_views: int = 0
    malformed: int = 0
    #: Lines that no event can hold.
    refused: int = 0
    #: Hosts that the site does not declare → their requests, which are stored all the same.
    undeclared: Counter[str] = field(default_factory=Counter)

    @property
    def requests(self) -> int:
        """Lines that are requests."""
        return self.lines - self.malformed - self.refused

    @property
    def others(self) -> int:
        """Requests of which nothing is stored: no page views, where requests are not kept."""
        return self.requests - self.stored


#: Of an object that an earlier version may have imported: its number, and the time of its first page view →
#: the name by which its events were numbered, None where that version did not import it.
FormerName = Callable[[int, datetime], "str | None"]


class Conversion:
    """The lines of one run, piece by piece. To be ended by `finish`."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        folder: Path,
        receiver: Receiver,
        form: LogFormat,
        *,
        former_name: FormerName | None = None,
    ) -> None:
        self.counts = Counts()
        self._connection = connection
        self._to = receiver
        self._form = form
        self._keeps_requests = (
            form.keeps_requests if receiver.keeps_requests is None else receiver.keeps_requests
        )
        self._former = former_name
        self._former_names: dict[int, str | None] = {}
        self._waiting: dict[Layout, list[pa.Table]] = {}
        self._waiting_bytes = 0
        self._keys: dict[int, str] = {}
        self._staged = StagedHours(folder)
        self._bad = BadLines(self._staged, receiver.client, receiver.site, form)
        self._repeated = RepeatedLines(folder)
        self._senders = LogSenders(connection, receiver.trusted, receiver.place)
        self._visitors = LogVisitors(connection, receiver.client, receiver.site, receiver.salts, form)
        self._default_host = next(
            (domain for domain in receiver.site.domains if not domain.startswith("*.")), None
        )

    def add(self, number: int, key: str, layout: Layout, lines: pa.Table) -> None:
        """Lines of the object `number`, named `key`: line_number and line, or Parquet's columns."""
        self._keys[number] = key
        table = lines.append_column("object", pa.array([number] * lines.num_rows, pa.int64()))
        self._waiting.setdefault(layout, []).append(table)
        self._waiting_bytes += table.nbytes
        if self._waiting_bytes >= PIECE_BYTES:
            self._convert()

    def refuse(self, key: str, problem: str) -> None:
        """An object of which nothing is taken: one refused line, now."""
        self._bad.refuse(floor(self._to.now), Refused(Refusal.UNREADABLE_LOG, f"{key}: {problem}"))

    def finish(self) -> StagedHours:
        """What is stored, by hour."""
        self._convert()
        self._bad.end(self._to.now)
        return self._staged

    # A piece ------------------------------------------------------------------------------------------

    def _convert(self) -> None:
        if not self._waiting:
            return
        connection = self._connection
        self._judge()
        make_table(
            self._connection,
            "objects",
            {"object": (list(self._keys), pa.int64()), "object_key": list(self._keys.values())},
        )
        self._senders.find()
        self._count()
        take_out_personal_data(connection)
        take_out_own_addresses(connection)
        self._visitors.find()
        self._require_hosts()
        clean_hosts(connection, self._default_host or NO_HOST)
        self._add_ids()
        self._count_hosts()
        self._stage_requests()
        self._bad.stage(connection, self._keys)
        pa.default_memory_pool().release_unused()  # before the next piece takes as much again
        self._staged.end_round()
        last = max(self._keys)
        self._keys = {last: self._keys[last]}

    def _judge(self) -> None:
        """The table `judged`, of all lines that wait."""
        begin(self._connection)
        rule = self._to.page_rule
        is_page = sql("false") if rule is None else rule.condition()
        keeps = self._keeps_requests
        for layout in list(self._waiting):
            table = pa.concat_tables(self._waiting.pop(layout))
            self.counts.lines += table.num_rows
            judge(self._connection, layout, table, self._to.now, is_page=is_page, keeps_others=keeps)
        self._waiting_bytes = 0

    def _count(self) -> None:
        found = run(
            self._connection,
            "SELECT count_if(problem IS NULL), count_if(problem IS NULL AND is_page_view), "
            "count_if(problem = $large), count_if(problem IS NOT NULL) FROM judged",
            {"large": TOO_LARGE},
        ).fetchone()
        stored, pages, large, bad = (n or 0 for n in found or (0, 0, 0, 0))
        counts = self.counts
        counts.stored_requests += stored if self._keeps_requests else 0
        counts.page_views += pages
        counts.stored += stored
        counts.refused += large
        counts.malformed += bad - large

    # Who and what -------------------------------------------------------------------------------------

    def _add_ids(self) -> None:
        """The temporary table `ids`; a file that an earlier version imported keeps its own."""
        if self._former is not None:
            firsts = run(
                self._connection,
                "SELECT object, min_by(requested_at, line_number) FROM requests WHERE is_page_view "
                "GROUP BY object ORDER BY object",
            ).fetchall()
            for object_, at in firsts:
                if object_ not in self._former_names:
                    self._former_names[object_] = self._former(object_, at)
        former = {object_: each for object_, each in self._former_names.items() if each is not None}
        make_table(
            self._connection,
            "former",
            {"object": (list(former), pa.int64()), "name": [each[:24] for each in former.values()]},
        )
        is_cdn = self._form.source == "cloudfront"
        rows = run(
            self._connection,
            """
            SELECT object, line_number, CAST(epoch(requested_at) AS BIGINT) AS second,
                hash(object, {identity}) AS hash
            FROM requests JOIN objects USING (object) WHERE request_id IS NULL ORDER BY object, line_number
            """,
            {} if is_cdn else {"site": self._to.site.site_id},
            identity=OF_CLOUDFRONT if is_cdn else OF_LINE,
        ).fetchnumpy()
        occurrences = self._repeated.occurrences(rows["second"], rows["hash"])
        again = occurrences > 1
        make_table(
            self._connection,
            "repeated",
            {
                "object": (rows["object"][again], pa.int64()),
                "line_number": (rows["line_number"][again], pa.int64()),
                "occurrence": (occurrences[again], pa.int64()),
            },
        )
        request_ids(self._connection, self._form, self._to.names.key, self._to.site)

    def _require_hosts(self) -> None:
        if self._default_host is None and not self._form.keeps_requests:
            found = run(self._connection, "SELECT 1 FROM requests WHERE host IS NULL LIMIT 1").fetchone()
            if found is not None:
                raise FootfallError(
                    f"site {self._to.site.site_id} of client {self._to.client.client_id} has wildcard "
                    "domains only, and a log names no host: add the host name that the log is of to the "
                    "site's domains"
                )

    def _count_hosts(self) -> None:
        rows = run(
            self._connection,
            "SELECT clean_host, count(*) FROM requests JOIN hosts ON written = coalesce(host, '') GROUP BY 1",
        ).fetchall()
        for host, count in rows:
            if not self._to.site.declares(host):
                self.counts.undeclared[host] += count

    # What is stored -----------------------------------------------------------------------------------

    def _stage_requests(self) -> None:
        """Both events of each request, in the order of the log."""
        lines = stored_lines(self._to.client, self._to.site, self._form)
        page_view = lines.line("page_view")
        found = run(
            self._connection,
            """
            WITH named AS (
                SELECT CAST(epoch_ms(requested_at) // 3600000 AS BIGINT) AS hour, requests.object,
                    requests.line_number, is_page_view, ids.request_id,
                    {envelope} AS envelope, {event} AS event
                FROM turned_requests AS requests
                JOIN hosts ON hosts.written = coalesce(requests.host, '')
                JOIN visitors ON visitors.turn = requests.turn
                    AND visitors.whose = requests.address AND visitors.written = coalesce(agent, '')
                JOIN ids ON ids.object = requests.object AND ids.line_number = requests.line_number
            )
            SELECT hour, object, line_number, {count} AS lines, {text} AS text FROM named
            """,
            envelope=lines.envelope,
            event=lines.event,
            count=sql("CAST(1 + CAST(is_page_view AS INTEGER) AS BIGINT)")
            if self._keeps_requests
            else sql("CAST(1 AS BIGINT)"),
            text=sql(
                "concat({request}, CASE WHEN is_page_view THEN {page_view} END)",
                request=lines.line("request"),
                page_view=page_view,
            )
            if self._keeps_requests
            else page_view,
        ).to_arrow_reader(BATCH_ROWS)
        for each in hours_of(found.read_all()):
            self._staged.add(each)
