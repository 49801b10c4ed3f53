"""Hosts that a client file gives to a site: names, wildcards over one's own, IPv6 addresses."""

import re
from ipaddress import IPv6Address
from typing import Annotated

from pydantic import AfterValidator

from footfall.wildcards import is_everybodys

_DOMAIN = re.compile(r"^(\*\.)?[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")


def _domain(value: str) -> str:
    if ":" in value:
        return _six(value)
    if not _DOMAIN.fullmatch(value):
        raise ValueError("expected a lower-case host name such as shop.example or *.shop.example")
    if is_everybodys(value):
        raise ValueError("a wildcard needs a domain of one's own, such as *.shop.example")
    return value


def _six(value: str) -> str:
    """An IPv6 address in the one spelling in which hosts of events are compared."""
    try:
        return str(IPv6Address(value.strip("[]")))
    except ValueError:
        raise ValueError("expected a host name such as shop.example, or an IPv6 address") from None


Domain = Annotated[str, AfterValidator(_domain)]
