"""Limits by rate: token buckets for addresses, sites and API keys, in a bounded amount of memory.

A bucket is one number: the moment at which it will be full again (the generic cell rate algorithm). A
bucket that is full is the same as none, so those that were not touched for long can be forgotten
without anyone gaining a token. Addresses are known here only as a hash under a secret of this process.
"""

import re
import secrets
from collections.abc import Hashable
from ipaddress import IPv6Address
from math import ceil

from footfall.event import Refusal, Refused

#: Seconds of its rate that an address or a site may use at once: `rate × window` is the burst.
WINDOW_SECONDS = 20.0
#: The same for an API key, whose limit is written by the minute.
KEY_WINDOW_SECONDS = 60.0
#: Bytes of an inflated body, and microseconds of work, that cost as much as one event. Lower: dense bodies
#: are limited sooner, and large batches of ordinary events with them.
BYTES_OF_ONE, WORK_OF_ONE = 4096, 1000
#: Buckets held at once. Beyond it the older half is forgotten early, and those begin full again.
MAX_BUCKETS = 200_000

#: Behind these is a proxy that we were not told of, or a machine of our own: many visitors, not one.
is_private = re.compile(r"127\.|10\.|192\.168\.|172\.(1[6-9]|2[0-9]|3[01])\.|::1$|f[cd]|fe80").match


class Addresses:
    """What addresses are told apart by."""

    def __init__(self) -> None:
        self._secret = secrets.token_hex(32)

    def name_of(self, address: str) -> int:
        """Of IPv6 its /64: one host has all addresses of that."""
        if ":" in address:
            address = _subnet(address)
        # SipHash over a secret and the address: quick, and worth nothing outside of this process.
        return hash(self._secret + address)


class Limited(Refused):
    """A limit was reached: which, its quota in its window (seconds), seconds until it allows one more.

    `whose`: one of what, where the name does not say it.
    """

    def __init__(self, name: str, quota: int, window: int, seconds: int, whose: str = "") -> None:
        super().__init__(Refusal.RATE_LIMITED, f"{quota} in {window} s for one {whose or name}")
        #: Retry-After and the RateLimit fields of the IETF's draft.
        self.headers = [
            (b"retry-after", str(seconds).encode()),
            *rate_headers(name, quota, window, 0, seconds),
        ]


def rate_headers(
    name: str, quota: int, window: int, remaining: int, seconds: int
) -> list[tuple[bytes, bytes]]:
    """`RateLimit-Policy` and `RateLimit`: the quota of a window, what is left of it, when it is whole."""
    return [
        (b"ratelimit-policy", f'"{name}";q={quota};w={window}'.encode()),
        (b"ratelimit", f'"{name}";r={remaining};t={seconds}'.encode()),
    ]


class Buckets:
    """Token buckets of one window, told apart by name."""

    def __init__(self, window: float, most: int = MAX_BUCKETS) -> None:
        self._window = window
        self._most = most // 2
        self._young: dict[Hashable, float] = {}
        self._old: dict[Hashable, float] = {}
        self._turn = 0.0

    def take(self, name: Hashable, rate: float, cost: int, now: float) -> float:
        """Take `cost` tokens at `now` (monotonic seconds): 0.0, or the seconds until one can be had.

        One token is enough to be let in; what more a large batch costs is paid by those after it.
        """
        full_at = self._young.get(name)
        if full_at is None:
            full_at = self._renew(name, now)
        if full_at < now:
            full_at = now
        wait = full_at + 1.0 / rate - now - self._window
        if wait > 1e-9:
            return wait
        self._young[name] = full_at + cost / rate
        return 0.0

    def left(self, name: Hashable, rate: float, now: float) -> tuple[int, float]:
        """Tokens in a bucket, and the seconds until it is full."""
        full_at = max(self._young.get(name, 0.0), self._old.get(name, 0.0), now)
        return max(0, int((self._window - (full_at - now)) * rate + 1e-6)), full_at - now

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def _renew(self, name: Hashable, now: float) -> float:
        """The state of a bucket that is not among the young ones; turns the generations over."""
        # Whatever was untouched for two windows is full, unless a batch of many seconds overdrew it.
        if now >= self._turn or len(self._young) >= self._most:
            self._old, self._young = self._young, {}
            self._turn = now + 2 * self._window
        return self._old.get(name, 0.0)


class Limits:
    """What one collector process allows. Rates are events a second, 0 for none; keys by the minute."""

    def __init__(self, *, address_rate: float, site_rate: float, key_rate: float) -> None:
        self._address_rate = address_rate
        self._site_rate = site_rate
        self._key_rate = key_rate
        self.name_of = Addresses().name_of
        self._addresses = Buckets(WINDOW_SECONDS)
        self._sites = Buckets(WINDOW_SECONDS)
        self._keys = Buckets(KEY_WINDOW_SECONDS)

    def of_address(self, address: str, cost: int, now: float) -> Limited | None:
        """Charge an address, of IPv6 its /64. Private ones are not charged: they stand for many visitors, or
        for us. A cost of 0 only asks.
        """
        rate = self._address_rate
        if not rate or is_private(address):
            return None
        wait = self._addresses.take(self.name_of(address), rate, cost, now)
        return _limited("address", rate, WINDOW_SECONDS, wait) if wait else None

    def of_site(self, key: str, own_rate: int | None, events: int, now: float) -> Limited | None:
        """Charge a site, at its own rate or the common one."""
        rate = self._site_rate if own_rate is None else own_rate
        if not rate:
            return None
        wait = self._sites.take(key, rate, events, now)
        return _limited("site", rate, WINDOW_SECONDS, wait) if wait else None

    def of_key(self, sha256: str, own_rate: int | None, now: float) -> Limited | None:
        """Charge an API key one request, at its own rate (a minute) or the common one."""
        rate = self._rate_of(own_rate)
        wait = self._keys.take(sha256, rate, 1, now) if rate else 0.0
        return _limited("key", rate, KEY_WINDOW_SECONDS, wait) if wait else None

    def headers_of_key(self, sha256: str, own_rate: int | None, now: float) -> list[tuple[bytes, bytes]]:
        """What an API key has left, as headers; none where it has no limit."""
        quota, remaining, seconds = self.key_left(sha256, own_rate, now)
        return rate_headers("key", quota, int(KEY_WINDOW_SECONDS), remaining, seconds) if quota else []

    def key_left(self, sha256: str, own_rate: int | None, now: float) -> tuple[int, int, int]:
        """Requests a minute that a key may make (0: no limit), how many are left, seconds until all are."""
        rate = self._rate_of(own_rate)
        if not rate:
            return 0, 0, 0
        remaining, seconds = self._keys.left(sha256, rate, now)
        return round(rate * KEY_WINDOW_SECONDS), remaining, ceil(seconds)

    def _rate_of(self, own_rate: int | None) -> float:
        return (self._key_rate if own_rate is None else own_rate) / KEY_WINDOW_SECONDS


def _subnet(address: str) -> str:
    """The /64 of a canonical IPv6 address."""
    try:
        return (int(IPv6Address(address.partition("%")[0])) >> 64).to_bytes(8, "big").hex()
    except ValueError:
        return address


def _limited(name: str, rate: float, window: float, wait: float) -> Limited:
    return Limited(name, round(rate * window), int(window), max(1, ceil(wait)))
