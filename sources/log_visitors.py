"""Which visitor sent a request, and with which agent: a table between who asked and both."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from urllib.parse import unquote

import duckdb
import msgspec
import pyarrow as pa

from footfall.clients import Client, Site
from footfall.consent import reduced_user_agent
from footfall.event import MAX_USER_AGENT
from footfall.salts import Salts
from footfall.scrub import scrub_user_agent
from footfall.scrub_addresses import Look, address_signs, look, may_say, without_own_address
from footfall.sql import run
from sources.log_formats import LogFormat
from sources.temporary_tables import Values, add_rows, make_table
from sources.visitor_turns import VisitorTurns

#: Visitors of earlier pieces that are remembered, a few hundred bytes each.
MOST_KNOWN_VISITORS = 1 << 15


class LogVisitors:
    """Visitors of one run. Whoever was in an earlier piece is hashed no more."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        client: Client,
        site: Site,
        salts: Salts,
        form: LogFormat,
    ) -> None:
        self._connection = connection
        self._site = site
        self._turns = VisitorTurns(client, site, salts)
        self._read = user_agent if form.writing == "percent" else str
        self._known = 0
        make_table(connection, "visitors", _columns([], [], []))

    def find(self) -> None:
        """The temporary table `visitors`: (turn, address, agent as written) → visitor id, agent as JSON."""
        connection = self._connection
        self._turns.add_tables(connection)
        if self._known > MOST_KNOWN_VISITORS:
            self._known = 0
            make_table(connection, "visitors", _columns([], [], []))
        rows = run(
            connection,
            "SELECT DISTINCT turn, address, coalesce(agent, '') FROM turned_requests AS sent "
            "ANTI JOIN visitors "
            "ON visitors.turn = sent.turn AND whose = address AND written = coalesce(agent, '')",
        ).fetchall()
        self._known += len(rows)
        hashed = [self._visitor(*row) for row in rows]
        texts = [self._agent_of(address, agent) for _, address, agent in rows]
        add_rows(connection, "visitors", _columns(rows, hashed, texts))

    def _visitor(self, turn: int, address: str, written: str) -> str | None:
        if not self._site.consent_default:
            return None
        return self._turns.visitors(turn).of(self._site.site_id, address, self._read(written))

    def _agent_of(self, address: str, written: str) -> str:
        """What is stored of somebody's agent, as JSON."""
        shown, seen = _shown(self._read(written), is_whole=self._site.consent_default > 0)
        if may_say(seen, address_signs(address)):
            return without_own_address(shown.encode(), address).decode()
        return shown


#: Agents are few: a busy site sees some thousands of them in a day.
@lru_cache(maxsize=4096)
def _shown(agent: str, *, is_whole: bool) -> tuple[str, Look]:
    """What may be stored of an agent, whoever has it, as JSON; and what that has of addresses."""
    kept = scrub_user_agent(agent[:MAX_USER_AGENT]) if is_whole else reduced_user_agent(agent)
    text = msgspec.json.encode(kept[:MAX_USER_AGENT]).decode()
    return text, look(text)


def _columns(
    rows: Sequence[tuple[int, str, str]], hashed: Sequence[str | None], texts: Sequence[str]
) -> Mapping[str, Values]:
    return {
        "turn": ([row[0] for row in rows], pa.int64()),
        "whose": [row[1] for row in rows],
        "written": [row[2] for row in rows],
        "visitor_id": hashed,
        "user_agent_json": texts,
    }


@lru_cache(maxsize=4096)
def user_agent(written: str) -> str:
    """A user agent as the browser sent it: CloudFront encodes it once, older logs twice."""
    text = unquote(written)
    return unquote(text) if "%20" in text else text
