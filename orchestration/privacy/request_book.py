"""What visitors ask for by the form of their site, until somebody decides about it.

It lies in the file of erasures: ids stand here in plain as long as nobody has decided, and are wiped then. A
request erases nobody. One form that is sent twice as it is, is one request; any other has a number of its
own, also about the same ids: a number that somebody has would tell a stranger that he asked, and when.
"""

import hashlib
import secrets
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import msgspec

from footfall.errors import FootfallError
from footfall.sqlite_files import open_database
from footfall.tombstones import Kind
from orchestration.privacy import erasure_book
from orchestration.privacy.erasure_book import DEADLINE, NAME, Erasure
from orchestration.privacy.person import Person

Wanted = Literal["erasure", "access"]
#: Requests of one site that wait for a decision, and that come in an hour: more is a flood, of which a person
#: could read nothing.
MOST_WAITING, MOST_AN_HOUR = 500, 60

#: How long the ids of a request stay about which nobody decides, from the day on which it came; and a request
#: without ids, from its decision on.
UNDECIDED_FOR, DECIDED_FOR = timedelta(days=90), timedelta(days=365)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL,
    site_id TEXT NOT NULL,
    wanted TEXT NOT NULL,
    ids TEXT,
    form TEXT NOT NULL UNIQUE,
    asked_at TEXT NOT NULL,
    decided_at TEXT,
    decided_by TEXT,
    decision TEXT,
    because TEXT NOT NULL DEFAULT '',
    erasure TEXT
);
CREATE INDEX IF NOT EXISTS requests_in_turn ON requests (decision IS NOT NULL, asked_at, id);
CREATE INDEX IF NOT EXISTS requests_of_client ON requests (client_id, decision IS NOT NULL, asked_at, id);
"""
_COLUMNS = "id, client_id, site_id, wanted, ids, asked_at, decided_at, decided_by, decision, because, erasure"


class Flooded(FootfallError):
    """More requests than a person could read."""


class Decided(FootfallError):
    """Somebody has decided about a request before."""


#: Whether it is decided, when it was asked, and its id.
Place = tuple[int, str, str]


def place_in(text: str) -> Place:
    """A place from its three parts, with commas between them. Raises FootfallError."""
    is_decided, _, rest = text.partition(",")
    asked_at, _, name = rest.partition(",")
    if is_decided not in ("0", "1") or not name:
        raise FootfallError(f"{text!r} is no place of a request: take what the command before printed")
    return int(is_decided), asked_at, name


@dataclass(frozen=True)
class Request:
    """What somebody asked for. `ids`: (kind, value), as long as nobody has decided."""

    id: str
    client_id: str
    site_id: str
    wanted: Wanted
    ids: tuple[tuple[Kind, str], ...]
    asked_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    decision: str | None
    because: str
    erasure: str | None

    @property
    def place(self) -> Place:
        """Where it stands among all: those that wait first, each the oldest first."""
        return int(self.decision is not None), _text(self.asked_at), self.id

    @property
    def due(self) -> datetime:
        """When it has to be answered: GDPR, art. 12(3), allows a month from the request on."""
        return self.asked_at + DEADLINE

    def said(self, now: datetime) -> dict[str, Any]:
        """As plain values, with the ids: for those who decide."""
        return {
            "id": self.id,
            "client_id": self.client_id,
            "site_id": self.site_id,
            "wanted": self.wanted,
            "ids": [{"kind": kind, "value": value} for kind, value in self.ids],
            "asked_at": self.asked_at.isoformat(),
            "due_by": self.due.isoformat(),
            "is_overdue": self.decision is None and now > self.due,
            "decision": self.decision,
            "decided_at": self.decided_at.isoformat() if self.decided_at else None,
            "decided_by": self.decided_by,
            "because": self.because,
            "erasure": self.erasure,
        }


class RequestBook:
    """The table. Used by one thread."""

    def __init__(self, home: Path) -> None:
        self._path = home / NAME

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        connection = open_database(
            NAME, self._path, erasure_book.SCHEMA + _SCHEMA, pragmas=("secure_delete = ON",)
        )
        try:
            with connection:
                yield connection
        finally:
            connection.close()

    def ask(
        self,
        client_id: str,
        site_id: str,
        wanted: Wanted,
        ids: Sequence[tuple[Kind, str]],
        form: str,
        now: datetime,
    ) -> Request:
        """Write a request down, or find it where the very same was sent before. `form`: its ticket.

        Raises Flooded.
        """
        said = _ids_text(ids)
        # With what it says: whoever goes back and sends another wish through the same form asks anew.
        sent = hashlib.sha256(f"{form} {wanted} {said}".encode()).hexdigest()
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            before = connection.execute(
                f"SELECT {_COLUMNS} FROM requests WHERE form = ? AND client_id = ? AND site_id = ?",
                (sent, client_id, site_id),
            ).fetchone()
            if before is not None:
                return _request(before)
            waiting = connection.execute(
                "SELECT count(*) FROM requests WHERE client_id = ? AND site_id = ? AND decision IS NULL",
                (client_id, site_id),
            ).fetchone()[0]
            lately = connection.execute(
                "SELECT count(*) FROM requests WHERE client_id = ? AND site_id = ? AND asked_at > ?",
                (client_id, site_id, _text(now - timedelta(hours=1))),
            ).fetchone()[0]
            if waiting >= MOST_WAITING or lately >= MOST_AN_HOUR:
                raise Flooded("more requests came than somebody could read")
            name = f"{now.astimezone(UTC):%Y%m%d}-{secrets.token_hex(5)}"
            connection.execute(
                "INSERT INTO requests (id, client_id, site_id, wanted, ids, form, asked_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (name, client_id, site_id, wanted, said, sent, _text(now)),
            )
        return self.get(name)

    def put_back(self, said: Mapping[str, Any], asked_at: datetime) -> bool:
        """Let a request of a backup wait again. False where one of that id is here. Raises KeyError."""
        with self._open() as connection:
            done = connection.execute(
                "INSERT OR IGNORE INTO requests (id, client_id, site_id, wanted, ids, form, asked_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    *(str(said[name]) for name in ("id", "client_id", "site_id", "wanted")),
                    _ids_text(said["ids"]),
                    f"restored {said['id']}",
                    _text(asked_at),
                ),
            )
        return done.rowcount == 1

    def all(self) -> list[Request]:
        """Every request, those that wait first, each the oldest first."""
        if not self._path.exists():
            return []
        with self._open() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM requests ORDER BY decision IS NOT NULL, asked_at, id"
            ).fetchall()
        return [_request(row) for row in rows]

    def page(self, limit: int, *, client_id: str | None = None, after: Place | None = None) -> list[Request]:
        """So many of them at most, in the order of `all`, behind a place; of one client where it is named."""
        if not self._path.exists():
            return []
        of_client = "client_id = ?" if client_id is not None else "1"
        behind = "(decision IS NOT NULL, asked_at, id) > (?, ?, ?)" if after is not None else "1"
        values = [*([client_id] if client_id is not None else []), *(after or ()), limit]
        with self._open() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM requests WHERE {of_client} AND {behind} "
                "ORDER BY decision IS NOT NULL, asked_at, id LIMIT ?",
                values,
            ).fetchall()
        return [_request(row) for row in rows]

    def find(self, name: str) -> Request | None:
        """One of them; of those of a year that is kept, no other is read."""
        if not self._path.exists():
            return None
        with self._open() as connection:
            row = connection.execute(f"SELECT {_COLUMNS} FROM requests WHERE id = ?", (name,)).fetchone()
        return _request(row) if row else None

    def get(self, name: str) -> Request:
        """The same. Raises FootfallError."""
        found = self.find(name)
        if found is None:
            raise FootfallError(f"there is no request {name!r}; `footfall privacy requests` lists them")
        return found

    def waiting(self, name: str) -> Request:
        """One about which nobody has decided. Raises Decided, FootfallError."""
        found = self.get(name)
        if found.decision is not None:
            raise Decided(f"the request {name} was {found.decision} by {found.decided_by}")
        return found

    def decide(self, name: str, decision: str, by: str, now: datetime, *, because: str = "") -> Request:
        """Note what became of it: `confirmed` or `refused`. Its ids are wiped. Raises Decided."""
        with self._open() as connection:
            is_ours = _decide(connection, name, decision, by, now, because)
        return self.get(name) if is_ours else self.waiting(name)

    def erase(self, name: str, person: Person, by: str, now: datetime) -> Request:
        """Confirm it and write its erasure down: both, or where somebody was earlier neither.

        Raises Decided.
        """
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            is_ours = _decide(connection, name, "confirmed", by, now, "")
            if is_ours:
                why = f"request {name}"
                erasure = erasure_book.write_down(
                    connection, person, reason=why, asked_by=by, now=now, is_for_good=False
                )
                connection.execute("UPDATE requests SET erasure = ? WHERE id = ?", (erasure, name))
        return self.get(name) if is_ours else self.waiting(name)

    def answer(self, erasure: Erasure, person: Person, now: datetime) -> None:
        """What others asked about somebody, before he was erased: of his ids none is left in it.

        Of whom nothing else was named, it is decided by that.
        """
        theirs: set[tuple[str, str]] = {(each.kind, each.value) for each in person.asked}
        theirs |= {(kind, each) for kind, ids in person.ids.items() for each in ids}
        for each in self.all():
            is_later = erasure.until is not None and each.asked_at > erasure.until
            rest = [one for one in each.ids if one not in theirs]
            if each.decision or each.client_id != person.client or is_later or len(rest) == len(each.ids):
                continue
            decision = "confirmed" if each.wanted == "erasure" else "refused"
            with self._open() as connection:
                if rest:
                    connection.execute(
                        "UPDATE requests SET ids = ? WHERE id = ? AND decision IS NULL",
                        (_ids_text(rest), each.id),
                    )
                    continue
                because = "all that was named has been erased"
                if _decide(connection, each.id, decision, erasure.asked_by, now, because):
                    connection.execute("UPDATE requests SET erasure = ? WHERE id = ?", (erasure.id, each.id))

    def let_go(self, now: datetime, gone: Collection[str], held: Collection[str]) -> list[str]:
        """Let go of what is past its time, and of all of the clients `gone`; of those `held` nothing goes.

        Returns the requests about which nobody decided in time; they are `lapsed`, without ids.
        """
        lapsed: list[str] = []
        free = [each for each in self.all() if each.client_id not in held]
        if not free:
            return lapsed
        with self._open() as connection:
            for each in free:
                is_over = each.decided_at is not None and now - each.decided_at >= DECIDED_FOR
                if is_over or each.client_id in gone:
                    connection.execute("DELETE FROM requests WHERE id = ?", (each.id,))
                elif (
                    each.decision is None
                    and now - each.asked_at >= UNDECIDED_FOR
                    and _decide(connection, each.id, "lapsed", "retention", now, "nobody decided")
                ):
                    lapsed.append(each.id)
        return lapsed


def _ids_text(ids: Iterable[tuple[str, str]]) -> str:
    return msgspec.json.encode(sorted(set(ids))).decode()


def _decide(
    connection: sqlite3.Connection, name: str, decision: str, by: str, now: datetime, because: str
) -> bool:
    """Whether nobody was earlier."""
    done = connection.execute(
        "UPDATE requests SET ids = NULL, decision = ?, decided_by = ?, decided_at = ?, because = ? "
        "WHERE id = ? AND decision IS NULL",
        (decision, by, _text(now), because, name),
    )
    return done.rowcount == 1


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _request(row: Sequence[Any]) -> Request:
    name, client_id, site_id, wanted, said, asked_at, decided_at, *rest = row
    ids = tuple((kind, value) for kind, value in msgspec.json.decode(said)) if said else ()
    decided = datetime.fromisoformat(decided_at) if decided_at else None
    by, decision, because, erasure = rest
    asked = datetime.fromisoformat(asked_at)
    return Request(name, client_id, site_id, wanted, ids, asked, decided, by, decision, because, erasure)
