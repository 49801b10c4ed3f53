"""Rules of a site by which addresses become pages: what a client file says below `pages`."""

from typing import Annotated, Literal

from pydantic import Field

from footfall.strict import Strict

_PATH = r"^[/*].*$"
_PARAMETER = r"^[^\s=&#?]{1,100}$"
#: What a person is told who breaks a pattern.
EXPECTED = {
    _PATH: "expected a path such as /blog/*, beginning with / or *",
    _PARAMETER: "expected the name of a query parameter",
}


class PageGroup(Strict):
    """Pages that reports show as one; `*` in `path` stands for any text."""

    name: str = Field(min_length=1, max_length=80)
    """What reports call these pages."""
    path: str = Field(min_length=1, max_length=1024, pattern=_PATH)
    """Which pages; `*` stands for any text."""


class PageRules(Strict):
    """Which addresses of a site are one page. The address as it came is kept beside."""

    trailing_slash: Literal["keep", "strip", "add"] = "keep"
    """`strip` and `add` make /a and /a/ one page; `keep`: they are two."""
    lower_case: bool = False
    """/A and /a are one page. For servers that do not tell them apart."""
    query: list[Annotated[str, Field(pattern=_PARAMETER)]] = Field(default_factory=list, max_length=64)
    """Parameters that make another page, such as `id`; all others are left out of it."""
    groups: list[PageGroup] = Field(default_factory=list, max_length=200)
    """The first group whose path fits is the page's."""
