"""What documents and dbt's YAML say of the catalogue, as text: pure functions, which `make generate` writes.

A part of a document that is made lies between two lines, `<!-- made: NAME -->` and `<!-- end: NAME -->`.
"""

import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from footfall.catalogue import handing_over
from footfall.catalogue.columns import ENRICHABLE, EVENT
from footfall.catalogue.event_types import PASSIVE, PURCHASES, REFUNDS, REQUEST
from footfall.catalogue.formats import ENDINGS, FORMATS
from footfall.catalogue.ingested import INGESTED, Ingested
from footfall.catalogue.state import BESIDE, HOME, LAKE, Keep, Place
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
    depends_on: [{models}]
    owner: {{name: Footfall data, email: data@footfall.example}}
"""
SOURCES_HEAD = """\
# Made by `make generate` from footfall/catalogue/ingested.py.
version: 2

sources:
  - name: ingest
    description: >
      What ingest wrote of the raw objects, hour by hour. An hour is replaced as a whole and may be replaced
      again when an object lands late.
    schema: ingest
    tables:
"""
ENRICHABLE_HEAD = """\
{#-
    Made by `make generate` from footfall/catalogue/columns.py: what an enrichment may give later of an event.
    Facts of the visit itself stay as they were received.
-#}
{% macro enrichable_fields() %}
    {{ return([
"""
EVENT_TYPES_HEAD = """\
{#- Made by `make generate` from footfall/catalogue/event_types.py: what no act is, a purchase, a refund. -#}
"""
TEXTS_HEAD = """\
{#- Made by `make generate` from footfall/catalogue/columns.py: what the columns of a stored event mean. -#}
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
            name=table.name,
            label=table.label,
            grain=table.grain,
            cadences=_either(table.cadences),
            models=", ".join(f"ref('{model}')" for model in table.models),
        )
        for table in DATASETS.values()
    ]
    return EXPOSURES_HEAD + "\n".join(entries)


def ingested() -> str:
    """dbt_project/models/staging/web/__sources.yml."""
    return SOURCES_HEAD + "\n".join(map(_source, INGESTED))


def _source(table: Ingested) -> str:
    lines = [f"      - name: {table.name}", f"        description: {json.dumps(table.rows)}"]
    if table.written_with:
        key = f"[ingest, {table.written_with}]"
        lines.append(f"        config: {{meta: {{dagster: {{asset_key: {key}}}}}}}")
    lines.append("        columns:")
    for column in table.columns:
        said = json.dumps(column.meaning, ensure_ascii=False)
        lines.append(f"          - {{name: {column.name}, data_type: {column.type}, description: {said}}}")
    return "\n".join(lines) + "\n"


def enrichable() -> str:
    """dbt_project/macros/enrichable.sql."""
    names = textwrap.wrap(", ".join(f"'{name}'" for name in ENRICHABLE), 110)
    return ENRICHABLE_HEAD + "".join(f"        {line}\n" for line in names) + "    ]) }}\n{% endmacro %}\n"


def enrichable_fields() -> str:
    """The lines of docs/enrichment.md that name what may be learnt later."""
    names = textwrap.wrap(", ".join(f"`{name}`" for name in ENRICHABLE), 120)
    return "\n".join(names) + "\n"


def event_types() -> str:
    """dbt_project/macros/event_types.sql."""
    lists = {
        "passive_event_types": PASSIVE,
        "request_event_types": (REQUEST,),
        "purchase_event_types": PURCHASES,
        "refund_event_types": REFUNDS,
    }
    return EVENT_TYPES_HEAD + "".join(
        f"{{% macro {name}() %}}{{{{ return({[*types]}) }}}}{{% endmacro %}}\n"
        for name, types in lists.items()
    )


def passive_events() -> str:
    """The table of docs/sessions.md: what describes a view and is no act of a person."""
    return _table(("Type", "What it says"), [(f"`{name}`", said) for name, said in PASSIVE.items()])


def texts() -> str:
    """dbt_project/models/_stored_event.md: a block for each column, for the models that carry it along."""
    blocks = (f"{{% docs {_text_of(column.name)} %}}{column.meaning}{{% enddocs %}}\n" for column in EVENT)
    return TEXTS_HEAD + "".join(blocks)


def _text_of(column: str) -> str:
    # With a beginning of its own: `source` is another thing in most models.
    return f"event_{column}"


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


def formats() -> str:
    """The table of docs/delivery.md: what a client file calls a format, and how names of its files end."""
    rows = []
    for each in FORMATS.values():
        compressions = ["none"] if each.is_page else ENDINGS
        endings = dict.fromkeys(f"`.{each.extension(compression)}`" for compression in compressions)
        rows.append((f"`{each.name}`", ", ".join(endings), str(each.dialect["timestamps"])))
    return _table(("Format", "Its files end in", "Times"), rows)


def manifest_schema(text: str) -> str:
    """docs/manifest.schema.json with the formats that there are."""
    return re.sub(r'("format": \{"enum": )\[[^]]*\]', lambda found: found[1] + json.dumps([*FORMATS]), text)


def state() -> str:
    """The table of docs/architecture.md: what lies below the state folder and beside it."""
    return _places((*HOME, *BESIDE))


def state_of_lake() -> str:
    """The table of docs/architecture.md: what lies in the lake."""
    return _places(LAKE)


def backup() -> str:
    """The table of docs/operations.md: what a backup does about each place."""
    named = list(_named())
    rows = [
        (", ".join(name for each, name in named if each is keep), text) for keep, text in _TREATED.items()
    ]
    return _table(("What", "How"), rows)


def handing_over_of(rules: str) -> str:
    """A table of docs/handing-over.md: what of each place goes. `rules`: home, lake or beside."""
    places, said = {
        "home": (HOME, handing_over.HOME),
        "lake": (LAKE, handing_over.LAKE),
        "beside": (BESIDE, handing_over.BESIDE),
    }[rules]
    titles = {place.name: place.title for place in places}
    rows = [(f"`{titles[name]}`", rule.goes.value, rule.how) for name, rule in said.items()]
    return _table(("Name", "Goes", "How, or why not"), rows)


_TREATED = {
    Keep.BACKUP: "`footfall backup`",
    Keep.BESIDE: "`footfall backup`, beside its snapshots",
    Keep.LAKE: "`footfall backup --lake`; or replicate the bucket, never with `salts/`",
    Keep.HOURS: "the same, of hours whose raw lines have [expired](lifecycle.md#retention)",
    Keep.AGAIN: "not needed: made again",
    Keep.HISTORY: "not needed: history only",
    Keep.NEVER: "never: salts must be gone 48 hours after their day; the spool empties itself each minute",
    Keep.THEIRS: "its owner's; the backup bucket is a copy of them",
    Keep.PASSING: "not needed: of this machine and moment",
}


def _named() -> Iterator[tuple[Keep, str]]:
    for folder, places in (("", HOME), ("lake/", LAKE), ("", BESIDE)):
        for place in places:
            if place.name != "lake":
                yield place.keep, f"`{folder}{place.title}`"


def _places(places: Iterable[Place]) -> str:
    head = ("Name", "What", "Made by", "Made again from", "Backup", "About people")
    return _table(head, map(_row, places))


def _row(place: Place) -> tuple[str, ...]:
    personal = "yes" if place.is_personal else ""
    return f"`{place.title}`", place.what, place.made_by, place.again, place.keep.value, personal


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _either(words: tuple[str, ...]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
