"""Segments: choices of sessions that a client file names, for questions that say the name."""

from typing import Annotated, Any

from pydantic import Field

from footfall.fields import Name
from footfall.strict import Strict


class ClientSegment(Strict):
    """Filters under a name, as a question to the [API](api.md#questions) writes them."""

    name: Name
    """How a question names it: `["is", "segment", ["germans"]]`."""
    filters: list[Annotated[list[Any], Field(min_length=1, max_length=3)]] = Field(
        min_length=1, max_length=50
    )
    """All of which hold. No segment may stand in them."""
