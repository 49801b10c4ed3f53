"""`footfall published`: what is published of each client, and rows of it, without the warehouse."""

import csv
import json
import sys
from collections.abc import Callable
from datetime import date
from typing import Any

import click

from commands.noting import noted
from commands.parameters import CLIENT, DAY, client
from commands.state import with_state
from footfall.access import audit
from footfall.catalogue.tables import PUBLISHED
from footfall.clients import Registry, registry_of
from footfall.durable import open_lake
from footfall.errors import FootfallError
from footfall.owners import named
from footfall.published.documents import PublishedTable
from footfall.published.opening import NothingPublished, open_snapshot, read_pointer
from footfall.settings import Settings
from footfall.store import ObjectStore

#: Tables that say nothing of a person: to read them is nobody's affair.
_FIGURES = frozenset(table.name for table in PUBLISHED if table.retention == "figures")


@click.group()
def command() -> None:
    """Published tables of the lake: what programs read without the warehouse."""


@command.command("list")
@client()
@click.option("--json", "is_json", is_flag=True, help="The snapshot as it is, a line a client.")
@with_state
def list_(settings: Settings, client_id: str | None, is_json: bool) -> int:
    """Tables of each client: rows, days, files, bytes; how far they are complete."""
    lake, registry = open_lake(settings.lake, settings.s3_endpoint, settings.home), registry_of(settings)
    names = [_known(lake, registry, client_id)] if client_id else [c.client_id for c in registry.clients]
    for name in names:
        try:
            snapshot = open_snapshot(lake, name)
        except NothingPublished as error:
            if client_id:
                raise
            print(f"{error}", file=sys.stderr)
            continue
        if is_json:
            sys.stdout.write(snapshot.as_bytes().decode())
            continue
        pointer = read_pointer(lake, name)
        when = f", published {pointer.published_at:%Y-%m-%dT%H:%M:%SZ}" if pointer else ""
        print(f"{name}  snapshot {snapshot.name}, complete through {snapshot.complete_through}{when}")
        for table in snapshot.tables.values():
            print(f"  {_line(table)}")
    return 0


def _known(lake: ObjectStore, registry: Registry, client_id: str) -> str:
    """The identity that a person means. Raises FootfallError where nothing is of it."""
    name = named(registry, client_id)
    if registry.client(name) is None and read_pointer(lake, name) is None:
        raise FootfallError(
            f"no client {client_id!r} has a valid file or published tables; `footfall clients` lists them"
        )
    return name


def _line(table: PublishedTable) -> str:
    days = f"{table.days.first} to {table.days.last}" if table.days else "by row" if table.key else "empty"
    size = sum(file.bytes for file in table.files)
    return f"{table.name:18} {table.rows:>12,} rows  {days:24} {len(table.files):>5} files {size:>14,} bytes"


def _csv(columns: list[str]) -> Callable[[tuple[Any, ...]], None]:
    writer = csv.writer(sys.stdout)
    writer.writerow(columns)
    return writer.writerow


def _json(columns: list[str]) -> Callable[[tuple[Any, ...]], None]:
    return lambda row: print(json.dumps(dict(zip(columns, row, strict=True)), default=str))


#: How rows are printed → what prints one, given the names of the columns.
FORMATS = {"csv": _csv, "json": _json}


@command.command()
@click.argument("client_id", metavar="CLIENT", type=CLIENT)
@click.argument("table")
@click.option("--from", "first", type=DAY, metavar="DAY", help="The first local day, 2026-11-20.")
@click.option("--to", "last", type=DAY, metavar="DAY", help="The last local day, itself too.")
@click.option("--visitor", metavar="ID", help="Rows of this visitor; the index says in which days they are.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="No more rows than this.")
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="csv", show_default=True)
@click.option("--sql", "is_sql", is_flag=True, help="The query for DuckDB, in place of its rows.")
@with_state
def read(settings: Settings, client_id: str, table: str, **how: Any) -> int:
    """Rows of a table, of its current snapshot."""
    import duckdb

    from footfall.published.tables import open_tables

    lake = open_lake(settings.lake, settings.s3_endpoint, settings.home)
    name = _known(lake, registry_of(settings), client_id)
    first, last = (date.fromisoformat(how[end]) if how[end] else None for end in ("first", "last"))
    if first and last and first > last:
        raise FootfallError(f"--from {first} is after --to {last}")
    with open_tables(lake, name, settings.cache_of(name)) as tables:
        if how["is_sql"]:
            print(f"{tables.select(table, first, last, how['visitor'])};")
            return 0
        if table not in _FIGURES:
            subject = f"{table}, {how['first'] or 'all'} to {how['last'] or 'now'}"
            if how["visitor"]:
                subject += f", visitor {audit.person(settings.audit, name, how['visitor'])}"
            noted(settings, "published.read", name, subject)
        try:
            rows = tables.relation(table, first, last, how["visitor"])
            if how["limit"]:
                rows = rows.limit(how["limit"])
            write = FORMATS[how["form"]](list(rows.columns))
            while some := rows.fetchmany(10_000):
                for row in some:
                    write(row)
        except duckdb.Error as error:
            said = f"{error}".splitlines()[0]
            raise tables.damaged(table) or FootfallError(f"{table} cannot be read: {said}") from None
    return 0
