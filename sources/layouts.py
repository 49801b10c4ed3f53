"""A format and what a file says of itself → how its lines are cut in SQL.

A layout's `source` is a relation over the table `chunk` (object, line_number, line); its `values` are
expressions over that, by the names of `sources.log_formats`.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from footfall.sql import Sql, joined, name, number, sql, text, texts
from sources import log_columns, log_notation
from sources.log_columns import plain_name
from sources.log_formats import BY_NAME, OWN, LogFormat

#: What may stand between columns, where it is no tab.
DELIMITERS = (",", ";", "|", " ")
TAB = "\t"


@dataclass(frozen=True, eq=False)
class Layout:
    """How lines of one kind are cut; each is its own, so that lines can be gathered by it.

    `wrong`: SQL for why a line cannot be cut so, NULL where it can.
    """

    form: LogFormat
    source: Sql
    values: Mapping[str, Sql]
    wrong: Sql
    #: The name of the format, with what is behind what.
    said: str


def of_notation(form: LogFormat, *, is_behind_syslog: bool = False) -> Layout:
    """The layout of a format that is described by its notation."""
    pattern = log_notation.compiled(form.notation, OWN, form.tail)
    return of_pattern(form, pattern, is_behind_syslog=is_behind_syslog)


def of_pattern(form: LogFormat, pattern: log_notation.Pattern, *, is_behind_syslog: bool = False) -> Layout:
    """The layout of a compiled notation."""
    if is_behind_syslog:
        pattern = log_notation.behind_syslog(pattern)
    groups = [f"g{n}" for n in range(len(pattern.fields))]
    whole = sql(
        "regexp_extract(line, {pattern}, [{groups}])", pattern=text(pattern.line), groups=texts(groups)
    )
    source = _by_stretches(pattern, groups, whole)
    found: dict[str, list[Sql]] = defaultdict(list)
    for group, field in zip(groups, pattern.fields, strict=True):
        value = sql("nullif(nullif(cut.{group}, ''), '-')", group=name(group))
        if form.writing == "escaped" and field in _WRITTEN:
            value = sql("CASE WHEN contains({v}, '\\') THEN unescaped({v}) ELSE {v} END", v=value)
        if field == "clock":
            clock = text(pattern.clock)
            field, value = "iso", sql("CAST(try_strptime({v}, {clock}) AS VARCHAR)", v=value, clock=clock)
        found[field].append(value)
    at = next(n for n, field in enumerate(pattern.fields) if field in _TIMES)
    wrong = sql(
        "CASE WHEN cut.{at} = '' THEN {said} END",
        at=name(groups[at]),
        said=text(f"does not follow the {form.name} format"),
    )
    said = f"{form.name} behind syslog" if is_behind_syslog else form.name
    return Layout(form, source, _first(found), wrong, said)


def _by_stretches(pattern: log_notation.Pattern, groups: Sequence[str], whole: Sql) -> Sql:
    """The relation of lines with their `cut`: stretch by stretch where a line is usual, else as a whole.

    A line with quotes in the usual number has no other way to be cut: each quote of the pattern is one of it.
    """
    if not pattern.usual:
        return sql("(SELECT *, {whole} AS cut FROM chunk)", whole=whole)
    ungiven = iter(groups)
    found, values = [], []
    count = len(pattern.usual)
    is_usual = [sql("NOT contains(line, '\\')")]
    for n, stretch in enumerate(pattern.usual, 1):
        piece = sql("stretches[{n}]", n=number(n))
        own = [next(ungiven) for _ in range(stretch.groups)]
        if not stretch.pattern:
            values += [sql("{group} := {piece}", group=name(own[0]), piece=piece)]
        elif own:
            at = name(f"s{n}")
            cut = sql(
                "regexp_extract({it}, {like}, [{groups}])",
                it=piece,
                like=text(stretch.pattern),
                groups=texts(own),
            )
            found.append(sql("{cut} AS {at}", cut=cut, at=at))
            is_usual.append(sql("{at}.{group} <> ''", at=at, group=name(own[0])))
            values += [sql("{group} := {at}.{group}", group=name(each), at=at) for each in own]
        elif n < count:
            is_usual.append(sql("{piece} = {text}", piece=piece, text=text(stretch.pattern[1:-1])))
    last = sql("stretches[{n}]", n=number(count))
    if pattern.usual[-1].groups:
        is_usual.append(sql("len(stretches) = {n}", n=number(count)))
    elif pattern.may_have_more:
        is_usual.append(
            sql(
                "(starts_with({last}, ' ') OR {last} = '' AND len(stretches) = {n})",
                last=last,
                n=number(count),
            )
        )
    else:
        is_usual.append(sql("{last} = '' AND len(stretches) = {n}", last=last, n=number(count)))
    return sql(
        "(SELECT * EXCLUDE (stretches), "
        "CASE WHEN {is_usual} THEN struct_pack({values}) ELSE {whole} END AS cut "
        "FROM (SELECT *, {found} FROM (SELECT *, string_split(line, '\"') AS stretches FROM chunk)))",
        is_usual=joined(" AND ", is_usual),
        values=joined(", ", values),
        whole=whole,
        found=joined(", ", found),
    )


_TIMES = ("clf", "iso", "seconds", "millis", "micros", "spoken", "clock")
#: Fields in which a server escapes what it was sent.
_WRITTEN = ("target", "url", "path", "query", "referrer", "agent", "host")


@lru_cache(maxsize=64)
def of_columns(form: LogFormat, columns: tuple[str, ...], delimiter: str) -> Layout:
    """The layout of lines whose columns (plain names) are separated by `delimiter`."""
    # `trim` looks for blanks of every script; most lines have none at all.
    source = sql(
        "(SELECT *, string_split(line, {delimiter}) AS cut, strlen(line) <> length(line) "
        "OR {delimiter} <> ' ' AND contains(line, ' ') AS is_loose FROM chunk)",
        delimiter=text(delimiter),
    )
    found: dict[str, list[Sql]] = defaultdict(list)
    for column, field in form.fields.items():
        if column in columns:
            cell = sql("cut[{n}]", n=number(columns.index(column) + 1))
            trimmed = sql("CASE WHEN is_loose THEN trim({cell}) ELSE {cell} END", cell=cell)
            found[field].append(_cell(form, field, trimmed))
    wrong = sql(
        "CASE WHEN len(cut) <> {n} THEN 'expected {n} columns, found ' || len(cut) END",
        n=number(len(columns)),
    )
    return Layout(form, source, _first(found), wrong, form.name)


def _cell(form: LogFormat, field: str, value: Sql) -> Sql:
    value = sql("nullif({value}, '-')", value=value)
    return (
        sql("replace({value}, '+', ' ')", value=value)
        if (form.writing, field) == ("plus", "agent")
        else value
    )


def of_table(form: LogFormat, columns: Sequence[str]) -> Layout:
    """The layout of a table `chunk` of columns by their own names, such as Parquet has."""
    found: dict[str, list[Sql]] = defaultdict(list)
    plain = {plain_name(column): column for column in reversed(columns)}
    for column, field in form.fields.items():
        if (own := plain.get(plain_name(column))) is not None:
            found[field].append(_cell(form, field, sql("trim(CAST({column} AS VARCHAR))", column=name(own))))
    return Layout(form, sql("chunk"), _first(found), sql("NULL"), f"{form.name} as Parquet")


def of_json(form: LogFormat, fields: Mapping[str, str] | None = None) -> Layout:
    """The layout of JSON lines. `fields`: path → field, where they are not the format's own."""
    fields = form.fields if fields is None else fields
    if form.shape == "columns":
        spelled = dict.fromkeys((*log_columns.LEGACY, "timestamp", "timestamp(ms)", *form.fields))
        known = list(form.fields)
        spellings = [each for each in spelled if plain_name(each) in form.fields]
        spellings.sort(key=lambda each: known.index(plain_name(each)))
        fields = {each: form.fields[plain_name(each)] for each in spellings}
    paths = [_path(each) for each in fields]
    source = sql(
        "(SELECT * EXCLUDE (said), "
        "CASE WHEN json_valid(said) THEN json_extract_string(said, [{paths}]) END AS cut "
        "FROM (SELECT *, CASE WHEN starts_with(line, '{{') OR starts_with(ltrim(line), '{{') THEN line "
        "ELSE {behind} END AS said FROM chunk))",
        paths=texts(paths),
        behind=sql("regexp_extract(line, {like}, 1)", like=text(BEHIND_SYSLOG)),
    )
    found: dict[str, list[Sql]] = defaultdict(list)
    for n, field in enumerate(fields.values(), 1):
        # Logstash's pattern leaves quotes around some.
        around = text(' "' if field in ("agent", "referrer") else " ")
        value = sql("nullif(nullif(trim(cut[{n}], {around}), '-'), '')", n=number(n), around=around)
        if field in ("host", "request"):  # shippers have an object below such a name
            value = sql("CASE WHEN NOT starts_with({value}, '{{') THEN {value} END", value=value)
        if field == "request":  # `/bread`, where the method has a name of its own
            found["target"].append(sql("CASE WHEN starts_with({value}, '/') THEN {value} END", value=value))
        found[field].append(value)
    return Layout(form, source, _first(found), sql("CASE WHEN cut IS NULL THEN 'no JSON' END"), form.name)


