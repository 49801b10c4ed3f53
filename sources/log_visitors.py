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
from footfall.scrub_addresses import Look, look, without_own_address
from footfall.sql import run, sql
from sources.log_addresses import who_may_be_said
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
        make_table(connection, "visitors", _columns([], [], [], [], []))

    def find(self) -> None:
        """The temporary table `visitors`: (turn, address, agent as written) → visitor id, agent as JSON."""
        connection = self._connection
        self._turns.add_tables(connection)
        if self._known > MOST_KNOWN_VISITORS:
            self._known = 0
            make_table(connection, "visitors", _columns([], [], [], [], []))
        run(
            connection,
            "CREATE OR REPLACE TEMP TABLE newcomers AS "
            "SELECT DISTINCT turn, address, coalesce(agent, '') AS written FROM turned_requests AS sent "
            "ANTI JOIN visitors "
            "ON visitors.turn = sent.turn AND whose = address AND visitors.written = coalesce(agent, '')",
        )
        found = run(connection, "SELECT turn, address, written FROM newcomers").fetchnumpy()
        turns, addresses, agents = (found[each].tolist() for each in ("turn", "address", "written"))
        self._known += len(turns)
        shown = self._shown(agents, addresses)
        add_rows(
            connection,
            "visitors",
            _columns(turns, addresses, agents, list(map(self._visitor, turns, addresses, agents)), shown),
        )

    def _shown(self, agents: Sequence[str], addresses: Sequence[str]) -> list[str]:
        """What is stored of the agents of newcomers, as JSON."""
        is_whole = self._site.consent_default > 0
        shown = {agent: _shown(self._read(agent), is_whole=is_whole) for agent in set(agents)}
        found = [shown[agent][0] for agent in agents]
        said = who_may_be_said(
            self._connection,
            {agent: seen for agent, (_, seen) in shown.items()},
            sql("(FROM newcomers JOIN senders USING (address))"),
            "written",
        )
        if said:
            clean = {
                (address, agent): without_own_address(shown[agent][0].encode(), address).decode()
                for address, agent in said
            }
            for n, pair in enumerate(zip(addresses, agents, strict=True)):
                found[n] = clean.get(pair, found[n])
        return found

    def _visitor(self, turn: int, address: str, written: str) -> str | None:
        if not self._site.consent_default:
            return None
        return self._turns.visitors(turn).of(self._site.site_id, address, self._read(written))


#: Agents are few: a busy site sees some thousands of them in a day.
@lru_cache(maxsize=4096)
def _shown(agent: str, *, is_whole: bool) -> tuple[str, Look]:
    """What may be stored of an agent, whoever has it, as JSON; and what that has of addresses."""
    kept = scrub_user_agent(agent[:MAX_USER_AGENT]) if is_whole else reduced_user_agent(agent)
    text = msgspec.json.encode(kept[:MAX_USER_AGENT]).decode()
    return text, look(text)


def _columns(
    turns: Sequence[int],
    addresses: Sequence[str],
    agents: Sequence[str],
    hashed: Sequence[str | None],
    texts: Sequence[str],
) -> Mapping[str, Values]:
    return {
        "turn": (turns, pa.int64()),
        "whose": addresses,
        "written": agents,
        "visitor_id": hashed,
        "user_agent_json": texts,
    }


@lru_cache(maxsize=4096)
def user_agent(written: str) -> str:
    """A user agent as the browser sent it: CloudFront encodes it once, older logs twice."""
    text = unquote(written)
    return unquote(text) if "%20" in text else text
