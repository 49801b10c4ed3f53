"""`python -m footfall.settings_text` in a checkout: `.env.example` and the table of docs/operations.md."""

import re
from pathlib import Path

from footfall.installed import DATA
from footfall.settings import VARIABLES

BEGIN, END = "<!-- settings: made by footfall/settings_text.py -->", "<!-- end of settings -->"

_HEAD = """\
# Every environment variable that Footfall reads, with its default. Copy this file to .env in the folder where
# you start Footfall, and uncomment what you change. The environment wins over the file. Nothing is expanded
# in it; {home} stands for FOOTFALL_HOME, in the defaults only.
# Made by footfall/settings_text.py.
"""


def example() -> str:
    """The text of `.env.example`."""
    parts = [_HEAD]
    for name, each in VARIABLES.items():
        meaning = re.sub(r"\[([^]]*)\]\(([^)]*)\)", r"\1, see docs/\2", each.meaning).replace("`", "")
        parts.append(f"# {meaning}{f' ({_range(name)})' if _range(name) else ''}\n#{name}={each.default}\n")
    return "\n".join(parts)


def table() -> str:
    """Markdown: a row for each variable."""
    rows = ["| Variable | Default | Range | Meaning |", "|---|---|---|---|"]
    for name, each in VARIABLES.items():
        default = f"`{each.default}`" if each.default else ""
        meaning = each.meaning.replace("|", "\\|").replace("<", "&lt;")
        meaning = re.sub(r"`[^`]*`|\*", lambda m: "\\*" if m[0] == "*" else m[0], meaning)
        rows.append(f"| `{name}` | {default} | {_range(name)} | {meaning} |")
    return "\n".join(rows)


def with_table(document: str) -> str:
    """A document with the table of today between its markers."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin and end, "the document has no markers"
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _range(name: str) -> str:
    each = VARIABLES[name]
    return "{} to {}".format(*each.limits) if each.limits else ", ".join(each.words)


def write(folder: Path) -> None:
    """Write both into a checkout."""
    (folder / ".env.example").write_text(example())
    page = folder / "docs" / "operations.md"
    page.write_text(with_table(page.read_text()))


if __name__ == "__main__":
    write(DATA)
