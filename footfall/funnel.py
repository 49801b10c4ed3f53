"""Funnels: the steps that a client wants counted, as its file defines them."""

import re
from typing import Annotated, Literal

from pydantic import Field

from footfall.strict import Strict

_NAME = r"^[a-z0-9][a-z0-9_-]{0,47}$"
_EVENT_TYPE = r"^[^,\s][^,]{0,63}$"
#: What a person is told who breaks a pattern.
EXPECTED = {_EVENT_TYPE: "expected the type of an event, 1 to 64 characters without a comma"}

#: A type of event as a client file names it. No comma: lists of types are stored with commas.
EventType = Annotated[str, Field(pattern=_EVENT_TYPE)]


class FunnelStep(Strict):
    """One step: an event of a type, on a page if that matters; `*` in a page stands for any text."""

    name: str = Field(min_length=1, max_length=80)
    """For people."""
    event: EventType = "page_view"
    """The type of event that is the step."""
    page: str | None = Field(default=None, min_length=1, max_length=1024)
    """The page that it happens on, `*` for any text; without it any page."""

    @property
    def page_pattern(self) -> str | None:
        """The page as a pattern of SQL's LIKE, with `!` as its escape; None for any page."""
        if self.page is None:
            return None
        return re.sub(r"([!%_])", r"!\1", self.page).replace("*", "%")


class Funnel(Strict):
    """Steps that a visit, or a visitor, takes in this order; other events may lie between."""

    name: str = Field(pattern=_NAME)
    """Names the funnel in its rows."""
    counted_by: Literal["session", "visitor"] = "session"
    """By whom it is counted: `session` or `visitor`. By visitor finds steps in different sessions."""
    window_minutes: int = Field(default=1440, ge=1, le=10080)
    """Minutes from the first step within which the last must be reached, up to a week. Longer: more get
    through, and more days are counted anew each hour.
    """
    steps: list[FunnelStep] = Field(min_length=2, max_length=8)
    """In this order."""
