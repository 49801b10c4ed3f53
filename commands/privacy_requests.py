"""`footfall privacy link`, `requests`, `confirm`, `refuse`: what visitors ask for by a form."""

import getpass
import json
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.apart import ask_apart, run_apart
from commands.noting import noted
from commands.parameters import client, who
from commands.registry import known_client, known_site
from commands.state import with_installation, with_state
from footfall.access.request_links import MOST_DAYS, RequestLink, link_secret, new_link
from footfall.errors import FootfallError
from footfall.settings import Settings
from footfall.unseen import escaped

if TYPE_CHECKING:
    from orchestration.privacy.person import Asked
    from orchestration.privacy.request_book import Request


@click.command()
@client(required=True, text="Whose site it is.")
@click.option("--site", "site_id", metavar="ID", help="Its site; needed where it has several.")
@click.option("--days", type=click.IntRange(1, MOST_DAYS), default=365, show_default=True)
@click.option("--api", "url", metavar="URL", help="Where visitors reach the API.")
@who()
@with_state
def link(
    settings: Settings, client_id: str, site_id: str | None, days: int, url: str | None, by: str | None
) -> int:
    """Make the link to the form by which visitors of a site ask to be erased, or for a copy."""
    whose = known_client(settings, client_id)
    site = known_site(whose, site_id)
    noted(settings, "privacy.link", whose.client_id, f"{site.site_id} {days} d", by)
    opens = RequestLink(whose.client_id, site.site_id, site.request_links)
    made = new_link(link_secret(settings), opens, datetime.now(UTC), days)
    above = (url or f"http://{settings.api_host}:{settings.api_port}").rstrip("/")
    print(f"{above}/v1/privacy/form/{made}")
    return 0


@click.command()
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="How many at most.")
@click.option("--after", metavar="PLACE", help="Those behind it: as the command before printed it.")
@click.option("--json", "is_json", is_flag=True, help="One JSON object a line.")
@with_state
def requests(settings: Settings, limit: int, after: str | None, is_json: bool) -> int:
    """What visitors asked for by the form; those that wait for a decision first."""
    from orchestration.privacy.request_book import RequestBook, place_in

    now, book = datetime.now(UTC), RequestBook(settings.home)
    # The place itself: that of a request is another one once it is decided.
    page = book.page(limit + 1, after=place_in(after) if after else None)
    found = [each.said(now) for each in page[:limit]]
    first: dict[str, str] = {}
    for each in found:
        if is_json:
            print(json.dumps(each))
            continue
        ids = ", ".join(f"{one['kind']} {escaped(one['value'])}" for one in each["ids"])
        done = f"{each['decision']} by {each['decided_by']} {escaped(each['because'])}".rstrip()
        late = " OVERDUE" if each["is_overdue"] else ""
        earlier = first.setdefault(
            f"{each['client_id']} {each['site_id']} {each['wanted']} {ids}", each["id"]
        )
        same = f" (as {earlier})" if earlier != each["id"] else ""
        state = done if each["decision"] else f"waits, due by {each['due_by'][:10]}{late}; {ids}{same}"
        print(f"{each['id']}  {each['client_id']}/{each['site_id']}  {each['wanted']}  {state}")
    if len(page) > limit:
        print(
            f"more: footfall privacy requests --after {','.join(map(str, page[limit - 1].place))}",
            file=sys.stderr,
        )
    if not found and not is_json:
        print("no more" if after else "nobody asked for anything yet")
    return 0


@click.command()
@click.argument("name", metavar="REQUEST")
@click.option("--to", "path", type=click.Path(path_type=Path), metavar="PATH", help="Of a copy: where to.")
@click.option("--linked", is_flag=True, help="With the ids that these lead to; see whose they are first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@who("Who decides; the user of this machine unless told.")
@with_installation
def confirm(
    settings: Settings, name: str, path: Path | None, *, linked: bool, yes: bool, by: str | None
) -> int:
    """Say that a request is the person's own: he is erased, as by `privacy erase`, or a copy is written.

    Shows whom it means first, and asks. The ids that he sent are followed to no others unless told.
    """
    from commands import privacy_work as work
    from orchestration.privacy.person import Asked
    from orchestration.privacy.request_book import RequestBook

    book, by = RequestBook(settings.home), by or getpass.getuser()
    found = book.waiting(name)
    asked = [Asked(kind, value) for kind, value in found.ids]
    is_copy = found.wanted == "access"
    if is_copy and path is None:
        raise FootfallError(f"say where the copy goes: footfall privacy confirm {name} --to FILE.zip")
    # Apart, as in `erase`: the erasure is a copy of this process.
    plan = ask_apart(dict(os.environ), lambda: work.plan(settings, found.client_id, asked, is_linked=linked))
    for line in plan.whom if is_copy else plan.lines:
        print(line)
    if not linked:
        print("these ids alone; --linked takes those that they lead to as well")
    question = "write a copy of it?" if is_copy else "erase all of it? It does not come back"
    is_held = bool(plan.held) and not is_copy
    if not is_held and not yes and not click.confirm(question, default=False):
        print("nothing was done; the request waits")
        return 1
    if path is not None and is_copy:
        return _copied(settings, found, asked, path, is_linked=linked, by=by)
    erasure = work.begin_asked(settings, plan, name, by)
    print(
        f"erasure {erasure}: due by {work.due(settings, erasure)}; if it is stopped: footfall privacy resume"
    )
    return run_apart(dict(os.environ), lambda: work.apart(settings, erasure))


def _copied(
    settings: Settings, found: "Request", asked: "list[Asked]", path: Path, *, is_linked: bool, by: str
) -> int:
    """Write the copy; where somebody else decided meanwhile, it goes again."""
    from commands import privacy_work as work
    from orchestration.privacy.request_book import Decided, RequestBook

    said = work.export(settings, found.client_id, asked, path, is_linked=is_linked, by=by)
    try:
        RequestBook(settings.home).decide(found.id, "confirmed", by, datetime.now(UTC))
    except Decided:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise
    print(said)
    return 0


@click.command()
@click.argument("names", metavar="[REQUEST]...", nargs=-1)
@click.option("--all-of", "place", metavar="CLIENT/SITE", help="All of a site that wait: a flood.")
@click.option("--because", required=True, metavar="TEXT", help="Why, for whoever asks.")
@who("Who decides; the user of this machine unless told.")
@with_state
def refuse(
    settings: Settings, names: tuple[str, ...], place: str | None, because: str, by: str | None
) -> int:
    """Refuse requests: those that are named, or all of a site. What they named is wiped."""
    from orchestration.privacy.request_book import RequestBook

    book, by = RequestBook(settings.home), by or getpass.getuser()
    if bool(names) == bool(place):
        raise FootfallError(
            "name requests, or say --all-of CLIENT/SITE; `footfall privacy requests` lists them"
        )
    found = [book.waiting(name) for name in dict.fromkeys(names)]
    if place:
        waiting = [each for each in book.all() if each.decision is None]
        found = [each for each in waiting if f"{each.client_id}/{each.site_id}" == place]
        if not found:
            raise FootfallError(f"no request of {place} waits; `footfall privacy requests` lists them")
    for each in found:
        noted(settings, "privacy.request.refuse", each.client_id, f"{each.id}: {because}", by)
        book.decide(each.id, "refused", by, datetime.now(UTC), because=because)
        print(f"request {each.id}: refused")
    return 0


COMMANDS = (link, requests, confirm, refuse)
