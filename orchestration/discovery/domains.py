"""The life of a domain: seen → pending → verified → billable; blocked and retired by a person.

Anybody can send any host name with a site's public key, so traffic alone never verifies and never bills: it
takes a line in the client's own file, a proof that only the domain's owner can give, or a person's word.
"""

import json
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from footfall.clients import Client
from footfall.errors import FootfallError
from orchestration.discovery.database import transaction
from orchestration.discovery.domain_rows import Domain, State, find, listing, note_decision, text
from orchestration.discovery.hosts import Host, Unusable, normal
from orchestration.webhooks import outbox

#: Domains of a client that wait for somebody's word. More are counted, not stored: a flood of made-up names
#: must not bury the true one, nor fill a disk.
PENDING_LIMIT = 20
#: Domains of a client below the threshold, kept to see whether they last.
SEEN_LIMIT = 200
#: Hours in which a domain must have been seen, and events, before anybody is asked about it. Lower asks about
#: passing noise (translation proxies, caches, a developer's machine); higher asks later.
PENDING_HOURS = 2
PENDING_EVENTS = 20
#: How long a domain that never became pending is remembered after it was last seen.
SEEN_FOR = timedelta(days=7)
#: What a person can decide of a domain.
DECISIONS = ("approve", "block", "retire")
#: Between verification and the bill: time to say that it was a mistake.
GRACE = timedelta(hours=24)


@dataclass(frozen=True)
class Sighting:
    """A host in the events of one hour of one client."""

    site_id: str
    host: str
    events: int


def observe(
    connection: sqlite3.Connection,
    client: Client,
    hour: datetime,
    sightings: Sequence[Sighting],
    *,
    overflow: int = 0,
    now: datetime,
) -> None:
    """Take note of the hosts of one hour of one client, in one transaction. Doing the same hour again changes
    nothing. `overflow` counts hosts that the caller left out because there were too many."""
    digest = f"{len(sightings)}:{sum(s.events for s in sightings)}:{overflow}"
    with transaction(connection):
        known = connection.execute(
            "SELECT digest FROM observed_hours WHERE client_id = ? AND hour = ?",
            (client.client_id, text(hour)),
        ).fetchone()
        if known is not None:
            # Counts of a re-run would be added twice; new names in it are still worth knowing.
            if known[0] == digest:
                return
            sightings = [Sighting(s.site_id, s.host, 0) for s in sightings]
            overflow = 0
        connection.execute(
            "INSERT INTO observed_hours VALUES (?, ?, ?) "
            "ON CONFLICT (client_id, hour) DO UPDATE SET digest = excluded.digest",
            (client.client_id, text(hour), digest),
        )
        if overflow:
            _pass_over(connection, client.client_id, "too_many_hosts", overflow, 0, hour)
        _forget_passing_names(connection, client.client_id, now)
        seen: dict[str, list[tuple[Host, Sighting]]] = {}
        for sighting in sightings:
            host = normal(sighting.host)
            if isinstance(host, Unusable):
                _pass_over(connection, client.client_id, host.value, 1, sighting.events, hour)
            else:
                seen.setdefault(host.domain, []).append((host, sighting))
        # Names of the client's own file first, then by weight: they get the places that there are.
        ranked = sorted(
            seen.items(),
            key=lambda item: (not _is_declared(client, item[1]), -sum(s.events for _, s in item[1]), item[0]),
        )
        for domain, hosts in ranked:
            _note(connection, client, domain, hosts, hour, now)


