"""Columns as Dagster shows them on an asset's page."""

from collections.abc import Iterable

import dagster as dg

from footfall.described import Described


def column_schema(columns: Iterable[Described]) -> dict[str, dg.TableSchema]:
    """Metadata of an asset: name, type and meaning of each of its columns."""
    return {
        "dagster/column_schema": dg.TableSchema(
            columns=[dg.TableColumn(each.name, each.kind or "?", each.meaning or None) for each in columns]
        )
    }
