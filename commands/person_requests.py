"""Requests of visitors by the form of their site, for the API (api.installation.Installation)."""

from collections.abc import Callable
from datetime import UTC, datetime

from api.installation import Acting, Refusal, Row
from commands.erasure_status import start_resume, whole_hold
from footfall.access.request_links import is_ticket, link_of, link_secret, new_ticket
from footfall.clients import Client, Site, registry_of
from footfall.privacy import first_party_visitor_id
from footfall.settings import Settings
from footfall.tombstones import Kind
from orchestration.privacy.person import unresolved
from orchestration.privacy.request_book import Decided, Flooded, Request, RequestBook, Wanted


class HereRequests:
    """The part of an installation on this machine that is about requests."""

    _settings: Settings

    def request_form(self, link: str) -> Row | None:
        """See the protocol."""
        now = datetime.now(UTC)
        found = self._site_of(link, now)
        if found is None:
            return None
        client, site = found
        return {
            "client_name": client.name,
            "host": site.domains[0].removeprefix("*."),
            "hosts": list(site.domains),
            "ticket": new_ticket(link_secret(self._settings), link, now),
        }

    def ask_by_form(self, link: str, ticket: str, wanted: str, visitor: str, user: str) -> Row:
        """See the protocol.

        A browser's own id counts as that of a visitor of the link's site: on another site it is nobody.
        """
        now = datetime.now(UTC)
        found = self._site_of(link, now)
        if found is None or not is_ticket(link_secret(self._settings), link, ticket, now):
            raise Refusal("invalid", "the form is not valid any more")
        client, site = found
        ids: list[tuple[Kind, str]] = []
        if visitor:
            ids.append(("visitor", first_party_visitor_id(site.site_id, visitor)))
        if user:
            ids.append(("user", user))
        what: Wanted = "access" if wanted == "access" else "erasure"
        book = RequestBook(self._settings.home)
        try:
            return book.ask(client.client_id, site.site_id, what, ids, ticket, now).said(now)
        except Flooded as flooded:
            raise Refusal("rate_limited", str(flooded)) from None

    def person_requests(
        self, client_id: str, after: tuple[int, str, str] | None, limit: int
    ) -> list[tuple[tuple[int, str, str], Row]]:
        """See the protocol."""
        now = datetime.now(UTC)
        found = RequestBook(self._settings.home).page(limit, client_id=client_id, after=after)
        return [(each.place, each.said(now)) for each in found]

    def confirm_request(self, client: Client, name: str, acting: Acting) -> Row:
        """See the protocol."""
        book = RequestBook(self._settings.home)
        asked = self._undecided(book, client, name)
        if asked.wanted == "access":
            how = f"footfall privacy confirm {name} --to FILE.zip"
            raise Refusal("not_decided", f"a copy is made on the machine: {how}")
        if held := whole_hold(self._settings, client.client_id):
            raise Refusal("held", held)
        person = unresolved(client.client_id, asked.ids, is_linked=False)
        done = self._first(lambda: book.erase(name, person, acting.by, acting.now))
        start_resume(self._settings, str(done.erasure))
        return done.said(acting.now)

    def refuse_request(self, client: Client, name: str, because: str, acting: Acting) -> Row:
        """See the protocol."""
        book = RequestBook(self._settings.home)
        self._undecided(book, client, name)
        done = self._first(lambda: book.decide(name, "refused", acting.by, acting.now, because=because))
        return done.said(acting.now)

    def _first(self, decide: Callable[[], Request]) -> Request:
        try:
            return decide()
        except Decided as decided:
            raise Refusal("not_decided", str(decided)) from None

    def _undecided(self, book: RequestBook, client: Client, name: str) -> Request:
        found = book.find(name)
        if found is None or found.client_id != client.client_id:
            raise Refusal("unknown_request", f"no request {name!r} of this client is known")
        return self._first(lambda: book.waiting(name))

    def _site_of(self, link: str, now: datetime) -> tuple[Client, Site] | None:
        said = link_of(link_secret(self._settings), link, now)
        if said is None:
            return None
        registry = registry_of(self._settings)
        client = registry.client(said.client_id)
        if client is None or client.client_id in registry.stopped:
            return None
        site = next((each for each in client.sites if each.site_id == said.site_id), None)
        return (client, site) if site and site.request_links == said.number else None