def _note(
    connection: sqlite3.Connection,
    client: Client,
    domain: str,
    hosts: list[tuple[Host, Sighting]],
    hour: datetime,
    now: datetime,
) -> None:
    events = sum(s.events for _, s in hosts)
    declared = _is_declared(client, hosts)
    row = find(connection, client.client_id, domain)
    if row is None:
        if not declared and _count(connection, client.client_id, "seen") >= SEEN_LIMIT:
            _pass_over(connection, client.client_id, "too_many_domains", len(hosts), events, hour)
            return
        connection.execute(
            "INSERT INTO domains VALUES (?, ?, 'seen', 0, NULL, ?, ?, ?, 1, ?, ?, ?)",
            (
                client.client_id,
                domain,
                f"footfall-{secrets.token_hex(16)}",
                text(hour),
                text(hour),
                events,
                text(now),
                _next_change(connection),
            ),
        )
    else:
        connection.execute(
            "UPDATE domains SET events = events + ?, hours_seen = hours_seen + ?, "
            "first_seen_hour = min(first_seen_hour, ?), last_seen_hour = max(last_seen_hour, ?) "
            "WHERE client_id = ? AND domain = ?",
            (events, 1 if events else 0, text(hour), text(hour), client.client_id, domain),
        )
    for host, sighting in hosts:
        _note_host(connection, client.client_id, host, sighting, hour)
    now_row = find(connection, client.client_id, domain)
    assert now_row is not None, "the row was just written"
    if declared and now_row.state in ("seen", "pending"):
        verify(connection, client.client_id, domain, "client_file", now)
    elif now_row.state == "seen" and now_row.hours_seen >= PENDING_HOURS and now_row.events >= PENDING_EVENTS:
        if _count(connection, client.client_id, "pending") >= PENDING_LIMIT:
            _pass_over(connection, client.client_id, "too_many_pending", 1, events, hour)
        else:
            _change(connection, client.client_id, domain, "pending", now)
            _notice(
                connection,
                "new_domain",
                client.client_id,
                domain,
                {"hosts": sorted({host.host for host, _ in hosts}), "events": now_row.events},
                now,
            )


def _note_host(
    connection: sqlite3.Connection, client_id: str, host: Host, sighting: Sighting, hour: datetime
) -> None:
    #: Hosts below one domain are as easy to make up as domains are.
    known = connection.execute(
        "SELECT count(*), count(CASE WHEN host = ? THEN 1 END) FROM hosts WHERE client_id = ? AND domain = ?",
        (host.host, client_id, host.domain),
    ).fetchone()
    if known[0] >= SEEN_LIMIT and not known[1]:
        _pass_over(connection, client_id, "too_many_hosts", 1, sighting.events, hour)
        return
    connection.execute(
        "INSERT INTO hosts VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (client_id, host) DO UPDATE SET "
        "events = events + excluded.events, "
        "first_seen_hour = min(first_seen_hour, excluded.first_seen_hour), "
        "last_seen_hour = max(last_seen_hour, excluded.last_seen_hour)",
        (
            client_id,
            host.host,
            host.domain,
            sighting.site_id,
            text(hour),
            text(hour),
            sighting.events,
        ),
    )


def verify(connection: sqlite3.Connection, client_id: str, domain: str, proof: str, now: datetime) -> None:
    """A domain is the client's, by `proof` (client_file, dns, file, or who approved it); in a transaction.

    The notice `domain_verified` tells from which hour on its history is to be delivered.
    """
    row = _require(connection, client_id, domain)
    if row.state in ("verified", "billable"):
        return
    connection.execute(
        "UPDATE domains SET proof = ?, activation = activation + 1 WHERE client_id = ? AND domain = ?",
        (proof, client_id, domain),
    )
    _change(connection, client_id, domain, "verified", now)
    _notice(
        connection,
        "domain_verified",
        client_id,
        domain,
        {"proof": proof, "first_seen": text(row.first_seen_hour), "events": row.events},
        now,
    )


def written(decision: str) -> tuple[str, str]:
    """(decision, who) of `approve by NAME`; both empty where nothing is written. Raises FootfallError."""
    if not decision.strip():
        return "", ""
    word, _, by = (part.strip() for part in decision.strip().partition(" by "))
    if word not in DECISIONS:
        raise FootfallError(f"{decision!r} is no decision: write approve, block or retire, and by whom")
    if not by:
        raise FootfallError(f"{decision!r} does not say who decides: write `{word} by NAME`")
    return word, by[:100]


def decide(
    connection: sqlite3.Connection,
    client_id: str,
    domain: str,
    decision: str,
    proof: str | None,
    by: str,
    now: datetime,
) -> None:
    """Approve, block or retire a domain, or verify it where `proof` was found. Within a transaction.

    Raises FootfallError for a decision that is none, or that its state does not allow.
    """
    if decision == "approve":
        verify(connection, client_id, domain, f"approved by {by}", now)
    elif decision == "block":
        block(connection, client_id, domain, now)
    elif decision == "retire":
        retire(connection, client_id, domain, now)
    elif decision:
        raise FootfallError(f"{decision!r} is no decision: write approve, block or retire")
    elif proof:
        verify(connection, client_id, domain, proof, now)
    if decision:
        note_decision(connection, client_id, domain, decision, by, now)


