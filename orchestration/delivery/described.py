"""The columns of an export's files, as its client file orders them of the dataset's: no warehouse needed."""

from footfall.described import Described, table_columns
from footfall.exports import Export


def meaning(export: Export, column: Described) -> str:
    """What a column of the dataset means in the files of an export."""
    if column.name in export.hash:
        return f"SHA-256 with a key of this client, as 64 hex digits, of: {column.meaning}"
    return column.meaning


def export_columns(export: Export) -> tuple[Described, ...]:
    """The columns of an export's files, in order, under the names that they have there.

    One that the dataset does not have is left out; its delivery says so.
    """
    known = table_columns(export.dataset)
    chosen = [known[each] for each in (export.columns or known) if each in known and each not in export.drop]
    return tuple(
        Described(
            export.rename.get(each.name, each.name),
            "VARCHAR" if each.name in export.hash else each.kind,
            meaning(export, each),
        )
        for each in chosen
    )
