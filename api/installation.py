"""What the API asks of the installation it belongs to, and what it has it do: made by the roof (commands)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from footfall.clients import Client, Export, Site

Row = dict[str, Any]
#: Where a delivery stands in a list: start of its period, export, revision.
Place = tuple[datetime, str, int]


class Refusal(Exception):
    """An act that is not possible: a code of api.problems, and why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


@dataclass(frozen=True)
class Acting:
    """Who acts, for the records: the name of a key."""

    by: str
    now: datetime
    #: Whether it is the operator, who may also undo what the operator decided.
    is_operator: bool = False


@dataclass(frozen=True)
class Agent:
    """A program: its class, as `bot_class` of events has it, and its name."""

    kind: str
    name: str


class Installation(Protocol):
    """The ledger, the registry of domains, the book of alerts, Dagster. Documents are as they go out."""

    def deliveries(
        self,
        client_id: str,
        export: str | None,
        start: datetime | None,
        end: datetime | None,
        *,
        before: Place | None = None,
        limit: int,
    ) -> list[Row]:
        """At most so many rows of the ledger, the newest period first, of those that come after `before`."""
        ...

    def standing(self, client_id: str, export: str) -> Row:
        """How an export is: what arrived, what waits, and why."""
        ...

    def manifest(self, client_id: str, export: str, start: datetime, revision: int | None) -> bytes | None:
        """The manifest of a period, of a revision or of the newest delivered; None where there is none."""
        ...

    def domains(self, client_id: str) -> list[Row]:
        """The domains that were seen."""
        ...

    def approve(self, client_id: str, domain: str, acting: Acting) -> Row:
        """Say that a domain is the client's. Raises Refusal."""
        ...

    def alerts(self, client_id: str | None) -> list[Row]:
        """What holds now; of one client, or all with those of the installation."""
        ...

    def acknowledge(
        self, client_id: str | None, key: str, until: datetime | None, because: str, acting: Acting
    ) -> Row:
        """Say that an alert is known. Raises Refusal."""
        ...

    def agent_of(self, user_agent: str) -> Agent | None:
        """The program that a user agent names; None where it reads as a person's."""
        ...

    def run(self, client: Client, export: Export, partitions: Sequence[str]) -> str:
        """Materialise partitions of an export through Dagster. Returns its id. Raises Refusal."""
        ...

    def run_state(self, client: Client, run_id: str) -> Row | None:
        """How far such a run is; None where the client has none of that id. Raises Refusal."""
        ...

    def erase(
        self,
        client: Client,
        asked: Sequence[tuple[str, str]],
        *,
        is_linked: bool,
        is_for_good: bool,
        reason: str,
        acting: Acting,
    ) -> Row:
        """Begin an erasure of whom these (kind, id) name. Returns what `erasures` says of it.

        Raises Refusal while somebody holds the client's data.
        """
        ...

    def erasures(self, client_id: str) -> list[Row]:
        """Erasures of a client's persons, the newest first."""
        ...

    def certificate(self, client_id: str, erasure: str) -> Row | None:
        """The signed certificate of an erasure; None while it is not finished."""
        ...

    def request_form(self, link: str) -> Row | None:
        """What a link to the form of a site opens: `client_name`, `host`, `hosts` around it, `ticket`.

        None where the link is none of ours, is over, or its site is in no valid file any more.
        """
        ...

    def ask_by_form(self, link: str, ticket: str, wanted: str, visitor: str, user: str) -> Row:
        """Write down what somebody asks for by a form. `visitor`: the browser's own id. Raises Refusal."""
        ...

    def person_requests(
        self, client_id: str, after: tuple[int, str, str] | None, limit: int
    ) -> list[tuple[tuple[int, str, str], Row]]:
        """What visitors asked for by the form, those that wait first: so many behind a place, each with its
        own.
        """
        ...

    def confirm_request(self, client: Client, name: str, acting: Acting) -> Row:
        """A request is the person's own: an erasure begins. Raises Refusal."""
        ...

    def refuse_request(self, client: Client, name: str, because: str, acting: Acting) -> Row:
        """Refuse a request. Raises Refusal."""
        ...

    def verify(self, client: Client, export: Export) -> Row:
        """Check what was delivered to the client's buckets. May take minutes. Raises FootfallError."""
        ...

    def sample_data(self, client: Client, site: Site, count: int, now: datetime) -> Row:
        """Send so many realistic events of a site to the collector. Raises FootfallError."""
        ...
