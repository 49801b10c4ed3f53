"""What an hour's distinct user agents, referrers and visitors say, as small tables that its rows are joined
to.

Each distinct value is looked at once, in Python; DuckDB does the rest.
"""

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import version

import duckdb

from footfall.clients import Registry
from footfall.sql import joined, name, run, sql
from orchestration.ingest.enrichment.referrers import HOSTS, SPAM_HOSTS, classify
from orchestration.ingest.enrichment.user_agents import agent_of, device_of

#: Version of the rules in this folder; goes up when the same line gives another row.
RULES = 3
#: Page views of one visitor in one minute that no person can make. Lower: busy offices behind one address,
#: which are one visitor, become bots. Higher: only the wildest programs are found. 20 to 1000.
IMPOSSIBLE_VIEWS_A_MINUTE = 60
#: Pairs of user agent and client hints that are looked at in an hour, the most used ones: senders can make up
#: any number, and each costs 1 ms, or 5 where it is made for that. Events of the rest have no browser and are
#: no bots. More: the hour of a flood takes longer. 10,000 to 200,000.
AGENTS_AN_HOUR = 50_000

_AGENT = ("browser", "browser_version", "os", "os_version", "device", "bot_class", "bot_name")


@cache
def enrichment_version() -> str:
    """What a row was enriched with: our rules, the packages and the lists. Same version, same row."""
    lists = hashlib.sha256(HOSTS.read_bytes() + SPAM_HOSTS.read_bytes()).hexdigest()[:8]
    packages = f"uap{version('ua-parser-builtins')}-cua{version('crawler-user-agents')}"
    return f"{RULES}-{packages}-cd{version('crawlerdetect')}-lists{lists}"


def make_tables(
    connection: duckdb.DuckDBPyConnection, registry: Registry, *, most_agents: int = AGENTS_AN_HOUR
) -> None:
    """Make the temporary tables agents, own_apps, referrers, runaways and page_rules from `judged`
    (ingest.lines).
    """
    _agents(connection, most_agents)
    _own_apps(connection, registry)
    _referrers(connection, registry)
    _runaways(connection)
    _page_rules(connection, registry)


def _agents(connection: duckdb.DuckDBPyConnection, most: int) -> None:
    pairs = run(
        connection,
        "SELECT user_agent, client_hints FROM judged WHERE is_event AND user_agent <> '' "
        "GROUP BY ALL ORDER BY count(*) DESC, user_agent, client_hints LIMIT ?",
        [most],
    ).fetchall()
    agents = [agent_of(*pair) for pair in pairs]
    rows = [
        (*pair, *(getattr(agent, field) for field in _AGENT))
        for pair, agent in zip(pairs, agents, strict=True)
    ]
    _fill(connection, "agents", ("user_agent", "client_hints", *_AGENT), rows)


def _own_apps(connection: duckdb.DuckDBPyConnection, registry: Registry) -> None:
    """User agents of the apps that a site declares, with their device: whatever they look like, no bots."""
    declared = [
        (client.client_id, site.site_id, start.lower())
        for client in registry.clients
        for site in client.sites
        for start in site.app_user_agents
    ]
    _fill(connection, "declared_apps", ("client_id", "site_id", "start"), declared)
    found = run(
        connection,
        "SELECT DISTINCT client_id, site_id, user_agent FROM judged "
        "JOIN declared_apps USING (client_id, site_id) "
        "WHERE is_event AND starts_with(lower(user_agent), start)",
    ).fetchall()
    rows = [(*app, device_of(app[2])) for app in found]
    _fill(connection, "own_apps", ("client_id", "site_id", "user_agent", "device"), rows)


def _referrers(connection: duckdb.DuckDBPyConnection, registry: Registry) -> None:
    found = run(
        connection,
        "SELECT DISTINCT client_id, site_id, authority FROM judged WHERE is_event AND authority <> ''",
    ).fetchall()
    clients = {client.client_id: client for client in registry.clients}
    rows = []
    for client_id, site_id, authority in found:
        referrer = classify(authority, clients.get(client_id), site_id)
        if referrer is not None:
            rows.append((client_id, site_id, authority, referrer.referrer_class, referrer.source))
    _fill(
        connection,
        "referrers",
        ("client_id", "site_id", "authority", "referrer_class", "referrer_source"),
        rows,
    )


def _runaways(connection: duckdb.DuckDBPyConnection) -> None:
    """Visitors who viewed more pages in one minute than a person can."""
    run(
        connection,
        """
        CREATE OR REPLACE TEMP TABLE runaways AS
        WITH busy AS (
            SELECT client_id, site_id, visitor_id FROM judged
            WHERE is_event AND is_page_view AND visitor_id IS NOT NULL
            GROUP BY ALL HAVING count(*) > $most
        )
        SELECT DISTINCT client_id, site_id, visitor_id
        FROM judged JOIN busy USING (client_id, site_id, visitor_id)
        WHERE is_event AND is_page_view
        GROUP BY client_id, site_id, visitor_id, date_trunc('minute', occurred_at) HAVING count(*) > $most
        """,
        {"most": IMPOSSIBLE_VIEWS_A_MINUTE},
    )


def _page_rules(connection: duckdb.DuckDBPyConnection, registry: Registry) -> None:
    """A row for each site with rules of its own. `patterns` are LIKE patterns with `!` as their escape."""
    ruled = [(c, s, s.pages) for c in registry.clients for s in c.sites if s.pages != type(s.pages)()]
    run(
        connection,
        "CREATE OR REPLACE TEMP TABLE page_rules (client_id VARCHAR, site_id VARCHAR, slash VARCHAR, "
        "lower_case BOOLEAN, query VARCHAR[], patterns VARCHAR[], names VARCHAR[])",
    )
    for client, site, rules in ruled:
        run(
            connection,
            "INSERT INTO page_rules VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                client.client_id,
                site.site_id,
                rules.trailing_slash,
                rules.lower_case,
                rules.query,
                [like_pattern(group.path) for group in rules.groups],
                [group.name for group in rules.groups],
            ],
        )


def like_pattern(path: str) -> str:
    """`/blog/*` as a pattern of LIKE with `!` as its escape."""
    return path.replace("!", "!!").replace("%", "!%").replace("_", "!_").replace("*", "%")


def _fill(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str | None]],
) -> None:
    """A temporary table of text columns. Whole columns as lists: row by row takes a hundred times as long."""
    run(
        connection,
        "CREATE OR REPLACE TEMP TABLE {table} ({columns})",
        table=name(table),
        columns=joined(", ", (sql("{column} VARCHAR", column=name(column)) for column in columns)),
    )
    values = [list(column) for column in zip(*rows, strict=True)]
    if values:
        places = joined(", ", (sql("unnest(CAST(? AS VARCHAR[]))") for _ in columns))
        run(connection, "INSERT INTO {table} SELECT {places}", values, table=name(table), places=places)