def block(connection: sqlite3.Connection, client_id: str, domain: str, now: datetime) -> None:
    """Never the client's: no more questions about it. Within a transaction."""
    row = _require(connection, client_id, domain)
    if row.state == "billable":
        raise FootfallError(f"{domain} of {client_id} is billed already: retire it instead")
    _change(connection, client_id, domain, "blocked", now)


def retire(connection: sqlite3.Connection, client_id: str, domain: str, now: datetime) -> None:
    """No longer the client's. One that was billed is reported as retired. Within a transaction."""
    row = _require(connection, client_id, domain)
    if row.state == "retired":
        return
    _change(connection, client_id, domain, "retired", now)
    if row.state == "billable":
        outbox.add(
            connection,
            f"domain.retired:{client_id}:{domain}:{row.activation}",
            client_id,
            "domain.retired",
            {"domain": domain, "activation": row.activation, "retired_at": text(now)},
            now,
        )


def bill_what_is_due(connection: sqlite3.Connection, now: datetime, grace: timedelta = GRACE) -> list[Domain]:
    """Make each domain that has been verified for `grace` billable and write its message, in one go.

    The message's id names client, domain and activation, and is unique: a crash before, in or after this can
    neither lose a bill nor make a second one.
    """
    billed = []
    with transaction(connection):
        for row in listing(connection, states=("verified",)):
            if row.changed_at + grace > now:
                continue
            outbox.add(
                connection,
                f"domain.activated:{row.client_id}:{row.domain}:{row.activation}",
                row.client_id,
                "domain.activated",
                {
                    "domain": row.domain,
                    "activation": row.activation,
                    "proof": row.proof,
                    "first_seen": text(row.first_seen_hour),
                    "verified_at": text(row.changed_at),
                },
                now,
            )
            _change(connection, row.client_id, row.domain, "billable", now)
            billed.append(row)
    return billed


def _is_declared(client: Client, hosts: list[tuple[Host, Sighting]]) -> bool:
    return any(site.declares(host.host) for site in client.sites for host, _ in hosts)


def _require(connection: sqlite3.Connection, client_id: str, domain: str) -> Domain:
    row = find(connection, client_id, domain)
    if row is None:
        raise FootfallError(
            f"no events of {domain} were seen for client {client_id}; `footfall domains list` shows what was"
        )
    return row


def _change(connection: sqlite3.Connection, client_id: str, domain: str, state: State, now: datetime) -> None:
    connection.execute(
        "UPDATE domains SET state = ?, changed_at = ?, change = ? WHERE client_id = ? AND domain = ?",
        (state, text(now), _next_change(connection), client_id, domain),
    )


def _next_change(connection: sqlite3.Connection) -> int:
    found = connection.execute("SELECT coalesce(max(change), 0) + 1 FROM domains").fetchone()
    return int(found[0])


def _count(connection: sqlite3.Connection, client_id: str, state: State) -> int:
    found = connection.execute(
        "SELECT count(*) FROM domains WHERE client_id = ? AND state = ?", (client_id, state)
    ).fetchone()
    return int(found[0])


def _pass_over(
    connection: sqlite3.Connection, client_id: str, reason: str, hosts: int, events: int, hour: datetime
) -> None:
    connection.execute(
        "INSERT INTO passed_over VALUES (?, ?, ?, ?, ?) ON CONFLICT (client_id, reason) DO UPDATE SET "
        "hosts = hosts + excluded.hosts, events = events + excluded.events, last_hour = excluded.last_hour",
        (client_id, reason, hosts, events, text(hour)),
    )


def _forget_passing_names(connection: sqlite3.Connection, client_id: str, now: datetime) -> None:
    connection.execute(
        "DELETE FROM domains WHERE client_id = ? AND state = 'seen' AND changed_at < ?",
        (client_id, text(now - SEEN_FOR)),
    )
    connection.execute(
        "DELETE FROM hosts WHERE client_id = ? AND domain NOT IN "
        "(SELECT domain FROM domains WHERE client_id = ?)",
        (client_id, client_id),
    )


def _notice(
    connection: sqlite3.Connection,
    kind: str,
    client_id: str,
    key: str,
    facts: dict[str, object],
    now: datetime,
) -> None:
    connection.execute(
        "INSERT INTO notices (kind, client_id, key, facts, created_at) VALUES (?, ?, ?, ?, ?)",
        (kind, client_id, key, json.dumps(facts, sort_keys=True), text(now)),
    )
