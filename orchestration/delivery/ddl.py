"""How to load a delivery: statements for the warehouses that clients use, and the same as facts.

They show the newest revision of each period alone. Where they lie follows from their content, so that better
ones come to lie beside those that a bucket has, and no delivery changes with them.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from footfall import keys
from orchestration.delivery.ddl_athena import athena
from orchestration.delivery.ddl_duckdb import duckdb_sql
from orchestration.delivery.ddl_names import Names
from orchestration.delivery.ddl_warehouses import bigquery, redshift, snowflake
from orchestration.delivery.selection import Selection

_WRITERS: Mapping[str, Callable[[Names], str]] = {
    "athena.sql": athena,
    "bigquery.sql": bigquery,
    "duckdb.sql": duckdb_sql,
    "redshift.sql": redshift,
    "snowflake.sql": snowflake,
}


def ddl(selection: Selection, url: str) -> dict[str, str]:
    """File name → text. `url`: the destination's root, for statements that name where files lie."""
    names = Names(selection, url)
    return {name: writer(names) for name, writer in _WRITERS.items()}


def documents(selection: Selection, url: str) -> tuple[str, dict[str, bytes]]:
    """The folder of the statements, and key → bytes of all that describes an export's files to programs."""
    texts = ddl(selection, url)
    loading = folder(selection, texts)
    return loading, {f"{loading}{name}": text.encode() for name, text in texts.items()} | described(selection)


def described(selection: Selection) -> dict[str, bytes]:
    """Key → bytes of what says as facts how an export's files are written."""
    facts = json.dumps(schema(selection), indent=2) + "\n"
    return {f"{keys.schema_folder(selection.export.name, selection.schema_id)}schema.json": facts.encode()}


def folder(selection: Selection, texts: Mapping[str, str]) -> str:
    """Where the statements of `ddl` lie in the bucket, with a slash at the end."""
    content = "\0".join(f"{name}\0{text}" for name, text in sorted(texts.items()))
    digest = hashlib.sha256(content.encode()).hexdigest()
    return keys.loading_folder(selection.export.name, selection.schema_id, digest)


def schema(selection: Selection) -> dict[str, Any]:
    """The same as facts: columns, types, format, dialect."""
    return {
        "export": selection.export.name,
        "dataset": selection.export.dataset,
        "format": selection.export.format,
        "compression": selection.export.compression,
        "dialect": dict(selection.dialect),
        "columns": [{"name": name, "type": kind} for name, kind in selection.columns],
    }
