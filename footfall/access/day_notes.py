"""Notes that people write on a day of a site, for charts and reports: kept in `access.sqlite`."""

import secrets
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from footfall.access.register import NAME, key_register
from footfall.errors import FootfallError
from footfall.event import timestamp

#: Characters of a note, and notes of a site.
MOST_TEXT, MOST = 200, 1000


@dataclass(frozen=True)
class DayNote:
    """What somebody wrote on a day."""

    id: str
    client_id: str
    site_id: str
    day: date
    text: str
    by: str
    at: str


def day_notes(home: Path, client_id: str, site_id: str | None = None) -> list[DayNote]:
    """The notes of a site, or of all sites of a client, by day. Raises FootfallError."""
    if not (home / NAME).exists():
        return []
    with key_register(home) as database:
        rows = database.execute(
            "SELECT id, client_id, site_id, day, text, by, at FROM day_notes"
            " WHERE client_id = ? AND (site_id = ? OR ? IS NULL) ORDER BY day, at, id",
            (client_id, site_id, site_id),
        ).fetchall()
    return [
        DayNote(id_, client, site, date.fromisoformat(day), text, by, at)
        for id_, client, site, day, text, by, at in rows
    ]


def add_day_note(
    home: Path, *, client_id: str, site_id: str, day: date, text: str, by: str, now: datetime
) -> DayNote:
    """Keep a note. Raises FootfallError where it is empty, too long, or one too many."""
    said = " ".join(text.split())
    if not 0 < len(said) <= MOST_TEXT or not said.isprintable():
        raise FootfallError(f"a note has 1 to {MOST_TEXT} characters")
    if len(day_notes(home, client_id, site_id)) >= MOST:
        raise FootfallError(f"a site has {MOST} notes at most: remove some")
    note = DayNote(secrets.token_hex(8), client_id, site_id, day, said, by, timestamp(now))
    with key_register(home) as database:
        database.execute(
            "INSERT INTO day_notes VALUES (?, ?, ?, ?, ?, ?, ?)",
            (note.id, client_id, site_id, day.isoformat(), said, by, note.at),
        )
    return note


def remove_day_note(home: Path, client_id: str, site_id: str, note_id: str) -> None:
    """Take a note of that site away; one that is gone is no matter."""
    with key_register(home) as database:
        database.execute(
            "DELETE FROM day_notes WHERE client_id = ? AND site_id = ? AND id = ?",
            (client_id, site_id, note_id),
        )
