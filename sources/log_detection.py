"""Which format a log is of, by its first lines, and why. What merely resembles one is refused."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa

from footfall.errors import FootfallError
from footfall.sql import run, sql
from footfall.wildcards import is_below_zone
from sources.contents import Content
from sources.foreign_logs import foreign, wrapped
from sources.json_names import fields_of, lacking, may_be_called, no_statuses, unnamed
from sources.layouts import Layout, json_objects, of_json, of_notation, of_pattern
from sources.log_files import first_lines, line_table, own_format
from sources.log_formats import BY_NAME, FORMATS, LogFormat
from sources.log_notation import JsonNames, Pattern
from sources.requests import begin, judge, sender

#: Lines at the beginning of a file that decide.
SAMPLE = 1000
#: Less of them that follow a format are chance.
FEWEST_SHARE = 0.5
#: A format that says more of a line is chosen where it fits that part of what another fits.
NEARLY = 0.9
#: Characters of a host and its port; what is longer is none.
LONGEST_HOST = 255


@dataclass(frozen=True)
class Decision:
    """The format of a file. `layout`: how its lines are cut, where its own headers do not say so."""

    form: LogFormat
    layout: Layout | None
    why: str


def decide(
    connection: duckdb.DuckDBPyConnection, content: Content, given: str | None, now: datetime
) -> Decision:
    """The format of a file; `given` is the name that a person says, None where nobody does.

    Raises FootfallError: with both names where the file is of another format than the given one, and with
    what was tried where it is of none.
    """
    if given is not None and given not in BY_NAME:
        raise FootfallError(f"unknown log format {given!r}: use {' or '.join(BY_NAME)}")
    wanted = BY_NAME[given] if given else None
    lines = first_lines(content, SAMPLE)
    records = json_objects(lines)
    try:
        own = _own(content, wanted, lines, records)
    except FootfallError as error:
        _refuse_foreign(content, wanted, lines, records)
        raise FootfallError(f"{content.path} has {error}; nothing was imported") from None
    if own is not None:
        if own is BY_NAME["json"] or wanted is not own:
            _refuse_foreign(content, wanted, lines, records)
        if wanted is not None and wanted is not own:
            raise _another(content, wanted, own, f"its {_signs(own)} say so")
        if own is BY_NAME["json"]:
            return _by_names(content, own, records)
        return Decision(own, None, f"by its {_signs(own)}")
    if not lines:
        raise FootfallError(f"{content.path} is empty: there is nothing to import")
    hosts = {layout: _hosts(connection, layout, lines, now) for layout in _CANDIDATES}
    found = {layout: _fitting(layout.form, hosts[layout]) for layout in hosts}
    # The first of those that fit nearly as many lines as any: it says more of them.
    most = max(found.values())
    best = next(layout for layout in found if found[layout] >= NEARLY * most)
    enough = found[best] >= FEWEST_SHARE * len(lines)
    if not enough:
        _refuse_foreign(content, wanted, lines, records)
    if wanted is None:
        if not enough:
            closest = f"the nearest, {best.said}, fits {found[best]}" if found[best] else "none fits any"
            raise FootfallError(
                f"{content.path} is of no format that is known: of its first {len(lines)} lines {closest}; "
                "say what a line is with --log-format, as the server's configuration has it; nothing "
                "was imported"
            )
        return Decision(best.form, best, f"{found[best]} of its first {len(lines)} lines follow it")
    if wanted.shape != "notation":
        if enough:
            raise _another(
                content, wanted, best.form, f"{found[best]} of its first {len(lines)} lines follow it"
            )
        return Decision(wanted, None, "as told")
    ours = max((each for each in found if each.form is wanted), key=lambda layout: found[layout])
    if enough and best.form is not wanted:
        why = f"{found[best]} of its first {len(lines)} lines follow it, and {found[ours]} the other"
        raise _another(content, wanted, best.form, why)
    if not found[ours] and any(hosts[each] for each in hosts if each.form is wanted):
        raise FootfallError(
            f"{content.path} is not {wanted.name} ({wanted.title}): in none of its first {len(lines)} lines "
            "does a host stand where that has one, but an address or nothing; say what a line is with "
            "--log-format, as the server's configuration has it; nothing was imported"
        )
    return Decision(wanted, ours, "as told")


def _by_names(content: Content, own: LogFormat, records: list[dict[str, Any]]) -> Decision:
    """JSON by names that many use. Raises FootfallError where one that is needed is not among them."""
    fields = fields_of(records)
    others = no_statuses(records, fields)
    fields = {path: field for path, field in fields.items() if path not in others}
    if others and "status" not in fields.values():
        said = ", ".join(f"{path.removeprefix('$.')} says {value!r}" for path, value in others.items())
        raise FootfallError(
            f"{content.path} is JSON of something else than requests: no status in most of its lines is a "
            f"number of HTTP ({said}); say which name is which with --log-format, as the server's "
            "configuration has it; nothing was imported"
        )
    if lacking(fields):
        if (inside := wrapped(records)) is not None:
            raise FootfallError(f"{content.path} is {inside}; nothing was imported")
        raise unnamed(content.path, records, fields)
    if (called := may_be_called(records, fields)) is not None:
        raise FootfallError(
            f"{content.path} is JSON without a user agent, whose requests have a whole url: {called} may be "
            "the address of a server that was called, and is no visitor's then; if it is who asked, say so: "
            f'--log-format \'{{"{called}": "$remote_addr", …}}\'; nothing was imported'
        )
    nobody = "" if "agent" in fields.values() else ", none of which is a user agent: bots cannot be told"
    return Decision(own, of_json(own, fields), f"by its names{nobody}")


def _refuse_foreign(
    content: Content, wanted: LogFormat | None, lines: list[bytes], records: list[dict[str, Any]]
) -> None:
    """Raise FootfallError where the file is a known log that is not read, with the name that was given."""
    what = foreign(lines, records)
    if what is not None:
        resembles = f", which {wanted.name} ({wanted.title}) merely resembles" if wanted else ""
        raise FootfallError(f"{content.path} is {what}{resembles}; nothing was imported")


def _own(
    content: Content, wanted: LogFormat | None, lines: list[bytes], records: list[dict[str, Any]]
) -> LogFormat | None:
    own = own_format(content, lines, records)
    if own is BY_NAME["json"] and wanted is not None and wanted.shape == "columns":
        return None
    return own


def _signs(form: LogFormat) -> str:
    return "names" if form.shape == "json" else "columns"


def _another(content: Content, wanted: LogFormat, found: LogFormat, why: str) -> FootfallError:
    return FootfallError(
        f"{content.path} is {found.name} ({found.title}), which {wanted.name} ({wanted.title}) merely "
        f"resembles: {why}; say --format {found.name}, or leave it out; nothing was imported"
    )


def _candidates() -> tuple[Layout, ...]:
    forms = [form for form in FORMATS if form.shape == "notation"]
    return (
        *(of_notation(form) for form in forms),
        *(of_notation(form, is_behind_syslog=True) for form in forms),
    )


#: Of two that fit as many lines, the first.
_CANDIDATES = _candidates()


def of_log_format(
    connection: duckdb.DuckDBPyConnection,
    content: Content,
    meaning: Pattern | JsonNames,
    now: datetime,
) -> Decision:
    """What a notation describes, bare or behind syslog. Raises FootfallError where no line fits."""
    lines = first_lines(content, SAMPLE)
    if not lines:
        raise FootfallError(f"{content.path} is empty: there is nothing to import")
    layouts = _layouts_of(meaning)
    found = {layout: _hosts(connection, layout, lines, now).total() for layout in layouts}
    best = max(found, key=lambda layout: found[layout])
    if not found[best]:
        raise FootfallError(
            f"{content.path}: none of its first {len(lines)} lines is what --log-format says; compare a "
            "line with it; nothing was imported"
        )
    return Decision(best.form, best, "as told")


@cache
def _layouts_of(meaning: Pattern | JsonNames) -> tuple[Layout, ...]:
    title = "the notation that was given"
    if isinstance(meaning, JsonNames):
        return (of_json(LogFormat("log-format", title, "json", fields=meaning.fields)),)
    form = LogFormat("log-format", title, "notation", writing="escaped")
    return of_pattern(form, meaning), of_pattern(form, meaning, is_behind_syslog=True)


def _hosts(
    connection: duckdb.DuckDBPyConnection, layout: Layout, lines: list[bytes], now: datetime
) -> Counter[str]:
    """Of the lines that are requests of somebody at a time that can be: host → how many have it; empty where
    they have none.

    Where a format is known by its host, that of the address that was asked for does not count: any format has
    such.
    """
    if layout.form.host_like:
        own = sql("coalesce({host}, '')", host=layout.values["host"])
        layout = replace(layout, values={**layout.values, "host": own})
    table = line_table(range(1, len(lines) + 1), lines)
    table = table.append_column("object", pa.array([0] * table.num_rows, pa.int64()))
    if not _is_cut(connection, layout, table):
        return Counter()
    begin(connection)
    judge(connection, layout, table, now, is_page=sql("false"), keeps_others=True)
    rows = run(
        connection,
        "SELECT sender, forwarded, coalesce(host, ''), count(*) FROM judged WHERE problem IS NULL "
        "GROUP BY ALL",
    ).fetchall()
    found: Counter[str] = Counter()
    for written, forwarded, host, count in rows:
        if sender(written, forwarded, ()) is not None:
            found[host] += count
    return found


def _is_cut(connection: duckdb.DuckDBPyConnection, layout: Layout, table: pa.Table) -> bool:
    """Whether a layout cuts any of the lines: most cut none, and that is told in a tenth of the time."""
    connection.register("chunk", table)
    found = run(
        connection,
        "SELECT 1 FROM {source} WHERE {wrong} IS NULL LIMIT 1",
        source=layout.source,
        wrong=layout.wrong,
    ).fetchone()
    connection.unregister("chunk")
    return found is not None


def _fitting(form: LogFormat, hosts: Mapping[str, int]) -> int:
    """How many lines follow a format, by their hosts: all, where it is not known by them.

    A line without one does where most others have one: who asks in an old way names none.
    """
    lines = sum(hosts.values())
    if not form.host_like:
        return lines
    named = sum(count for host, count in hosts.items() if _is_like(form, host))
    return named + hosts.get("", 0) if 2 * named > lines else named


def _is_like(form: LogFormat, host: str) -> bool:
    return (
        0 < len(host) <= LONGEST_HOST
        and re.fullmatch(form.host_like, host) is not None
        and (not form.is_host_zoned or is_below_zone(host.partition(":")[0]))
    )
