"""The installation as the API sees it: what commands do with ledger, registry and alerts, as documents."""

import json
import threading
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from api.installation import Acting, Agent, Place, Refusal, Row
from commands.erasure_status import start_resume, whole_hold
from commands.person_requests import HereRequests
from commands.sample_data import send_sample
from footfall.clients import Client, Export, Site, registry_of
from footfall.errors import FootfallError
from footfall.event import timestamp
from footfall.known_buckets import expected_below, known_below, open_known
from footfall.settings import Settings
from footfall.verify import verify_bucket
from orchestration.alerting.book import alert_book, note_history, silence
from orchestration.alerting.known import Known, known_alerts
from orchestration.alerting.routes import usable_routes
from orchestration.alerting.silences import Silence
from orchestration.delivery import ledger_pages
from orchestration.delivery.ledger import Ledger, LedgerRow
from orchestration.discovery import domain_rows, domains
from orchestration.discovery.database import registry, transaction
from orchestration.discovery.hosts import Host, normal
from orchestration.privacy.erasure_book import ErasureBook, status
from orchestration.privacy.person import unresolved

_BACKFILL = """
mutation($of: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $of) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }
"""
_STATE = """
query($id: String!) { partitionBackfillOrError(backfillId: $id) {
  __typename ... on PartitionBackfill { id status timestamp tags { key value } error { message } } } }
"""
#: A tag of a backfill that the API asked for: whose it is.
TAG = "footfall/client"
#: Seconds that Dagster's server may take to answer.
SECONDS = 30
#: Requests that wait for Dagster's server at a time; the API has 40 threads, and its answers are for all.
WAITING = 8
#: What Dagster calls it → what we do. `done` where it ended without a fault.
_STATES = {
    "REQUESTED": "running",
    "COMPLETED": "done",
    "COMPLETED_SUCCESS": "done",
    "COMPLETED_FAILED": "failed",
    "FAILED": "failed",
    "FAILING": "failed",
    "CANCELED": "failed",
    "CANCELING": "failed",
}
#: Problems of a bucket in one answer; the command shows all.
MOST_PROBLEMS = 100


