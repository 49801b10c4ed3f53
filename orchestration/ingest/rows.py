"""SQL for the rows of `ingest.events` from lines that were found sound, enriched, in their final order."""

from datetime import datetime, timedelta

from footfall.event import EARLIEST_TIME, LATEST_TIME, MAX_AGE, MAX_AHEAD
from orchestration.ingest.lines import AUTHORITY, wide_lines
from orchestration.ingest.schema import TABLES

#: Fields of the event itself → their names here. Extracted together: the JSON is parsed once for all of them.
_FIELDS = (
    "url",
    "title",
    "referrer",
    "props",
    "view_id",
    "lang",
    "screen",
    "webdriver",
    "occurred_at",
    "sent_at",
)
#: Fields that only lines of access logs have.
_REQUEST_FIELDS = ("status", "edge_location", "edge_result", "time_taken", "bytes_sent")
#: Fields that have a column; the payload is the event without them.
_HELD = ("id", "type", "url", "title", "referrer", "props", "view_id", "lang", "screen")

#: Total order of each table, in the lake's Parquet.
ORDER = {
    "events": "client_id, site_id, visitor_id, occurred_at, object_key, line_number",
    "quarantine": "object_key, line_number",
}

#: Milliseconds by which two clocks may differ and still agree. A second is the granularity of many senders.
CLOCK_TOLERANCE = 2000


def _plausible(milliseconds: str) -> str:
    """A sender's time; null where the collector takes it for none."""
    return f"CASE WHEN {milliseconds} BETWEEN {EARLIEST_TIME} AND {LATEST_TIME} THEN {milliseconds} END"


