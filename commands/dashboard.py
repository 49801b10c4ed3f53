"""`footfall dashboard`: the pages alone, and who may see them. `footfall up` starts it beside the rest."""

import getpass
import os
from datetime import UTC, datetime, timedelta

import click

from commands.parameters import client, who
from commands.processes import require_free_port
from commands.state import with_state
from footfall.access import audit, dashboard
from footfall.access.dashboard import Grant
from footfall.clients import Client, registry_of
from footfall.environments import require_safe
from footfall.errors import FootfallError
from footfall.settings import Settings


@click.group(invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> int | None:
    """Show the dashboard until Ctrl-C: docs/dashboard.md. The verbs say who may see it."""
    return None if context.invoked_subcommand else _serve()


@with_state
def _serve(settings: Settings) -> int:
    if not settings.dashboard_port:
        raise FootfallError("FOOTFALL_DASHBOARD_PORT is 0, which is no port to listen on")
    require_safe(settings, os.environ)
    require_free_port(settings.dashboard_host, settings.dashboard_port, "FOOTFALL_DASHBOARD_PORT")
    from api.request_counts import RequestCounts
    from commands.api_installation import HereInstallation
    from commands.state_metrics import metrics_of_dashboard
    from dashboard.serving import serve

    counts = RequestCounts("dashboard")
    with metrics_of_dashboard(settings, counts):
        serve(settings, HereInstallation(settings), counts)
    return 0


_site = click.option("--site", "site_id", metavar="ID", help="Of this site only.")
_pages = click.option(
    "--page", "pages", metavar="NAME", multiple=True, help="This page only; may be given again."
)


@command.command()
@client(text="Whose site the link shows.")
@_site
@_pages
@click.option("--days", type=click.IntRange(1, dashboard.MOST_DAYS), default=30, show_default=True)
@click.option("--label", default="", metavar="TEXT", help="What it is for, in the list.")
@who()
@with_state
def share(
    settings: Settings,
    client_id: str | None,
    site_id: str | None,
    pages: tuple[str, ...],
    days: int,
    label: str,
    by: str | None,
) -> int:
    """Make a link that shows pages of one site, read only, to whoever has it, for some days."""
    from dashboard.doors import PARAMETER
    from dashboard.links import address_of, share_secret

    whose = _client(settings, client_id)
    site = _site_of(whose, site_id, is_needed=True)
    shown, now, by = _known_pages(pages) or ("overview",), datetime.now(UTC), by or getpass.getuser()
    _note(settings, now, by, "dashboard.share", whose.client_id, f"{site} {','.join(shown)} {days} d")
    made, token = dashboard.new_share(
        settings.home,
        share_secret(settings),
        client_id=whose.client_id,
        site_id=str(site),
        pages=shown,
        label=label,
        made_by=by,
        now=now,
        expires_at=now + timedelta(days=days),
    )
    print(f"the link, shown only now:  {address_of(settings)}/?{PARAMETER}={token}")
    print(f"valid until {made.expires_at}; take it back: footfall dashboard revoke -- {made.id}")
    return 0


@command.command()
@with_state
def shares(settings: Settings) -> int:
    """Every share link: whose, what it shows, until when."""
    now = datetime.now(UTC)
    for each in dashboard.shares(settings.home):
        state = "valid" if each.is_valid(now) else "revoked" if each.revoked_at else "over"
        what = f"{each.client_id}/{each.site_id} {','.join(each.pages)}"
        print(
            f"{each.id}  {state:7}  until {each.expires_at}  {what}  by {each.made_by}  {each.label}".rstrip()
        )
    return 0


@command.command()
@click.argument("share_id", metavar="ID")
@who()
@with_state
def revoke(settings: Settings, share_id: str, by: str | None) -> int:
    """Take a share link back: from the next look on it shows nothing."""
    now = datetime.now(UTC)
    known = next((each for each in dashboard.shares(settings.home) if each.id == share_id), None)
    whose = known.client_id if known else ""
    _note(settings, now, by or getpass.getuser(), "dashboard.revoke", whose, share_id)
    found = dashboard.revoke_share(settings.home, share_id, now)
    print(f"{found.id} shows nothing any more")
    return 0


@command.command()
@click.argument("person")
@click.option("--role", type=click.Choice(dashboard.ROLES), required=True, help="What they may see.")
@client(text="Whose figures; needed for all but operators.")
@_site
@_pages
@who()
@with_state
def allow(
    settings: Settings,
    person: str,
    role: dashboard.Role,
    client_id: str | None,
    site_id: str | None,
    pages: tuple[str, ...],
    by: str | None,
) -> int:
    """Let a PERSON in, by the name under which they sign in; or change what they may see."""
    if role == "operator":
        if client_id or site_id:
            raise FootfallError("an operator sees every client: leave --client and --site out")
        grant = Grant("operator", pages=_known_pages(pages))
    else:
        whose = _client(settings, client_id)
        site = _site_of(whose, site_id, is_needed=False)
        if role == "client" and site:
            raise FootfallError("the role client is for all sites of a client; for one site there is viewer")
        grant = Grant(role, whose.client_id, site, _known_pages(pages))
    subject = f"{person} {role} {site_id or ''}".strip()
    _note(
        settings,
        datetime.now(UTC),
        by or getpass.getuser(),
        "dashboard.allow",
        grant.client_id or "",
        subject,
    )
    dashboard.put_person(settings.home, person, grant)
    print(f"{person.lower()} may see the dashboard as {role}")
    return 0


@command.command()
@with_state
def people(settings: Settings) -> int:
    """Everybody who may sign in, and what they may see."""
    for name, grant in dashboard.people(settings.home).items():
        where = "/".join(filter(None, (grant.client_id, grant.site_id))) or "every client"
        print(f"{name}  {grant.role}  {where}  {','.join(grant.pages) or 'all pages'}")
    return 0


@command.command()
@click.argument("person")
@who()
@with_state
def refuse(settings: Settings, person: str, by: str | None) -> int:
    """Let a PERSON in no more."""
    _note(settings, datetime.now(UTC), by or getpass.getuser(), "dashboard.refuse", "", person)
    dashboard.remove_person(settings.home, person)
    print(f"{person.lower()} may see the dashboard no more")
    return 0


def _client(settings: Settings, client_id: str | None) -> Client:
    registry = registry_of(settings)
    if client_id is None and len(registry.clients) == 1:
        return registry.clients[0]
    found = registry.client(client_id or "")
    if found is None:
        names = ", ".join(each.client_id for each in registry.clients) or "none"
        raise FootfallError(f"say whose: --client, one of {names}")
    return found


def _site_of(whose: Client, site_id: str | None, *, is_needed: bool) -> str | None:
    known = [site.site_id for site in whose.sites]
    if site_id is None:
        if is_needed and len(known) != 1:
            raise FootfallError(f"say which site: --site, one of {', '.join(known)}")
        return known[0] if is_needed else None
    if site_id not in known:
        raise FootfallError(f"{whose.client_id} has no site {site_id!r}; there are {', '.join(known)}")
    return site_id


def _known_pages(pages: tuple[str, ...]) -> tuple[str, ...]:
    from dashboard.page_names import OF_SITE

    unknown = [each for each in pages if each not in OF_SITE]
    if unknown:
        raise FootfallError(f"there is no page {unknown[0]!r} to be shown so; there are {', '.join(OF_SITE)}")
    return pages


def _note(settings: Settings, now: datetime, who: str, act: str, client: str, subject: str) -> None:
    try:
        audit.note(
            settings.audit,
            now,
            who=who,
            door="command",
            act=act,
            client=client,
            subject=subject,
            outcome="asked",
        )
    except OSError as error:
        raise FootfallError(f"the act cannot be noted in {settings.audit}: {error.strerror}") from None
