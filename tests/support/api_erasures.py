"""Erasures as rows in memory, for an API without an installation."""

from typing import Any

from api.installation import Refusal


def an_erasure(client_id: str) -> dict[str, Any]:
    """An erasure that has just begun."""
    return {
        "id": f"erasure-of-{client_id}",
        "client_id": client_id,
        "state": "open",
        "asked_at": "2026-11-20T12:00:00+00:00",
        "asked_by": "admin",
        "due_by": "2026-12-20T12:00:00+00:00",
        "is_overdue": False,
        "finished_at": None,
        "steps": [],
        "outstanding": {},
    }


#: The link that opens a form.
LINK = "LINK"


def a_request(client_id: str) -> dict[str, Any]:
    """What a visitor asked for, about which nobody has decided."""
    return {
        "id": f"request-of-{client_id}",
        "client_id": client_id,
        "site_id": "shop",
        "wanted": "erasure",
        "ids": [{"kind": "user", "value": "4711"}],
        "asked_at": "2026-11-20T12:00:00+00:00",
        "due_by": "2026-12-20T12:00:00+00:00",
        "is_overdue": False,
        "decision": None,
        "decided_at": None,
        "decided_by": None,
        "because": "",
        "erasure": None,
    }


class FakeErasures:
    """Remembers who was to be erased."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []
        self.of_erasures: list[dict[str, Any]] = []
        self.of_requests: list[dict[str, Any]] = []
        self.held = ""

    def erase(self, client, asked, *, is_linked, is_for_good, reason, acting):
        if self.held:
            raise Refusal("held", self.held)
        self.done.append(("erase", client.client_id, tuple(asked), is_linked, is_for_good, reason, acting.by))
        self.of_erasures.append(an_erasure(client.client_id))
        return self.of_erasures[-1]

    def erasures(self, client_id):
        return [each for each in self.of_erasures if each["client_id"] == client_id]

    def certificate(self, _client_id, _erasure):
        return None

    def request_form(self, link):
        form = {"client_name": "One", "host": "shop.example", "hosts": ["shop.example"], "ticket": "t"}
        return form if link == LINK else None

    def ask_by_form(self, _link, ticket, wanted, visitor, user):
        if ticket != "t":
            raise Refusal("invalid", "the form is not valid any more")
        self.of_requests.append({**a_request("one"), "wanted": wanted, "ids": [visitor, user]})
        return self.of_requests[-1]

    def person_requests(self, client_id, _after, limit):
        found = [each for each in self.of_requests if each["client_id"] == client_id]
        return [((0, each["asked_at"], each["id"]), each) for each in found[:limit]]

    def confirm_request(self, _client, name, _acting):
        raise Refusal("unknown_request", f"no request {name!r}")

    def refuse_request(self, _client, name, _because, _acting):
        raise Refusal("unknown_request", f"no request {name!r}")
