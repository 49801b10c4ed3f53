"""Names of a JSON log → fields of ours, however servers, proxies, clouds and shippers spell them.

    request_user_agent   requestUserAgent   {"request": {"user-agent": …}}      all of them: requestuseragent

A name counts with those of the objects that it is in, in small letters and without what is between words.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from footfall.errors import FootfallError

#: Field → names, those that say most of it first. Envoy, Traefik, Fastly, Google's and Amazon's clouds, ECS,
#: OpenTelemetry, Logstash, and the variables of nginx by their own names.
_NAMES: Mapping[str, str] = {
    "address": "remoteaddr remoteip clientip client clientaddr clienthost clientaddress remoteaddress "
    "remotehost sourceip srcip sourceaddress ip ipaddress cip httprequestremoteip downstreamremoteaddress "
    "httpclientip networkclientip peeraddress",
    "forwarded": "httpxforwardedfor proxyaddxforwardedfor xforwardedfor httpxrealip httpcfconnectingip "
    "httptrueclientip forwardedfor xrealip cfconnectingip trueclientip requestxforwardedfor",
    "iso": "timeiso8601 starttime startutc timestamp time ts datetime eventtime requesttimestamp startlocal",
    "clf": "timelocal",
    "seconds": "msec",
    "request": "request requestline",
    "method": "requestmethod method verb httpmethod httprequestmethod httprequestrequestmethod csmethod",
    "target": "requesturi httprequestrequesturi urloriginal originalurl requesttarget requestpath "
    "httptarget httprequestpath",
    "path": "uri documenturi path urlpath uripath",
    "url": "url urlfull httprequestrequesturl requesturl httpurl fullurl",
    "query": "args querystring urlquery query requestquery uriquery",
    "scheme": "scheme urlscheme httpscheme requestscheme xforwardedproto httpxforwardedproto",
    "host": "httphost host vhost servername authority urldomain requesthost httprequesthost hostname "
    "virtualhost domain domainname",
    "status": "status statuscode responsestatus responsecode responsestatuscode httpstatus httpstatuscode "
    "httpresponsestatuscode httprequeststatus downstreamstatus originstatus response scstatus "
    "httpresponsestatus",
    "bytes": "bodybytessent bytessent bytes responsesize responsebytes responsebodysize "
    "httprequestresponsesize httpresponsebodybytes downstreamcontentsize bytesout size",
    "referrer": "httpreferer httpreferrer referer referrer requestreferer requestreferrer "
    "httprequestreferrer httprequestreferer requestheadersreferer refererurl csreferer",
    "agent": "httpuseragent useragent agent requestuseragent useragentoriginal httprequestuseragent "
    "requestheadersuseragent ua csuseragent",
    "taken_seconds": "requesttime",
    "taken_millis": "requesttimems durationms responsetimems latencyms",
    "country": "httpcfipcountry httpcloudfrontviewercountry geoipcountrycode geoipcitycountrycode "
    "geoip2datacountrycode geoip2datacountryisocode geocountrycode countrycode clientcountry "
    "sourcegeocountryisocode clientgeocountryisocode geoipcountryisocode geoipcountrycode2",
    "region": "geoipregion",
    "city": "geoipcity",
}  # fmt: skip
_BY_NAME: Mapping[str, tuple[str, int]] = {
    name: (field, rank) for field, names in _NAMES.items() for rank, name in enumerate(names.split())
}
#: The one name that is a request's own id: clients choose some of the others, and what was imported by its
#: lines would come in once more.
_OWN_ID = '$."request_id"'
#: Beside the number of a process stands the name of its machine, as pino and bunyan write them.
_PROCESS, _MACHINE = '$."pid"', '$."hostname"'
_TIMES = ("iso", "clf", "seconds")
#: What a request cannot be without, and how a person would say it.
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "a time": _TIMES,
    "an address": ("address", "forwarded"),
    "what was asked for": ("request", "target", "path", "url"),
    "a status": ("status",),
}
_VARIABLES: Mapping[str, str] = {
    "a time": "$time_iso8601", "an address": "$remote_addr", "what was asked for": "$request_uri",
    "a status": "$status",
}  # fmt: skip
#: Objects in objects that are looked into, and names of one line.
_DEPTH, _MOST = 4, 500
#: Letters of a name that no path of ours can hold.
_NO_PART = frozenset('"\\*\0')
#: What servers say of an answer; of one that never came zero, or one less.
_STATUS = re.compile(r"0+|-1|[1-5][0-9]{2}(?:[.]0+)?")


def fields_of(lines: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """JSON path → field, of the names that stand in these lines; the best of a field first."""
    paths: dict[str, None] = {}
    for line in lines:
        paths.update(dict.fromkeys(path for path, _ in _members(line, "$", _DEPTH)))
    if _PROCESS in paths:
        paths.pop(_MACHINE, None)
    found = []
    for path in paths:
        meaning = ("request_id", 0) if path == _OWN_ID else _BY_NAME.get(_plain(path))
        if meaning is not None:
            found.append((meaning[1], path, meaning[0]))
    return {path: field for _, path, field in sorted(found, key=lambda each: each[0])}


def no_statuses(lines: Sequence[Mapping[str, Any]], fields: Mapping[str, str]) -> dict[str, str]:
    """Path → what stands there, of names of a status that most often say something else: `success`."""
    said: dict[str, list[str]] = {path: [] for path, field in fields.items() if field == "status"}
    for line in lines:
        for path, value in _members(line, "$", _DEPTH):
            if path in said and value not in (None, "", "-"):
                said[path].append(str(value))
    found = {}
    for path, values in said.items():
        others = [value for value in values if _STATUS.fullmatch(value.strip()) is None]
        if 2 * len(others) > len(values):
            found[path] = others[0][:40]
    return found


def lacking(fields: Mapping[str, str]) -> list[str]:
    """What of a request nothing names, in words."""
    found = set(fields.values())
    return [what for what, any_of in _NEEDED.items() if not found & set(any_of)]


def may_be_called(lines: Iterable[Mapping[str, Any]], fields: Mapping[str, str]) -> str | None:
    """The name of an address that may be whose server was called; None where something says that it asked.

    Lines without a user agent of which most have a whole url may be of calls to others.
    """
    given = set(fields.values())
    addresses = [path for path, field in fields.items() if field in ("address", "forwarded")]
    if "agent" in given or "url" not in given or any(_plain(path) not in _ANYBODY for path in addresses):
        return None
    urls = [
        str(value)
        for line in lines
        for path, value in _members(line, "$", _DEPTH)
        if fields.get(path) == "url"
    ]
    if 2 * sum(_WHOLE.match(url) is not None for url in urls) <= len(urls):
        return None
    return addresses[0].removeprefix("$.").replace('"', "")


_WHOLE = re.compile(r"https?://", re.IGNORECASE)
#: Names of an address that do not say on which side of a connection it is.
_ANYBODY = frozenset(("ip", "ipaddress", "peeraddress", "remoteaddress", "remoteip", "remotehost", "cip"))


def unnamed(path: object, lines: Iterable[Mapping[str, Any]], fields: Mapping[str, str]) -> FootfallError:
    """What to tell of a file in which something has no name that is known."""
    names = dict.fromkeys(place for line in lines for place, _ in _members(line, "$", _DEPTH))
    said = ", ".join(place.removeprefix("$.").replace('"', "") for place in list(names)[:30])
    without = lacking(fields)
    example = ", ".join(f'"NAME": "{_VARIABLES[what]}"' for what in without)
    return FootfallError(
        f"{path} is JSON, and no name in it is {' or '.join(without)}: its names are {said}; say which is "
        f"which, with all that you want of it: --log-format '{{{example}, …}}'; nothing was imported"
    )


def _members(place: Mapping[str, Any], path: str, depth: int) -> Iterator[tuple[str, Any]]:
    for number, (name, value) in enumerate(place.items()):
        if number == _MOST or not _NO_PART.isdisjoint(name):
            continue
        here = f'{path}."{name}"'
        if isinstance(value, list) and value and isinstance(value[0], str):
            here, value = f"{here}[0]", value[0]
        if isinstance(value, dict) and depth:
            yield from _members(value, here, depth - 1)
        elif not isinstance(value, dict | list):
            yield here, value


def _plain(path: str) -> str:
    return re.sub(r"[^a-z0-9]", "", re.sub(r"\[0\]$", "", path).lower())
