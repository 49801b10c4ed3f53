"""Logs that are known and hold no requests, or none that is read: so that a refusal can name them."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

#: How a line begins → what the log is.
_LINES: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("the log of a network load balancer (NLB), of connections and not of requests",
     re.compile(rb"(?:tls|tcp|udp) \d\.\d \d{4}-\d\d-\d\dT\S+ net/")),
    ("the connection log of an application load balancer, of connections and not of requests",
     re.compile(rb"\d{4}-\d\d-\d\dT\S+Z \S+ \d+ \d+ (?:TLSv[\d.]+|-) ")),
    ("CloudFront's real-time log, whose columns each installation chooses (its standard log is read)",
     re.compile(rb"\d{9,10}\.\d+\t[0-9A-Fa-f.:]+\t")),
    ("IIS's own log file format (its W3C format is read)",
     re.compile(rb"[0-9A-Fa-f.:]+, [^,]*, \d{1,2}/\d{1,2}/\d{2,4}, \d{1,2}:\d\d:\d\d, W3SVC")),
    ("HAProxy's TCP log, of connections and not of requests (`option httplog` is read)",
     re.compile(rb"(?:.{0,99}?: )?\S+:\d+ \[[\w/]+:[\d:.]+\] \S+ \S+ [-\d]+/[-\d]+/\+?[-\d]+ \+?\d+ ")),
    ("nginx's error log", re.compile(rb"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[\w+\] \d+#")),
    ("Apache's error log", re.compile(rb"\[\w{3} \w{3} \d\d [\d:.]+ \d{4}\] \[[\w:]*\]")),
    ("Squid's own log", re.compile(rb"\d{9,10}\.\d{3} +\d+ \S+ (?:TCP|UDP|NONE)_")),
)  # fmt: skip
_GATEWAY_HTTP = "Cloudflare's gateway_http, of what people of one network ask of others"
#: Names that a JSON line has → what the log is.
_NAMES: tuple[tuple[str, frozenset[str]], ...] = (
    ("Cloudflare's firewall_events (its http_requests are read)", frozenset(("Action", "RayID", "Datetime"))),
    ("Cloudflare's spectrum_events, of connections", frozenset(("Application", "ClientBytes", "Event"))),
    ("Cloudflare's gateway_dns", frozenset(("QueryName", "ResolverDecision"))),
    ("Cloudflare's gateway_dns", frozenset(("QueryName", "SrcIP"))),
    (_GATEWAY_HTTP, frozenset(("Datetime", "HTTPHost", "SourceIP"))),
    (_GATEWAY_HTTP, frozenset(("Datetime", "HTTPStatusCode", "SourceIP"))),
    ("Cloudflare's gateway_network, of connections", frozenset(("SourceIP", "DestinationIP", "Transport"))),
    ("Cloudflare's dns_logs", frozenset(("QueryName", "QueryType"))),
    ("Cloudflare's audit_logs", frozenset(("ActionType", "ActorIP"))),
    ("Cloudflare's nel_reports", frozenset(("Phase", "Type", "ClientIPCountry"))),
    ("Cloudflare's workers_trace_events", frozenset(("Outcome", "ScriptName", "EventTimestampMs"))),
    ("AWS WAF's log, of decisions and not of answers", frozenset(("webaclId", "httpRequest", "action"))),
    ("CloudTrail's log", frozenset(("eventSource", "eventName", "awsRegion"))),
)
#: How the first line of a file with a header looks → what the log is.
_HEADERS: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("Cloudflare's Logpush as CSV (as JSON lines it is read: `output_type` ndjson)",
     re.compile(rb"(?=.{0,9999}\bClientIP\b)(?=.{0,9999}\b(?:EdgeStartTimestamp|ClientRequest\w+|RayID)\b)\"?\w+\"?[,;\t|]")),
)  # fmt: skip
#: Names, in small letters, by which a line says whose call it is, and words there for one to others.
_DIRECTIONS = frozenset(("direction", "type"))
_OUTGOING = re.compile(r"(?:.*[^a-z])?(?:egress|outbound|outgoing)(?:[^a-z].*)?", re.IGNORECASE | re.DOTALL)
#: Names of what people write, and how they write it there. A path may begin with any word, and is no call.
_TEXTS = frozenset(("event", "msg", "message"))
_OUTGOING_CALL = re.compile(
    r"(?:.*[^a-z/])?(?:egress|outbound|outgoing)[ ._-]*(?:https?|api)?[ ._-]*(?:request|call)s?(?:[^a-z].*)?",
    re.IGNORECASE | re.DOTALL,
)
#: The same in the words of OpenTelemetry.
_KINDS, _OF_CALLER = frozenset(("kind", "span.kind", "span_kind")), re.compile(r"(?:span_kind_)?client", re.I)
#: Less lines of the sample than this part are chance.
_SHARE = 0.5


def foreign(lines: Sequence[bytes], records: Sequence[Mapping[str, Any]]) -> str | None:
    """What these first lines are of, in words; None where nobody knows. `records`: those that are JSON."""
    for what, names in _NAMES:
        if records and sum(names <= record.keys() for record in records) >= _SHARE * len(records):
            return what
    if records and sum(map(_is_outgoing, records)) >= _SHARE * len(records):
        return (
            "of calls to others: the address in it is whose server was called, and no visitor's (if it is "
            "who asked, say which name is which with --log-format)"
        )
    for what, header in _HEADERS:
        if lines and header.match(lines[0].removeprefix(b"\xef\xbb\xbf")):
            return what
    for what, begin in _LINES:
        if lines and sum(begin.match(line) is not None for line in lines) >= _SHARE * len(lines):
            return what
    return None


def wrapped(records: Sequence[Mapping[str, Any]]) -> str | None:
    """What to do with lines that only hold the lines of a server; None where they are no such."""
    if records and sum(record.keys() >= _DOCKER for record in records) >= _SHARE * len(records):
        return (
            "Docker's json-file, in which a server's lines are texts (`log`): give those lines, as "
            "`docker logs CONTAINER` or `jq -j .log FILE` have them"
        )
    return None


_DOCKER = frozenset(("log", "stream", "time"))


def _is_outgoing(record: Mapping[str, Any]) -> bool:
    said = [(name.lower(), value[:200]) for name, value in record.items() if isinstance(value, str)]
    return any(
        (name in _DIRECTIONS and _OUTGOING.fullmatch(value) is not None)
        or (name in _TEXTS and _OUTGOING_CALL.fullmatch(value) is not None)
        or (name in _KINDS and _OF_CALLER.fullmatch(value) is not None)
        for name, value in said
    )
