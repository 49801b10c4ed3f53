"""SQL for the rows of an hour's events from lines that were found sound, enriched, in their final order."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from footfall.catalogue.columns import EVENT, OfEvent, OfLine, OfRequest, sources
from footfall.catalogue.ingested import COLUMN_TYPES
from footfall.event import EARLIEST_TIME, LATEST_TIME, MAX_AGE, MAX_AHEAD
from footfall.sql import Sql, joined, kind, name, names, number, sql, text, texts
from orchestration.ingest.lines import authority, wide_lines
from orchestration.ingest.owners import AS_WRITTEN

#: Column → the field of the line, of the event, of an event of an access log that it is.
_OF_LINE, _OF_EVENT, _OF_REQUEST = (sources(EVENT, of) for of in (OfLine, OfEvent, OfRequest))
#: Fields of the event itself, extracted together: the JSON is parsed once for all of them. The last ones are
#: read for other columns.
_FIELDS = (*_OF_EVENT.values(), "webdriver", "device_type", "occurred_at", "sent_at", "seq")
#: Fields that have a column, those that the line repeats too; the payload is the event without them.
_HELD = ("id", "type", *_OF_EVENT.values())

#: Total order of each table, in the lake's Parquet.
ORDER = {
    "events": sql("client_id, site_id, visitor_id, occurred_at, object_key, line_number"),
    "quarantine": sql("object_key, line_number"),
}

#: Fixed, so that the same rows become the same bytes. zstd 1 is a third faster than 3 and 1 % larger.
PARQUET = sql("FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 122880")

_NULL = sql("NULL")

#: Milliseconds by which two clocks may differ and still agree. A second is the granularity of many senders.
CLOCK_TOLERANCE = 2000


def _plausible(milliseconds: Sql) -> Sql:
    """A sender's time; null where the collector takes it for none."""
    return sql(
        "CASE WHEN {time} BETWEEN {earliest} AND {latest} THEN {time} END",
        time=milliseconds,
        earliest=number(EARLIEST_TIME),
        latest=number(LATEST_TIME),
    )


