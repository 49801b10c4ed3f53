"""Formats of access logs, a short description each: which field of a line is which of ours.

A line is cut in one of three ways: by a notation (as servers have it in their configuration), by columns that
a header names, or as JSON. What is found is called by these names, whatever the format calls it:

    address, forwarded      who asked, and what proxies said of him
    clf, iso, date + time, seconds, millis, micros, nanos, spoken, local   the moment, as it is written
    request                 `GET /path?query HTTP/1.1`; or method with target, url, or path and query
    scheme, host, status, bytes, referrer, agent, request_id
    taken_seconds, taken_millis, taken_micros
    country, region, city, edge_location, edge_result
    asked_by                by whom a CDN was asked, where it also asks itself

A field may come from several places: the first that is not empty counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from footfall.event import Source

Shape = Literal["notation", "columns", "json"]
#: How texts are written: with `\\"` and `\\x22`; with `%20`; with `+` for a blank; as they are.
Writing = Literal["escaped", "percent", "plus", "plain"]


@dataclass(frozen=True, eq=False)
class LogFormat:
    """A format, of which there is one each. `title`: what people call it.

    notation        of a line, in nginx's words; `tail` is what newer versions add to it
    fields          name there → name here; several of one name here in the order in which they count
    signs           columns or paths by which a file is known to be of this format
    writing         how texts are written
    stamp           how the name of a log object says its hour: four groups, year to hour
    host_like       what a host is like by which the format is known: others have something else in its place;
                    linear, for strangers choose what is compared with it
    is_host_zoned   whether it must be below a zone of the domain name system as well: others have a name of a
                    person there, which may have a dot too
    keeps_requests  whether every request is stored, beside the page views
    """

    name: str
    title: str
    shape: Shape
    notation: str = ""
    tail: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    signs: frozenset[str] = frozenset()
    writing: Writing = "plain"
    stamp: str = ""
    host_like: str = ""
    is_host_zoned: bool = False
    keeps_requests: bool = False
    source: Source = "access_log"


#: nginx's variables, and names that people give to them in JSON.
NGINX: Mapping[str, str] = {
    "remote_addr": "address",
    "remote_ip": "address",
    "client_ip": "address",
    "clientip": "address",
    "client": "address",
    "ip": "address",
    "realip_remote_addr": "",
    "http_x_forwarded_for": "forwarded",
    "proxy_add_x_forwarded_for": "forwarded",
    "x_forwarded_for": "forwarded",
    "http_x_real_ip": "forwarded",
    "http_cf_connecting_ip": "forwarded",
    "http_true_client_ip": "forwarded",
    "time_iso8601": "iso",
    "@timestamp": "iso",
    "timestamp": "iso",
    "time": "iso",
    "ts": "iso",
    "time_local": "clf",
    "msec": "seconds",
    "request": "request",
    "request_method": "method",
    "method": "method",
    "request_uri": "target",
    "uri": "path",
    "document_uri": "path",
    "path": "path",
    "url": "url",
    "args": "query",
    "query_string": "query",
    "scheme": "scheme",
    "http_host": "host",
    "host": "host",
    "vhost": "host",
    "server_name": "host",
    "status": "status",
    "body_bytes_sent": "bytes",
    "bytes_sent": "bytes",
    "bytes": "bytes",
    "http_referer": "referrer",
    "http_referrer": "referrer",
    "referer": "referrer",
    "referrer": "referrer",
    "http_user_agent": "agent",
    "user_agent": "agent",
    "agent": "agent",
    "request_time": "taken_seconds",
    "request_id": "request_id",
    "http_cf_ipcountry": "country",
    "http_cloudfront_viewer_country": "country",
    "geoip_country_code": "country",
    "geoip_city_country_code": "country",
    "geoip2_data_country_code": "country",
    "geoip2_data_country_iso_code": "country",
    "geoip_region": "region",
    "geoip_city": "city",
}

#: Apache's directives, without flags and status conditions.
APACHE: Mapping[str, str] = {
    "%h": "address",
    "%a": "address",
    "%{c}a": "",
    "%t": "clf",
    "%{sec}t": "seconds",
    "%{begin:sec}t": "seconds",
    "%{%s}t": "seconds",
    "%{msec}t": "millis",
    "%{begin:msec}t": "millis",
    "%{usec}t": "micros",
    "%{begin:usec}t": "micros",
    "%{%Y-%m-%dT%H:%M:%S%z}t": "iso",
    "%{%Y-%m-%dT%H:%M:%SZ}t": "iso",
    "%{%FT%T%z}t": "iso",
    "%{%d/%b/%Y:%H:%M:%S %z}t": "clf",
    "%{%d/%b/%Y:%T %z}t": "clf",
    "%r": "request",
    "%m": "method",
    "%U": "path",
    "%q": "query",
    "%s": "status",
    "%b": "bytes",
    "%B": "bytes",
    "%O": "bytes",
    "%{referer}i": "referrer",
    "%{user-agent}i": "agent",
    "%{host}i": "host",
    "%v": "host",
    "%V": "host",
    "%{x-forwarded-for}i": "forwarded",
    "%{x-real-ip}i": "forwarded",
    "%{cf-connecting-ip}i": "forwarded",
    "%{true-client-ip}i": "forwarded",
    "%{cf-ipcountry}i": "country",
    "%{geoip_country_code}e": "country",
    "%{mm_country_code}e": "country",
    "%{unique_id}e": "request_id",
    "%L": "request_id",
    "%T": "taken_seconds",
    "%{s}T": "taken_seconds",
    "%{ms}T": "taken_millis",
    "%{us}T": "taken_micros",
    "%D": "taken_micros",
}

#: Variables of ours, for formats that are written down here.
OWN: Mapping[str, str] = {
    **NGINX,
    "virtual_host": "host",
    "request_of_url": "request_of_url",
    "haproxy_time": "spoken",
    "haproxy_timers": "haproxy_timers",
    "taken_millis": "taken_millis",
    "taken_seconds": "taken_seconds",
}

_CLF = '$remote_addr $ident $remote_user [$time_local] "$request" $status $body_bytes_sent'
_COMBINED = _CLF + ' "$http_referer" "$http_user_agent"'
_V_CLF, _V_COMBINED = "$virtual_host " + _CLF, "$virtual_host " + _COMBINED
#: Ports that servers have, and connections to them do not come from.
_SERVED = r"[0-9]{1,3}|10[01][0-9]|102[0-3]|8[0-9]{3}"
#: An address alone is no name of a virtual host, nor one with a port of a connection: in its place stands
#: what a proxy said of the sender, or the sender himself.
_NAMED_HOST = (
    rf"\[[0-9A-Fa-f:.]*\](?::(?:{_SERVED}))?|[0-9.]+:(?:{_SERVED})|[0-9.]*[^0-9.:\[][^:]*(?::[0-9]+)?"
)

#: W3C's names of columns, in IIS, CloudFront and others.
_W3C: Mapping[str, str] = {
    "date": "date",
    "time": "time",
    "c_ip": "address",
    "cs_method": "method",
    "cs_uri_stem": "path",
    "cs_uri_query": "query",
    "sc_status": "status",
    "cs_host": "host",
    "cs_referer": "referrer",
    "cs_user_agent": "agent",
    "sc_bytes": "bytes",
}
_CLOUDFRONT: Mapping[str, str] = {
    "timestamp_ms": "millis",
    "timestamp": "seconds",
    "x_host_header": "host",
    **_W3C,
    "cs_protocol": "scheme",
    "time_taken": "taken_seconds",
    "x_edge_request_id": "request_id",
    "x_edge_location": "edge_location",
    "x_edge_result_type": "edge_result",
    "c_country": "country",
}

FORMATS: tuple[LogFormat, ...] = (
    # Of two that fit a line, the one that says more of it stands first.
    LogFormat(
        "vhost_combined",
        "combined behind the virtual host",
        "notation",
        _V_COMBINED,
        writing="escaped",
        host_like=_NAMED_HOST,
    ),
    LogFormat(
        "lighttpd",
        "lighttpd's own",
        "notation",
        "$remote_addr $virtual_host" + _COMBINED.removeprefix("$remote_addr $ident"),
        writing="escaped",
        host_like=r"localhost|[^:]*[A-Za-z0-9][.][^:.A-Za-z]*[A-Za-z][^:.]*(?::[0-9]+)?",
        is_host_zoned=True,
    ),
    LogFormat("combined", "Apache's and NGINX's combined", "notation", _COMBINED, writing="escaped"),
    LogFormat(
        "vhost_common",
        "common behind the virtual host",
        "notation",
        _V_CLF,
        writing="escaped",
        host_like=_NAMED_HOST,
    ),
    LogFormat("common", "NCSA common", "notation", _CLF, writing="escaped"),
    LogFormat(
        "s3",
        "S3 server access log",
        "notation",
        '$owner $bucket [$time_local] $remote_addr $requester $request_id $operation $key "$request" $status '
        '$error $bytes_sent $object_size $taken_millis $turn_around "$http_referer" "$http_user_agent"',
        " $version $host_id $signature $cipher $authentication $host",
        stamp=r"(?:^|/)(\d{4})-(\d{2})-(\d{2})-(\d{2})-\d{2}-\d{2}-[A-Z0-9]+$",
    ),
    LogFormat(
        "alb",
        "log of an application load balancer",
        "notation",
        "$kind $time_iso8601 $balancer $remote_addr:$remote_port $target $waiting $taken_seconds $answering "
        '$status $target_status $received $bytes_sent "$request_of_url" "$http_user_agent"',
        writing="escaped",
        stamp=r"_(\d{4})(\d{2})(\d{2})T(\d{2})\d{2}Z_[^/]*\.log\.gz$",
    ),
    LogFormat(
        "elb",
        "log of a classic load balancer",
        "notation",
        "$time_iso8601 $balancer $remote_addr:$remote_port $target $waiting $taken_seconds $answering "
        '$status $target_status $received $bytes_sent "$request_of_url" "$http_user_agent"',
        writing="escaped",
        stamp=r"_(\d{4})(\d{2})(\d{2})T(\d{2})\d{2}Z_[^/]*\.log$",
    ),
    LogFormat(
        "envoy",
        "Envoy's and Istio's own",
        "notation",
        '[$time_iso8601] "$request" $status $envoy_flags$received $bytes_sent $taken_millis $waiting '
        '"$http_x_forwarded_for" "$http_user_agent" "$request_id" "$host" "$upstream"',
    ),
    LogFormat(
        "haproxy",
        "HAProxy's HTTP log",
        "notation",
        # An IPv6 address stands before its port without brackets.
        "$remote_addr:$remote_port [$haproxy_time] $frontend $backend $haproxy_timers $status $bytes_sent "
        '$cookie $cookies $state $connections $queues $captures"$request"',
        writing="escaped",
    ),
    LogFormat(
        "cloudfront",
        "CloudFront's standard log",
        "columns",
        fields=_CLOUDFRONT,
        signs=frozenset(("x_edge_location", "x_edge_request_id", "x_host_header", "x_edge_result_type")),
        writing="percent",
        stamp=r"(?:^|[/.])(\d{4})-(\d{2})-(\d{2})-(\d{2})\.[A-Za-z0-9]+\.(?:gz|json|parquet|log|txt)$",
        keeps_requests=True,
        source="cloudfront",
    ),
    LogFormat(
        "w3c",
        "W3C extended log (IIS and others)",
        "columns",
        fields={
            **_W3C,
            "cs_uri": "url",
            "c_user_agent": "agent",
            "time_taken": "taken_millis",
            "x_forwarded_for": "forwarded",
        },
        signs=frozenset(("s_ip", "s_port", "s_sitename", "sc_substatus", "sc_win32_status", "cs_username")),
        writing="plus",
    ),
    LogFormat(
        "caddy",
        "Caddy's JSON",
        "json",
        fields={
            "ts": "iso",
            "request.client_ip": "address",
            "request.remote_ip": "address",
            "request.remote_addr": "address",
            "request.method": "method",
            "request.host": "host",
            "request.uri": "target",
            "request.headers.User-Agent.0": "agent",
            "request.headers.Referer.0": "referrer",
            "status": "status",
            "size": "bytes",
            "duration": "taken_seconds",
        },
        signs=frozenset(("request.uri",)),
    ),
    LogFormat(
        "logpush",
        "Cloudflare's Logpush",
        "json",
        fields={
            "EdgeStartTimestamp": "iso",
            "EdgeEndTimestamp": "iso",
            "ClientIP": "address",
            "ClientRequestHost": "host",
            "ClientRequestMethod": "method",
            "ClientRequestScheme": "scheme",
            "ClientRequestURI": "target",
            "ClientRequestPath": "path",
            "ClientRequestUserAgent": "agent",
            "ClientRequestReferer": "referrer",
            "EdgeResponseStatus": "status",
            "EdgeResponseBytes": "bytes",
            "EdgeTimeToFirstByteMs": "taken_millis",
            "RayID": "request_id",
            "ClientCountry": "country",
            "ClientRegionCode": "region",
            "ClientCity": "city",
            "EdgeColoCode": "edge_location",
            "CacheCacheStatus": "edge_result",
            "ClientRequestSource": "asked_by",
        },
        signs=frozenset(("ClientIP", "ClientRequestHost", "ClientRequestURI", "EdgeStartTimestamp", "RayID")),
        stamp=r"(?:^|/)(\d{4})(\d{2})(\d{2})T(\d{2})\d{4}Z_\d{8}T\d{6}Z_[^/]*\.log(?:\.gz)?$",
    ),
    # Which of its names is which: sources.json_names.
    LogFormat("json", "JSON by names that many servers use", "json"),
)
BY_NAME: Mapping[str, LogFormat] = {each.name: each for each in FORMATS}
