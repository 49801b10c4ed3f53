"""How pages made for a client look: a field of its file."""

from pydantic import Field

from footfall.fields import COLOR
from footfall.report.style import ACCENT
from footfall.strict import Strict


class Brand(Strict):
    """What reports take over of the client's looks; their title has its `name`."""

    color: str = Field(default=ACCENT, pattern=COLOR)
    """Of bars, lines and the edge; made darker on white, and lighter on black, until it can be seen."""