def _path(written: str) -> str:
    """`request.headers.User-Agent.0` as a path of JSON. A name that no path can hold finds nothing; what is a
    path stays one.
    """
    if written.startswith('$."'):
        return written
    if "." not in written or not re.fullmatch(r"[A-Za-z0-9_.-]+", written):
        return '$."' + written.replace('"', "") + '"'
    parts = (f"[{part}]" if part.isdigit() else f'."{part}"' for part in written.split("."))
    return "$" + "".join(parts)


def _first(found: Mapping[str, Iterable[Sql]]) -> dict[str, Sql]:
    return {
        field: sql("coalesce({values}, NULL)", values=joined(", ", values)) for field, values in found.items()
    }


#: JSON behind what a syslog daemon or a runner of containers writes before a line.
BEHIND_SYSLOG = rf"^{log_notation.SYSLOG}(\{{.*\}})[ \t]*$"


def json_objects(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    """What JSON lines say, bare or behind syslog; lines that are none are left out."""
    found = []
    for line in lines:
        text = line if line.lstrip().startswith(b"{") else _said_in(line)
        try:
            found.append(msgspec.json.decode(text, type=dict[str, Any]))
        except (msgspec.DecodeError, RecursionError):
            continue
    return found


def _said_in(line: bytes) -> bytes:
    behind = re.fullmatch(BEHIND_SYSLOG.encode(), line)
    return behind[1] if behind else b""


def json_format(record: Mapping[str, Any]) -> LogFormat:
    """The format of what a JSON line says, by its names."""
    if isinstance(request := record.get("request"), dict) and "uri" in request:
        return BY_NAME["caddy"]
    # Cloudflare's other logs have some of these names as well.
    if {"ClientRequestHost", "ClientIP"} & record.keys() and LOGPUSH_TIMES & record.keys():
        return BY_NAME["logpush"]
    plain = {plain_name(each) for each in record}
    if {"cs_uri_stem", "c_ip"} & plain:
        return BY_NAME["cloudfront"]
    return BY_NAME["json"]


LOGPUSH_TIMES = frozenset(("EdgeStartTimestamp", "EdgeEndTimestamp"))


def column_format(columns: Sequence[str], is_tabbed: bool) -> LogFormat:
    """Whose columns (plain names) these are: CloudFront's or another server's."""
    cloudfront, w3c = BY_NAME["cloudfront"], BY_NAME["w3c"]
    if cloudfront.signs & set(columns) or (is_tabbed and not w3c.signs & set(columns)):
        return cloudfront
    return w3c