def _milliseconds(span: timedelta) -> Sql:
    return number(span // timedelta(milliseconds=1))


def event_rows(
    hour: datetime, version: str, owner: Sql = AS_WRITTEN, *, has_requests: bool, has_rules: bool
) -> Sql:
    """A query over the temporary tables of lines, duplicates and enrichment.

    Its parameters: `$files` that hold lines, and `$keys` of all objects by their number. `owner`: see
    read_lines.

    Sorting wide rows is what an hour spends most time on. So what follows from a row's other columns, or is
    the same in all, comes behind the sort, and of an object's key only its number goes through it (objects
    are numbered in the order of their keys).
    """
    fields = _FIELDS + (tuple(_OF_REQUEST.values()) if has_requests else ())
    place = {field: sql("f[{n}]", n=number(n)) for n, field in enumerate(fields, 1)}
    said = {
        field: sql("try_cast({place} AS BIGINT)", place=place[field]) for field in ("occurred_at", "sent_at")
    }
    behind = {
        "received_hour": sql("TIMESTAMPTZ {hour}", hour=text(hour.isoformat())),
        "page": _PAGE if has_rules else _PATH,
        "page_group": _GROUP if has_rules else _NULL,
        "is_referrer_spam": sql("coalesce(referrer_class = 'spam', false)"),
        "enrichment_version": text(version),
        "object_key": sql("$keys[s.object + 1]"),
    }
    if not has_requests:
        behind |= dict.fromkeys(_OF_REQUEST, _NULL)
    sorted_with = [column for column in COLUMN_TYPES["events"] if column not in behind]
    before = _columns(sorted_with, _values(place))
    rules = sql("")
    if has_rules:
        before = sql("{before}, p.slash, p.lower_case, p.query, p.patterns, p.names", before=before)
        rules = sql("LEFT JOIN page_rules AS p ON p.client_id = l.client_id AND p.site_id = l.site_id")
    lines = sql(
        """
        SELECT *, coalesce({webdriver} = 'true', false) AS is_driven,
            epoch_ms(received_at) AS received_ms, epoch_ms(occurred_at) AS occurred_ms,
            {happened} AS happened_ms, {sent} AS sent_ms
        FROM (
            SELECT *, json_extract_string(event, [{paths}]) AS f FROM {wide} WHERE kind = 'event'
        )""",
        webdriver=place["webdriver"],
        happened=_plausible(said["occurred_at"]),
        sent=_plausible(sql("coalesce(sent_at, {said})", said=said["sent_at"])),
        paths=texts(f"$.{field}" for field in fields),
        wide=wide_lines(owner),
    )
    in_order = sql(
        """
        SELECT {before}, l.object
        FROM ({lines}) AS l
        LEFT JOIN repeats AS d ON d.object = l.object AND d.n = l.n
        LEFT JOIN agents AS a
            ON a.user_agent = l.user_agent AND a.client_hints = coalesce(l.client_hints, '')
        LEFT JOIN own_apps AS w
            ON w.user_agent = l.user_agent AND w.client_id = l.client_id AND w.site_id = l.site_id
        LEFT JOIN referrers AS r
            ON r.authority = {authority}
            AND r.client_id = l.client_id AND r.site_id = l.site_id
        LEFT JOIN runaways AS b
            ON b.visitor_id = l.visitor_id AND b.client_id = l.client_id AND b.site_id = l.site_id
        {rules}
        ORDER BY client_id, site_id, visitor_id, occurred_at, object, line_number""",
        before=before,
        lines=lines,
        authority=authority(place["referrer"]),
        rules=rules,
    )
    return sql(
        "SELECT {listed} FROM ("
        "SELECT *, split_part(split_part(url, '#', 1), '?', 1) AS location FROM ({in_order})) AS s",
        listed=_columns(COLUMN_TYPES["events"], {c: names([c], "s") for c in sorted_with} | behind),
        in_order=in_order,
    )


def _columns(columns: Iterable[str], values: Mapping[str, Sql]) -> Sql:
    """Each column in its type, from its expression."""
    return joined(
        ",\n",
        (
            sql(
                "CAST({value} AS {type}) AS {column}",
                value=values[column],
                type=kind(COLUMN_TYPES["events"][column]),
                column=name(column),
            )
            for column in columns
        ),
    )


def _values(place: dict[str, Sql]) -> dict[str, Sql]:
    """Column → its expression. `place`: where a field of the event is."""
    # A program by its user agent, unless the site says that it is an app of its own.
    signed = sql("coalesce(starts_with(l.agent, 'verified '), false)")
    named = sql("CASE WHEN w.user_agent IS NULL THEN a.bot_class END")
    named = sql("CASE WHEN {signed} THEN 'ai_agent' ELSE {named} END", signed=signed, named=named)
    shown = sql("({named} IS NOT NULL OR is_driven OR b.visitor_id IS NOT NULL)", named=named)
    # A data centre proves nothing alone; nor do these, which no browser of a person would be without.
    bare = sql(
        "(coalesce(l.user_agent, '') = '' OR (coalesce(l.client_hints, '') = '' "
        "AND coalesce(l.source, 'web') = 'web' AND starts_with({url}, 'https:') "
        "AND regexp_matches(l.user_agent, {chrome})))",
        url=place["url"],
        chrome=text("Chrome/(9[0-9]|[1-9][0-9]{2})"),
    )
    placed = sql(
        "coalesce(l.asn_class = 'hosting' AND w.user_agent IS NULL AND {bare}, false)",
        bare=bare,
    )
    is_bot = sql("({shown} OR {placed})", shown=shown, placed=placed)
    return {
        **{column: names([field], "l") for column, field in _OF_LINE.items()},
        **{column: place[field] for column, field in _OF_EVENT.items()},
        **{
            column: sql(
                "try_cast({place} AS {type})",
                place=place.get(field, _NULL),
                type=kind(COLUMN_TYPES["events"][column]),
            )
            for column, field in _OF_REQUEST.items()
        },
        # Some libraries send both numbers as fields of an object.
        "viewport": sql(
            "CASE WHEN starts_with({said}, {object}) THEN nullif(concat("
            "regexp_extract({said}, {width}, 1), 'x', regexp_extract({said}, {height}, 1)), 'x') "
            "ELSE {said} END",
            said=place["viewport"],
            object=text("{"),
            width=text('"width":"?([0-9]+)'),
            height=text('"height":"?([0-9]+)'),
        ),
        # What a program says of the person it speaks for counts before what the user agent looks like.
        "device": sql(
            "CASE WHEN {is_bot} THEN 'bot' WHEN {said} IN ('mobile', 'tablet', 'desktop', 'tv') THEN {said} "
            "ELSE coalesce(w.device, a.device, 'other') END",
            is_bot=is_bot,
            said=place["device_type"],
        ),
        "is_bot": is_bot,
        "bot_class": sql(
            "coalesce({named}, CASE WHEN is_driven THEN 'headless' "
            "WHEN b.visitor_id IS NOT NULL OR {placed} THEN 'other' END)",
            named=named,
            placed=placed,
        ),
        "bot_name": sql(
            "CASE WHEN {signed} THEN substr(l.agent, 10) WHEN w.user_agent IS NULL THEN a.bot_name END",
            signed=signed,
        ),
        "bot_signals": sql(
            "nullif(concat_ws(',', CASE WHEN {signed} THEN 'signature' END, "
            "CASE WHEN w.user_agent IS NULL AND a.bot_class IS NOT NULL THEN 'user_agent' END, "
            "CASE WHEN is_driven THEN 'webdriver' END, "
            "CASE WHEN b.visitor_id IS NOT NULL THEN 'behaviour' END, "
            "CASE WHEN l.asn_class = 'hosting' AND {is_bot} THEN 'data_center' END, "
            "CASE WHEN {placed} THEN 'no_browser' END), '')",
            signed=signed,
            is_bot=is_bot,
            placed=placed,
        ),
        "referrer_class": sql("r.referrer_class"),
        "referrer_source": sql("r.referrer_source"),
        "clock": _CLOCK,
        "source": sql("coalesce(l.source, 'web')"),
        "payload": sql(
            "CAST(json_merge_patch(event, {removed}) AS VARCHAR)",
            removed=text(msgspec.json.encode(dict.fromkeys(_HELD)).decode()),
        ),
        "is_duplicate": sql("d.n IS NOT NULL"),
        "line_number": sql("l.n"),
        "seq": sql(
            "CASE WHEN {said} >= 0 THEN {said} END", said=sql("try_cast({seq} AS BIGINT)", seq=place["seq"])
        ),
        **{field: names([field], "a") for field in ("browser", "browser_version", "os", "os_version")},
    }


#: Everything from the first slash behind the host, which begins at character 8 or 9: http://, https://.
_PATH = sql("CASE instr(location[9:], '/') WHEN 0 THEN '/' ELSE location[instr(location[9:], '/') + 8:] END")
_CASED = sql("CASE WHEN s.lower_case THEN lower({path}) ELSE {path} END", path=_PATH)
_SLASHED = sql(
    """CASE s.slash
    WHEN 'strip' THEN coalesce(nullif(rtrim({cased}, '/'), ''), '/')
    WHEN 'add' THEN rtrim({cased}, '/') || '/'
    ELSE {cased} END""",
    cased=_CASED,
)
#: The allowed parameters in order of name, so that their order in the address makes no other page.
_QUERY = sql("""array_to_string(list_sort(list_filter(
    string_split(regexp_extract(s.url, '^[^?#]*[?]([^#]*)', 1), '&'),
    lambda x: list_contains(s.query, split_part(x, '=', 1)))), '&')""")
_PAGE = sql(
    "({slashed}) || CASE WHEN len(s.query) > 0 THEN coalesce('?' || nullif({query}, ''), '') ELSE '' END",
    slashed=_SLASHED,
    query=_QUERY,
)
_GROUP = sql("s.names[list_position(list_transform(s.patterns, lambda x: page LIKE x ESCAPE '!'), true)]")


#: What was done about the sender's clock, from what it said and what the collector made of it.
#:
#: `ok` agrees within two seconds; `corrected`: moved by what sending and receipt differ; `future`, `ancient`:
#: too far off to believe, so the receipt stands for it; `missing`: nothing said, or nonsense.
_CLOCK = sql(
    """CASE
    WHEN happened_ms IS NULL THEN 'missing'
    WHEN abs(occurred_ms - happened_ms) <= {tolerance} THEN 'ok'
    WHEN occurred_ms = received_ms
        AND happened_ms - coalesce(sent_ms - received_ms, 0) > received_ms + {ahead}
        THEN 'future'
    WHEN occurred_ms = received_ms
        AND happened_ms - coalesce(sent_ms - received_ms, 0) < received_ms - {age}
        THEN 'ancient'
    ELSE 'corrected' END""",
    tolerance=number(CLOCK_TOLERANCE),
    ahead=_milliseconds(MAX_AHEAD),
    age=_milliseconds(MAX_AGE),
)