class HereInstallation(HereRequests):
    """The installation on this machine (api.installation.Installation)."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ledger = Ledger(settings.ledger)
        self._waiting = threading.BoundedSemaphore(WAITING)

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
        """See the protocol."""
        rows = ledger_pages.page(
            self._ledger, client_id, export=export, start=start, end=end, before=before, limit=limit
        )
        return [_delivery(row) for row in rows]

    def standing(self, client_id: str, export: str) -> Row:
        """See the protocol."""
        found = ledger_pages.standing(self._ledger, client_id, export)
        return {
            "delivered": found.delivered,
            "newest": _text(found.newest),
            "newest_committed_at": _text(found.newest_committed_at),
            "waiting": found.waiting,
            "problems": list(found.problems),
        }

    def manifest(self, client_id: str, export: str, start: datetime, revision: int | None) -> bytes | None:
        """See the protocol."""
        rows = [
            row
            for row in self._ledger.revisions(client_id, export, start)
            if row.manifest is not None
            and (row.is_delivered if revision is None else row.revision == revision)
        ]
        if not rows:
            return None
        return str(max(rows, key=lambda row: row.revision).manifest).encode()

    def domains(self, client_id: str) -> list[Row]:
        """See the protocol."""
        with registry(self._settings.registry) as database:
            rows = domain_rows.listing(database, client_id=client_id)
            decided = domain_rows.last_decisions(database)
        return [_domain(row, decided) for row in rows]

    def approve(self, client_id: str, domain: str, acting: Acting) -> Row:
        """See the protocol."""
        host = normal(domain)
        with registry(self._settings.registry) as database:
            row = domain_rows.find(database, client_id, host.domain if isinstance(host, Host) else domain)
            if row is None:
                raise Refusal("unknown_domain", f"no events of {domain!r} were seen for this client")
            if row.state == "blocked" and not acting.is_operator:
                raise Refusal("not_decided", f"{row.domain} is blocked, which only the operator takes back")
            try:
                with transaction(database):
                    domains.decide(database, client_id, row.domain, "approve", None, acting.by, acting.now)
            except FootfallError as error:
                raise Refusal("not_decided", str(error)) from None
            row = domain_rows.find(database, client_id, row.domain) or row
            return _domain(row, domain_rows.last_decisions(database))

    def alerts(self, client_id: str | None) -> list[Row]:
        """See the protocol."""
        return [_alert(each) for each in self._known(datetime.now(UTC), client_id)]

    def acknowledge(
        self, client_id: str | None, key: str, until: datetime | None, because: str, acting: Acting
    ) -> Row:
        """See the protocol."""
        if not any(each.alert.key == key for each in self._known(acting.now, client_id)):
            raise Refusal("unknown_alert", f"no alert {key!r} holds")
        wanted = Silence(key, False, acting.by, because, acting.now, until)
        with alert_book(self._settings.alert_book) as book:
            silence(book, wanted)
            note_history(book, [key], "said", wanted.shown, acting.now)
        return next(_alert(each) for each in self._known(acting.now, client_id) if each.alert.key == key)

    def agent_of(self, user_agent: str) -> Agent | None:
        """See the protocol."""
        return _agent_of(user_agent)

    def run(self, client: Client, export: Export, partitions: Sequence[str]) -> str:
        """See the protocol."""
        path = ["deliveries", *client.client_id.split("."), *export.name.split(".")]
        of = {
            "assetSelection": [{"path": path}],
            "partitionNames": list(partitions),
            "tags": [{"key": TAG, "value": client.client_id}],
            "title": f"API: {export.name} of {client.client_id}",
        }
        said = self._ask(_BACKFILL, {"of": of})["launchPartitionBackfill"]
        if said["__typename"] != "LaunchBackfillSuccess":
            raise Refusal("not_decided", str(said.get("message") or said["__typename"]).splitlines()[0][:300])
        return str(said["backfillId"])

    def run_state(self, client: Client, run_id: str) -> Row | None:
        """See the protocol."""
        said = self._ask(_STATE, {"id": run_id})["partitionBackfillOrError"]
        if said["__typename"] != "PartitionBackfill":
            return None
        if {"key": TAG, "value": client.client_id} not in said["tags"]:
            return None
        error = said["error"]
        return {
            "id": said["id"],
            "what": "run",
            "state": _STATES.get(said["status"], "running"),
            "started_at": timestamp(datetime.fromtimestamp(said["timestamp"], UTC)),
            "error": str(error["message"]).splitlines()[0][:300] if error else None,
        }

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
        """See the protocol. A process of its own does it, and outlives this one."""
        if held := whole_hold(self._settings, client.client_id):
            raise Refusal("held", held)
        book = ErasureBook(self._settings.home)
        begun = book.begin(
            unresolved(client.client_id, asked, is_linked=is_linked),
            reason=reason,
            asked_by=acting.by,
            now=acting.now,
            is_for_good=is_for_good,
        )
        start_resume(self._settings, begun.id)
        return status(book, begun)

    def erasures(self, client_id: str) -> list[Row]:
        """See the protocol."""
        book = ErasureBook(self._settings.home)
        return [status(book, each) for each in reversed(book.all()) if each.client_id == client_id]

    def certificate(self, client_id: str, erasure: str) -> Row | None:
        """See the protocol."""
        found = [each for each in ErasureBook(self._settings.home).all() if each.id == erasure]
        said = next((each.certificate for each in found if each.client_id == client_id), None)
        return json.loads(said) if said else None

    def verify(self, client: Client, export: Export) -> Row:
        """See the protocol."""
        found = {}
        registry = registry_of(self._settings)
        for name in export.destinations:
            store = open_known(self._settings, registry, client, name)
            url = store.url("")
            seen = verify_bucket(
                store,
                known=known_below(self._settings, registry, url),
                expected=expected_below(self._settings, registry, url),
                needs_log=True,
                at=datetime.now(UTC),
            )
            problems = [*seen.problems, *seen.gaps]
            found[name] = {
                "is_as_promised": not problems,
                "manifests": seen.manifests,
                "files": seen.files,
                "rows": seen.rows,
                "bytes": seen.bytes,
                "problems": problems[:MOST_PROBLEMS],
                "problems_in_all": len(problems),
            }
        return found

    def sample_data(self, client: Client, site: Site, count: int, now: datetime) -> Row:
        """See the protocol."""
        return {"site_id": site.site_id, "events": send_sample(self._settings, client, site, count, now)}

    def _known(self, now: datetime, client_id: str | None) -> list[Known]:
        routes, _ = usable_routes(self._settings.alert_routes, self._settings.alert_webhook is not None)
        with alert_book(self._settings.alert_book) as book:
            found = known_alerts(book, [route.name for route in routes], now)
        return [each for each in found if client_id in (None, each.alert.client_id)]

    def _ask(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """One question to Dagster's server on this machine. Raises Refusal where it is away, or very slow."""
        if not self._waiting.acquire(blocking=False):
            raise Refusal("unavailable", f"Dagster is slow: {WAITING} requests wait for it already")
        try:
            return self._answer(query, variables)
        finally:
            self._waiting.release()

    def _answer(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self._settings.dagster_url}/graphql",
            json.dumps({"query": query, "variables": variables}).encode(),
            {"content-type": "application/json"},
        )
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=SECONDS) as answer:
                found: dict[str, Any] = json.load(answer)["data"]
                return found
        except (OSError, ValueError, KeyError, TypeError):
            raise Refusal(
                "unavailable",
                f"Dagster does not answer on port {self._settings.ui_port}: start `footfall up`",
            ) from None


