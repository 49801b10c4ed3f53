"""S3 lifecycle rules of our buckets, by the retention of the client files; and what a bucket's own lack.

They are the second lock: the job removes by day and by client, and knows what is delivered, final and held. A
bucket knows none of it. So its rules come thirty days later, go only as far as no client keeps longer, and
never touch manifests, keys or logs of deliveries, which lie beside the files. What a bucket alone can do is
let go of versions that were replaced or removed, and of uploads that nobody finished.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from footfall.retention.rules import Class, Retention, most_days

#: Days after the job's horizon, before a bucket removes by itself: a job that is blocked has that long.
LATER_DAYS = 30
#: Days that replaced and removed versions stay, where a bucket keeps them. More: what was removed can still
#: be read for so long. 1: a mistake is noticed within a day, or never mended.
NONCURRENT_DAYS = 7
_UPLOAD_DAYS = 7
#: Folder of the lake → the class that it goes by.
_FOLDERS: Mapping[str, Class] = {
    "raw/": "raw",
    "events/": "events",
    "enrichments/": "events",
    "quarantine/": "events",
}
#: Of these what is replaced or gone must be gone at once.
_AT_ONCE = ("salts/",)


@dataclass(frozen=True)
class BucketRules:
    """The rules of one bucket. `of`: what lies below each of its prefixes that are ours."""

    bucket: str
    of: Mapping[str, str] = field(default_factory=dict)
    rules: tuple[dict[str, Any], ...] = ()

    @property
    def configuration(self) -> dict[str, Any]:
        """As `aws s3api put-bucket-lifecycle-configuration` takes it."""
        return {"Rules": [dict(each) for each in self.rules]}


def rules_of_lake(prefix: str, clients: Sequence[Retention], *, is_held: bool) -> list[dict[str, Any]]:
    """Of the lake below `prefix` (empty, or with a slash at its end). `is_held`: whether anything is."""
    found = [_versions(f"{prefix}{folder}", 1) for folder in _AT_ONCE]
    found.append(_versions(prefix, NONCURRENT_DAYS))
    for folder, kind in _FOLDERS.items():
        days = [most_days(each.of(kind)) for each in clients]
        known = [each for each in days if each is not None]
        if not is_held and known and len(known) == len(days):
            found.append(
                {
                    "ID": _name("expire", f"{prefix}{folder}"),
                    "Status": "Enabled",
                    "Filter": {"Prefix": f"{prefix}{folder}"},
                    "Expiration": {"Days": max(known) + LATER_DAYS},
                }
            )
    return found


def rules_of_deliveries(prefix: str) -> list[dict[str, Any]]:
    """Of a bucket with deliveries: no expiry, because a manifest lies beside its files and stays."""
    return [_versions(prefix, NONCURRENT_DAYS)]


def merged(parts: Iterable[tuple[str, str, str, list[dict[str, Any]]]]) -> list[BucketRules]:
    """(bucket, prefix, what lies there, rules) → the rules of each bucket, which has one list of them."""
    found: dict[str, tuple[dict[str, str], dict[str, dict[str, Any]]]] = {}
    for bucket, prefix, what, rules in parts:
        of, known = found.setdefault(bucket, ({}, {}))
        of[prefix] = what
        for rule in rules:
            known[rule["ID"]] = rule
    return [
        BucketRules(bucket, of, tuple(known[name] for name in sorted(known)))
        for bucket, (of, known) in sorted(found.items())
    ]


def differences(wanted: BucketRules, found: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is wrong with the rules that a bucket has: one that is missing, and one that removes too early."""
    wrong = []
    active = [each for each in found if each.get("Status") == "Enabled"]
    for rule in wanted.rules:
        prefix = rule["Filter"]["Prefix"]
        alike = [each for each in active if prefix.startswith(prefix_of(each))]
        for name, field_name in (
            ("Expiration", "Days"),
            ("NoncurrentVersionExpiration", "NoncurrentDays"),
            ("AbortIncompleteMultipartUpload", "DaysAfterInitiation"),
        ):
            days = rule.get(name, {}).get(field_name)
            if days is not None and not any(
                0 < each.get(name, {}).get(field_name, 0) <= days for each in alike
            ):
                wrong.append(f"{prefix or '(all)'}: no rule for {name} within {days} days")
    for each in active:
        expires = each.get("Expiration", {})
        days, theirs = expires.get("Days"), prefix_of(each)
        if days is None and "Date" not in expires:
            continue
        for prefix in wanted.of:
            if not (theirs.startswith(prefix) or prefix.startswith(theirs)):
                continue
            ours = [
                rule["Expiration"]["Days"]
                for rule in wanted.rules
                if "Expiration" in rule and theirs.startswith(rule["Filter"]["Prefix"])
            ]
            if not ours or days is None or days < max(ours):
                wrong.append(
                    f"{theirs or '(all)'}: rule {each.get('ID', '')!r} removes objects after "
                    f"{days if days is not None else 'a date'}"
                    f"{' days' if days is not None else ''}, which nothing here orders"
                )
    return sorted(set(wrong))


def prefix_of(rule: Mapping[str, Any]) -> str:
    """Which keys a rule is about."""
    of = rule.get("Filter") or {}
    return str(of.get("Prefix") or of.get("And", {}).get("Prefix") or rule.get("Prefix") or "")


def _versions(prefix: str, days: int) -> dict[str, Any]:
    return {
        "ID": _name("versions", prefix),
        "Status": "Enabled",
        "Filter": {"Prefix": prefix},
        "NoncurrentVersionExpiration": {"NoncurrentDays": days},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": _UPLOAD_DAYS},
    }


def _name(kind: str, prefix: str) -> str:
    return f"footfall-{kind}-{prefix.strip('/').replace('/', '.') or 'all'}"
