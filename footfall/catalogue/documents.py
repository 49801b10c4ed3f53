"""What documents and dbt's YAML say of the catalogue, as text: pure functions, which `make generate` writes.

A part of a document that is made lies between two lines, `<!-- made: NAME -->` and `<!-- end: NAME -->`.
"""

from itertools import groupby

from footfall.catalogue.tables import DATASETS

EXPOSURES_HEAD = """\
# Made by `make generate` from footfall/catalogue/tables.py. One for each dataset that a client can have
# delivered, so that lineage ends where the data does: in the client's bucket.
version: 2

exposures:
"""
_EXPOSURE = """\
  - name: export_{name}
    label: Export of {label}
    type: application
    maturity: high
    description: >-
      {grain} Delivered {cadences} to the client's bucket.
    depends_on: [ref('{name}')]
    owner: {{name: Footfall data, email: data@footfall.example}}
"""


def replaced(text: str, name: str, made: str) -> str:
    """`text` with `made` between the lines of `name`. Raises ValueError where they are not there."""
    begin, end = f"<!-- made: {name} -->\n", f"<!-- end: {name} -->\n"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"the lines {begin.strip()} and {end.strip()} must be there once")
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return before + begin + made + end + after


def exposures() -> str:
    """dbt_project/models/_exposures.yml."""
    entries = [
        _EXPOSURE.format(
            name=table.name, label=table.label, grain=table.grain, cadences=_either(table.cadences)
        )
        for table in DATASETS.values()
    ]
    return EXPOSURES_HEAD + "\n".join(entries)


def datasets() -> str:
    """The table of docs/delivery.md: dataset, cadences, what a row belongs to."""
    lines = ["| Dataset | Cadence | A row belongs to |", "|---|---|---|"]
    # In the order of clocks, and of tables within a clock.
    clocks = list(dict.fromkeys(table.clock for table in DATASETS.values()))
    tables = sorted(DATASETS.values(), key=lambda table: clocks.index(table.clock))
    for clock, of_clock in groupby(tables, key=lambda table: table.clock):
        assert clock is not None, "datasets have one"
        names = ", ".join(f"`{table.name}`" for table in of_clock)
        lines.append(f"| {names} | {', '.join(clock.cadences)} | {clock.words} |")
    return "\n".join(lines) + "\n"


def _either(words: tuple[str, ...]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
