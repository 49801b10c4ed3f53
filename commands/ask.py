"""`footfall ask`: saved questions of the published tables, answered without the warehouse."""

from datetime import date
from difflib import get_close_matches
from typing import Any

import click

from api.saved_questions import Asked, Question, questions
from commands.parameters import DAY, client
from commands.published import FORMATS
from commands.registry import client_of
from commands.state import with_state
from footfall.clients import Client, Registry, registry_of
from footfall.durable import open_lake
from footfall.errors import FootfallError
from footfall.settings import Settings


@click.command()
@click.argument("question", required=False)
@client(text="Whose tables are asked; needed where there are several clients.")
@click.option("--site", "site_id", metavar="ID", help="Of this site only.")
@click.option("--from", "first", type=DAY, metavar="DAY", help="The first local day, 2026-11-20.")
@click.option("--to", "last", type=DAY, metavar="DAY", help="The last local day, itself too.")
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="csv", show_default=True)
@click.option(
    "--sql", "dialect", type=click.Choice(["duckdb", "athena"]), help="The query, in place of its answer."
)
@with_state
def command(settings: Settings, question: str | None, **how: Any) -> int:
    """Answer a saved QUESTION from the published tables; without one, list what each answers."""
    if question is None:
        width = max(map(len, questions()))
        for each in questions().values():
            print(f"{each.name:{width}}  {each.asks}")
        return 0
    found = _question(question)
    registry = registry_of(settings)
    first, last = (date.fromisoformat(how[end]) if how[end] else None for end in ("first", "last"))
    if first and last and first > last:
        raise FootfallError(f"--from {first} is after --to {last}")
    whose = _client(registry, how["client_id"])
    asked = Asked(whose, _site(whose, how["site_id"]), first, last)
    if how["dialect"] == "athena":
        print(found.for_athena(asked), end="")
        return 0
    if how["dialect"] == "duckdb":
        print(found.for_duckdb(asked), end="")
        return 0
    _answer(settings, found, asked, how["form"])
    return 0


def _answer(settings: Settings, question: Question, asked: Asked, form: str) -> None:
    import duckdb

    from footfall.published.tables import open_tables

    lake, client_id = open_lake(settings.lake, settings.s3_endpoint, settings.home), asked.client.client_id
    with open_tables(lake, client_id, settings.cache_of(client_id)) as tables:
        query = question.for_duckdb(asked)
        try:
            rows = tables.answer(query, question.tables, asked.values, asked.first, asked.last)
            write = FORMATS[form]([column[0] for column in rows.description or ()])
            while some := rows.fetchmany(10_000):
                for row in some:
                    write(row)
        except duckdb.Error as error:
            damaged = next(filter(None, map(tables.damaged, question.tables)), None)
            said = f"{error}".splitlines()[0]
            raise damaged or FootfallError(f"{question.name} cannot be answered: {said}") from None


def _question(name: str) -> Question:
    if name in questions():
        return questions()[name]
    near = get_close_matches(name, questions(), 3)
    close = f"; near are {', '.join(near)}" if near else ""
    raise FootfallError(f"there is no saved question {name!r}{close}; `footfall ask` lists all")


def _client(registry: Registry, client_id: str | None) -> Client:
    if client_id is None and len(registry.clients) != 1:
        names = ", ".join(each.client_id for each in registry.clients) or "none"
        raise FootfallError(f"say whose tables are asked: --client, one of {names}")
    return client_of(registry, client_id) if client_id else registry.clients[0]


def _site(whose: Client, site_id: str | None) -> str | None:
    known = [site.site_id for site in whose.sites]
    if site_id is not None and site_id not in known:
        raise FootfallError(f"{whose.client_id} has no site {site_id!r}; there are {', '.join(known)}")
    return site_id
