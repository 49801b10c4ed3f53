"""How many requests an API answers: to one key in a minute and in an hour, to one address in a minute."""

from dataclasses import dataclass
from math import ceil

from footfall.access.limits import Addresses, Buckets, Limited, is_private, rate_headers

MINUTE, HOUR = 60, 3600
#: Forms of visitors' requests that one address may send in an hour: a household or an office, and no flood.
FORMS_AN_HOUR = 10


@dataclass(frozen=True)
class Quota:
    """Requests in a minute and in an hour; 0: no limit."""

    minute: int
    hour: int


@dataclass(frozen=True)
class Left:
    """What is left of one window: its quota, requests, seconds until all of it is."""

    name: str
    window: int
    quota: int
    remaining: int
    seconds: int


class RequestLimits:
    """The limits of one process; several behind a balancer have buckets of their own."""

    def __init__(self, address_minute: int) -> None:
        self._address_minute = address_minute
        self._name_of = Addresses().name_of
        self._addresses = Buckets(MINUTE)
        self._forms = Buckets(HOUR)
        self._minutes = Buckets(MINUTE)
        self._hours = Buckets(HOUR)

    def of_address(self, address: str, now: float) -> Limited | None:
        """Charge an address one request, whoever it says it is. Those of this machine and of private
        networks are not charged: a proxy, or we."""
        quota = self._address_minute
        if not quota or is_private(address):
            return None
        wait = self._addresses.take(self._name_of(address), quota / MINUTE, 1, now)
        return Limited("address", quota, MINUTE, max(1, ceil(wait))) if wait else None

    def of_form(self, address: str, now: float) -> int:
        """Charge an address a form that it sends: 0, or the seconds until it may send one again. Those that
        `of_address` lets through pass here, too."""
        if is_private(address):
            return 0
        return ceil(self._forms.take(self._name_of(address), FORMS_AN_HOUR / HOUR, 1, now))

    def of_key(self, sha256: str, quota: Quota, now: float) -> Limited | None:
        """Charge a key one request, in both windows or in none."""
        for name, window, buckets, most in self._windows(quota):
            if most and not buckets.left(sha256, most / window, now)[0]:
                wait = buckets.left(sha256, most / window, now)[1] - window + window / most
                return Limited(name, most, window, max(1, ceil(wait)), "key")
        for _, window, buckets, most in self._windows(quota):
            if most:
                buckets.take(sha256, most / window, 1, now)
        return None

    def left(self, sha256: str, quota: Quota, now: float) -> list[Left]:
        """What a key has left of each window that has a limit."""
        found = []
        for name, window, buckets, most in self._windows(quota):
            if most:
                remaining, seconds = buckets.left(sha256, most / window, now)
                found.append(Left(name, window, most, remaining, ceil(seconds)))
        return found

    def _windows(self, quota: Quota) -> list[tuple[str, int, Buckets, int]]:
        return [
            ("minute", MINUTE, self._minutes, quota.minute),
            ("hour", HOUR, self._hours, quota.hour),
        ]


def headers(left: list[Left]) -> dict[str, str]:
    """The `RateLimit` fields of the IETF's draft, of all windows in one list each."""
    policies: dict[str, list[str]] = {}
    for each in left:
        for name, value in rate_headers(each.name, each.quota, each.window, each.remaining, each.seconds):
            policies.setdefault(name.decode(), []).append(value.decode())
    return {name: ", ".join(values) for name, values in policies.items()}