def _milliseconds(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


def event_rows(hour: datetime, version: str, *, has_requests: bool, has_rules: bool) -> str:
    """A query over the temporary tables of lines, duplicates and enrichment.

    Its parameters: `$files` that hold lines, and `$keys` of all objects by their number.

    Sorting wide rows is what an hour spends most time on. So what follows from a row's other columns, or is
    the same in all, comes behind the sort, and of an object's key only its number goes through it (objects
    are numbered in the order of their keys).
    """
    fields = _FIELDS + (_REQUEST_FIELDS if has_requests else ())
    paths = ", ".join(f"'$.{name}'" for name in fields)
    place = {name: f"f[{n}]" for n, name in enumerate(fields, 1)}
    said = {name: f"try_cast({place[name]} AS BIGINT)" for name in ("occurred_at", "sent_at")}
    behind = {
        "received_hour": f"TIMESTAMPTZ '{hour.isoformat()}'",
        "page": _PAGE if has_rules else _PATH,
        "page_group": _GROUP if has_rules else "NULL",
        "is_referrer_spam": "coalesce(referrer_class = 'spam', false)",
        "enrichment_version": f"'{version}'",
        "object_key": "$keys[s.object + 1]",
    }
    if not has_requests:
        behind |= dict.fromkeys(_REQUEST_FIELDS, "NULL")
    values = _values(place)
    before = ",\n".join(
        f"CAST({values.get(name, f'l.{name}')} AS {kind}) AS {name}"
        for name, kind in TABLES["events"].items()
        if name not in behind
    )
    listed = ",\n".join(
        f"CAST({behind.get(name, f's.{name}')} AS {kind}) AS {name}"
        for name, kind in TABLES["events"].items()
    )
    rules = ""
    if has_rules:
        before += ", p.slash, p.lower_case, p.query, p.patterns, p.names"
        rules = "LEFT JOIN page_rules AS p ON p.client_id = l.client_id AND p.site_id = l.site_id"
    lines = f"""
        SELECT *, coalesce({place["webdriver"]} = 'true', false) AS is_driven,
            epoch_ms(received_at) AS received_ms, epoch_ms(occurred_at) AS occurred_ms,
            {_plausible(said["occurred_at"])} AS happened_ms,
            {_plausible("coalesce(sent_at, " + said["sent_at"] + ")")} AS sent_ms
        FROM (
            SELECT *, json_extract_string(event, [{paths}]) AS f FROM {wide_lines()} WHERE kind = 'event'
        )"""
    in_order = f"""
        SELECT {before}, l.object
        FROM ({lines}) AS l
        LEFT JOIN repeats AS d ON d.object = l.object AND d.n = l.n
        LEFT JOIN agents AS a
            ON a.user_agent = l.user_agent AND a.client_hints = coalesce(l.client_hints, '')
        LEFT JOIN referrers AS r
            ON r.authority = {AUTHORITY.format(url=place["referrer"])}
            AND r.client_id = l.client_id AND r.site_id = l.site_id
        LEFT JOIN runaways AS b
            ON b.visitor_id = l.visitor_id AND b.client_id = l.client_id AND b.site_id = l.site_id
        {rules}
        ORDER BY {ORDER["events"].replace("object_key", "object")}"""
    located = f"SELECT *, split_part(split_part(url, '#', 1), '?', 1) AS location FROM ({in_order})"
    return f"SELECT {listed} FROM ({located}) AS s"


def _values(place: dict[str, str]) -> dict[str, str]:
    """Column → its expression, where it is not simply the line's. `place`: where a field of the event is."""
    removed = ", ".join(f'"{name}": null' for name in _HELD)
    is_bot = "(a.bot_class IS NOT NULL OR is_driven OR b.visitor_id IS NOT NULL)"
    return {
        "event_type": "l.type",
        "url": place["url"],
        "title": place["title"],
        "referrer": place["referrer"],
        "first_party_session_id": "l.session_id",
        "view_id": place["view_id"],
        "language": place["lang"],
        "screen": place["screen"],
        "device": f"CASE WHEN {is_bot} THEN 'bot' ELSE coalesce(a.device, 'other') END",
        "is_bot": is_bot,
        "bot_class": "coalesce(a.bot_class, CASE WHEN is_driven THEN 'headless' "
        "WHEN b.visitor_id IS NOT NULL THEN 'other' END)",
        "bot_signals": "nullif(concat_ws(',', CASE WHEN a.bot_class IS NOT NULL THEN 'user_agent' END, "
        "CASE WHEN is_driven THEN 'webdriver' END, "
        "CASE WHEN b.visitor_id IS NOT NULL THEN 'behaviour' END), '')",
        "referrer_class": "r.referrer_class",
        "referrer_source": "r.referrer_source",
        "clock": _CLOCK,
        "source": "coalesce(l.source, 'web')",
        **{
            name: f"try_cast({place.get(name, 'NULL')} AS {TABLES['events'][name]})"
            for name in _REQUEST_FIELDS
        },
        "props": place["props"],
        "payload": f"CAST(json_merge_patch(event, '{{{removed}}}') AS VARCHAR)",
        "is_duplicate": "d.n IS NOT NULL",
        "line_number": "l.n",
        **{name: f"a.{name}" for name in ("browser", "browser_version", "os", "os_version", "bot_name")},
    }


#: Everything from the first slash behind the host, which begins at character 8 or 9: http://, https://.
_PATH = "CASE instr(location[9:], '/') WHEN 0 THEN '/' ELSE location[instr(location[9:], '/') + 8:] END"
_CASED = f"CASE WHEN s.lower_case THEN lower({_PATH}) ELSE {_PATH} END"
_SLASHED = f"""CASE s.slash
    WHEN 'strip' THEN coalesce(nullif(rtrim({_CASED}, '/'), ''), '/')
    WHEN 'add' THEN rtrim({_CASED}, '/') || '/'
    ELSE {_CASED} END"""
#: The allowed parameters in order of name, so that their order in the address makes no other page.
_QUERY = """array_to_string(list_sort(list_filter(
    string_split(regexp_extract(s.url, '^[^?#]*[?]([^#]*)', 1), '&'),
    lambda x: list_contains(s.query, split_part(x, '=', 1)))), '&')"""
_PAGE = (
    f"({_SLASHED}) || CASE WHEN len(s.query) > 0 THEN coalesce('?' || nullif({_QUERY}, ''), '') ELSE '' END"
)
_GROUP = "s.names[list_position(list_transform(s.patterns, lambda x: page LIKE x ESCAPE '!'), true)]"


#: What was done about the sender's clock, from what it said and what the collector made of it.
#:
#: `ok` agrees within two seconds; `corrected`: moved by what sending and receipt differ; `future`, `ancient`:
#: too far off to believe, so the receipt stands for it; `missing`: nothing said, or nonsense.
_CLOCK = f"""CASE
    WHEN happened_ms IS NULL THEN 'missing'
    WHEN abs(occurred_ms - happened_ms) <= {CLOCK_TOLERANCE} THEN 'ok'
    WHEN occurred_ms = received_ms
        AND happened_ms - coalesce(sent_ms - received_ms, 0) > received_ms + {_milliseconds(MAX_AHEAD)}
        THEN 'future'
    WHEN occurred_ms = received_ms
        AND happened_ms - coalesce(sent_ms - received_ms, 0) < received_ms - {_milliseconds(MAX_AGE)}
        THEN 'ancient'
    ELSE 'corrected' END"""
