"""Profiles of a client file: settings that go together, filled in where the file says nothing."""

from collections.abc import Mapping
from typing import Any

#: `eu-strict`: nobody is recognised before he allows it, signals of browsers keep everything out, no place
#: below the country is made of an address, and nothing about a visit is kept for longer than thirteen months.
EU_STRICT = "eu-strict"
_SITE: Mapping[str, Any] = {
    "consent_default": 0,
    "gpc_policy": "tier0",
    "dnt_policy": "tier0",
    "consent_link": "off",
    "place": "country",
}
_RETENTION: Mapping[str, str] = {
    "raw": "30d",
    "quarantine": "30d",
    "events": "13 months",
    "backup": "13 months",
}


def with_profile(document: Any) -> Any:
    """A client file's document with what its profile says. Raises ValueError where it says otherwise."""
    if not isinstance(document, dict) or document.get("profile") != EU_STRICT:
        return document
    sites = document.get("sites")
    if not isinstance(sites, list) or not all(isinstance(each, dict) for each in sites):
        return document  # told as what it is
    for n, site in enumerate(sites, 1):
        for name, value in _SITE.items():
            said = "off" if site.get(name) is False and name == "consent_link" else site.get(name, value)
            if said != value:
                raise ValueError(f"profile {EU_STRICT}: site {n}: {name} is {value} with it; leave it out")
    kept = document.get("retention")
    kept = kept if isinstance(kept, dict) else {}
    for name in _RETENTION:
        if kept.get(name) == "keep":
            raise ValueError(f"profile {EU_STRICT}: retention.{name} has an end with it: say a time")
    return {
        **document,
        "sites": [{**site, **_SITE} for site in sites],
        "retention": {**_RETENTION, **kept},
    }