@lru_cache(20_000)
def _agent_of(user_agent: str) -> Agent | None:
    from orchestration.ingest.enrichment.bots import bot_of  # a tenth of a second, for whoever asks

    found = bot_of(user_agent)
    return Agent(found.bot_class, found.name) if found else None


def _text(moment: datetime | None) -> str | None:
    return timestamp(moment) if moment else None


def _delivery(row: LedgerRow) -> Row:
    return {
        "export": row.export,
        "period_start": timestamp(row.period_start),
        "revision": row.revision,
        "cadence": row.cadence,
        "state": row.state,
        "shown": row.shown,
        "reason": row.reason,
        "rows": row.rows,
        "bytes": row.bytes,
        "manifest_key": row.manifest_key,
        "error": row.error,
        "attempts": row.attempts,
        "failing_since": _text(row.failing_since),
        "next_at": _text(row.next_at),
        "planned_at": timestamp(row.planned_at),
        "committed_at": _text(row.committed_at),
    }


def _domain(row: domain_rows.Domain, decided: Mapping[tuple[str, str], Any]) -> Row:
    decision = decided.get((row.client_id, row.domain))
    return {
        "domain": row.domain,
        "state": row.state,
        "proof": row.proof,
        "first_seen_hour": timestamp(row.first_seen_hour),
        "last_seen_hour": timestamp(row.last_seen_hour),
        "hours_seen": row.hours_seen,
        "events": row.events,
        "changed_at": timestamp(row.changed_at),
        "decision": decision[0] if decision else None,
        "decided_by": decision[1] if decision else None,
        "decided_at": timestamp(decision[2]) if decision else None,
    }


def _alert(known: Known) -> Row:
    alert = known.alert
    return {
        "key": alert.key,
        "kind": alert.kind,
        "client_id": alert.client_id,
        "severity": alert.severity,
        "title": alert.title,
        "cause": alert.cause,
        "fix": alert.fix,
        "facts": {name: str(value) for name, value in alert.facts.items()},
        "state": known.state,
        "since": timestamp(known.since),
        "told": known.told,
        "silences": [each.shown for each in known.silences],
    }
