"""A delivered report as a message: its subject, its body for mail programs, and for those that show text."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape

from footfall.report.page import without_charts

_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)
_SENTENCES = re.compile(r"<ul>(.*?)</ul>", re.DOTALL)
_SENTENCE = re.compile(r"<li>(.*?)</li>", re.DOTALL)


@dataclass(frozen=True)
class Letter:
    """One page of a report. `name`: of the file; `page`: its bytes, as they were delivered."""

    name: str
    page: bytes

    @property
    def subject(self) -> str:
        """The title of the page."""
        found = _TITLE.search(self.page.decode())
        return unescape(found[1]) if found else self.name

    @property
    def body(self) -> str:
        """The page without its drawings, which most mail programs take out."""
        return without_charts(self.page.decode())

    @property
    def text(self) -> str:
        """What changed, a line a sentence."""
        found = _SENTENCES.search(self.page.decode())
        return "\n".join(unescape(each) for each in _SENTENCE.findall(found[1])) if found else self.subject


#: Sends a letter: name of the route, client, letter. Raises OSError where it is tried again, FootfallError
#: where a person has to mend something.
Mail = Callable[[str, str, Letter], None]
