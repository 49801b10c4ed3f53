"""What must not be stored of a request goes: personal data, click ids, and the sender's own address.

Over the views of requests and the table `judged` behind them, text by text: most stand in many requests.
"""

from collections.abc import Sequence
from functools import lru_cache

import duckdb
import msgspec

from footfall.consent import COOKIELESS, strip
from footfall.scrub import scrub_event
from footfall.scrub_addresses import look, without_own_address
from footfall.scrub_signs import is_plain
from footfall.sql import Sql, name, run, sql
from sources.log_addresses import who_may_be_said
from sources.temporary_tables import make_table

#: What may hold personal data or a click id, before anybody looks closely: most paths and referrers do not.
_SUSPICIOUS = "[@%=:;&]|[0-9]([ +.-]?[0-9]){8}|eyJ|[A-Za-z0-9_-]{15}"
_COLUMNS = (("path", ""), ("query", "?"), ("referrer", ""))
#: Every spelling of an address has one of these: a digit, a colon, an encoding, a sign of another script, or
#: four hexadecimal letters in a row.
_MAY_BE_ADDRESS = "[0-9:%]|[^ -~]|[A-Fa-f]{4}"


def take_out_personal_data(connection: duckdb.DuckDBPyConnection) -> None:
    """The scrub and the tier of visitors without a cookie, over every distinct text of the requests.

    A log is not asked for consent: its visitors are of tier 1 at most, so that click ids lose their
    value.
    """
    for column, sign in _COLUMNS:
        rows = run(
            connection,
            "SELECT DISTINCT {column} FROM requests WHERE regexp_matches(replace({column}, '://', ''), ?)",
            [_SUSPICIOUS],
            column=name(column),
        ).fetchall()
        changed = [
            (text, clean[len(sign) :]) for (text,) in rows if (clean := _clean(sign + text)) != sign + text
        ]
        rule = sql("changed WHERE {it} = written", it=name(column))
        _change(connection, column, ("written", "clean"), changed, rule)


def take_out_own_addresses(connection: duckdb.DuckDBPyConnection) -> None:
    """The address of a request goes from whatever the request says, in every spelling."""
    fewest = run(connection, "SELECT min(fewest_decimal), min(fewest_hexadecimal) FROM senders").fetchone()
    fewest_decimal, fewest_hexadecimal = (each or 0 for each in fewest or (0, 0))
    for column in ("path", "query", "referrer", "host"):
        rows = run(
            connection,
            "SELECT DISTINCT {column} FROM requests WHERE regexp_matches({column}, ?)",
            [_MAY_BE_ADDRESS],
            column=name(column),
        ).fetchall()
        looks = {
            text: seen
            for (text,) in rows
            if (seen := look(text)).may_hide
            or len(seen.decimal) >= fewest_decimal
            or len(seen.hexadecimal) >= fewest_hexadecimal
        }
        # By address: what is known of one address is kept while its texts are looked at.
        pairs = who_may_be_said(connection, looks, sql("sent_requests"), column)
        changed = [
            (address, text, clean)
            for address, text in pairs
            if (clean := _without_own(text, address)) is not text
        ]
        rule = sql(
            "changed, senders WHERE judged.sender = senders.sender "
            "AND judged.forwarded IS NOT DISTINCT FROM senders.forwarded "
            "AND senders.address = whose AND {it} = written",
            it=name(column),
        )
        _change(connection, column, ("whose", "written", "clean"), changed, rule)


def _change(
    connection: duckdb.DuckDBPyConnection,
    column: str,
    fields: tuple[str, ...],
    changed: Sequence[tuple[str, ...]],
    rule: Sql,
) -> None:
    """Put `clean` of the rows `changed` into a column of the requests that the rule finds."""
    if changed:
        make_table(
            connection, "changed", {each: [row[n] for row in changed] for n, each in enumerate(fields)}
        )
        run(
            connection,
            "UPDATE judged SET {column} = clean FROM {rule} AND problem IS NULL",
            column=name(column),
            rule=rule,
        )


#: A piece of a log has some ten thousand different texts that may hold something.
@lru_cache(maxsize=1 << 14)
def _clean(text: str) -> str:
    raw = msgspec.json.encode({"url": text})
    return text if is_plain(raw, 1, (text,), {}, [text]) else without_personal_data(text)


def without_personal_data(text: str) -> str:
    """A part of an address as an event of tier 1 may hold it."""
    scrubbed, _ = scrub_event(msgspec.json.encode({"url": text}))
    stripped = strip(scrubbed, COOKIELESS, has_ids=False, has_clicks=True)
    return msgspec.json.decode(stripped, type=dict[str, str])["url"]


def _without_own(text: str, address: str) -> str:
    stored = msgspec.json.encode(text)
    clean = without_own_address(b'{"text":' + stored + b"}", address)
    found = msgspec.json.decode(clean, type=dict[str, str])["text"]
    return text if found == text else found
