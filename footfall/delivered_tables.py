"""A delivered file as a table of Arrow in the types that its manifest states, and tables as a frame."""

import gzip
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
import zstandard

from footfall.errors import FootfallError
from footfall.manifest import DeliveredFile

_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
#: DuckDB type → Arrow's. What is missing is text, and so are lists and structures: as JSON.
_TYPES: Mapping[str, pa.DataType] = {
    "BOOLEAN": pa.bool_(),
    "TINYINT": pa.int8(),
    "SMALLINT": pa.int16(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "HUGEINT": pa.decimal128(38, 0),
    "FLOAT": pa.float32(),
    "DOUBLE": pa.float64(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
    "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", "UTC"),
}
#: Arrow's type → pandas' own, which tells NULL from every value.
_PANDAS: Mapping[pa.DataType, Any] = {
    pa.string(): pd.StringDtype(na_value=pd.NA),
    pa.bool_(): pd.BooleanDtype(),
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.float32(): pd.Float32Dtype(),
    pa.float64(): pd.Float64Dtype(),
}
#: Text that a spreadsheet would have run: one apostrophe was put in front (docs/delivery.md).
_GUARDED = "^'('*[\t\n\r+\\-=@＋－＝＠])"
#: Lines of JSON that become a piece of a table.
_LINES = 10_000
#: Bytes of CSV that are parsed at once; a row must fit.
_BLOCK = 16 * 1024 * 1024


def table_of(document: Mapping[str, Any], file: DeliveredFile, data: bytes) -> pa.Table:
    """The rows of a file. `document`: its manifest. Raises FootfallError where it is not as that says."""
    schema = _schema(document)
    readers = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}
    if document.get("format") not in readers:
        raise FootfallError(
            f"{file.key} has the format {document.get('format')!r}, which this version cannot read"
        )
    try:
        table = readers[document["format"]](schema, document, data)
    except (pa.ArrowException, ValueError, KeyError, OSError, EOFError, zstandard.ZstdError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise FootfallError(f"{file.key} cannot be read as its manifest says: {reason}") from None
    if table.num_rows != file.rows:
        raise FootfallError(f"{file.key} has {table.num_rows} rows, {file.rows} in its manifest")
    if file.site is not None and "site_id" not in table.column_names:
        # A file for each site, which the columns do not tell apart.
        table = table.append_column("site_id", pa.array([file.site] * file.rows, pa.string()))
    return table


def as_frame(document: Mapping[str, Any], tables: Sequence[pa.Table]) -> pd.DataFrame:
    """Tables of one manifest as one frame, also where there is none of them."""
    whole = pa.concat_tables(tables) if tables else _schema(document).empty_table()
    return whole.to_pandas(types_mapper=_pandas_type)


def _pandas_type(kind: pa.DataType) -> Any:
    if pa.types.is_date(kind) or pa.types.is_decimal(kind):
        return pd.ArrowDtype(kind)
    return _PANDAS.get(kind)


def _schema(document: Mapping[str, Any]) -> pa.Schema:
    columns = document.get("columns") or []
    return pa.schema([(each["name"], _arrow(str(each["type"]))) for each in columns])


def _arrow(kind: str) -> pa.DataType:
    found = _DECIMAL.fullmatch(kind)
    if found:
        return pa.decimal128(int(found[1]), int(found[2]))
    return _TYPES.get(kind, pa.string())


def _unpacked(document: Mapping[str, Any], data: bytes) -> io.BufferedIOBase:
    """The text of a file, a piece at a time."""
    raw = io.BytesIO(data)
    if document["compression"] == "gzip":
        return io.BufferedReader(gzip.GzipFile(fileobj=raw))
    if document["compression"] == "zstd":
        return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(raw))
    return raw


def _csv(schema: pa.Schema, document: Mapping[str, Any], data: bytes) -> pa.Table:
    with _unpacked(document, data) as text:
        reader = pyarrow.csv.open_csv(
            text,
            read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=_BLOCK),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=schema,
                # A cell without quotes is NULL where it is empty, "" is an empty text.
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        if reader.schema.names != schema.names:
            raise ValueError(f"its header has the columns {', '.join(reader.schema.names)}")
        pieces = [_as_written(schema, document, piece) for piece in reader]
    return pa.Table.from_batches(pieces, schema)


def _as_written(schema: pa.Schema, document: Mapping[str, Any], piece: pa.RecordBatch) -> pa.RecordBatch:
    """Without the apostrophes that keep a spreadsheet from running text."""
    if not document["dialect"].get("formula_guard"):
        return piece
    columns = [
        pc.replace_substring_regex(column, _GUARDED, r"\1") if pa.types.is_string(each.type) else column
        for each, column in zip(schema, piece.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _jsonl(schema: pa.Schema, document: Mapping[str, Any], data: bytes) -> pa.Table:
    with _unpacked(document, data) as lines:
        return pa.Table.from_batches(list(_from_lines(schema, lines)), schema)


def _from_lines(schema: pa.Schema, lines: Iterable[bytes]) -> Iterator[pa.RecordBatch]:
    at = iter(lines)
    while piece := list(islice(at, _LINES)):
        rows = [json.loads(line, parse_float=Decimal) for line in piece]
        yield pa.RecordBatch.from_arrays(
            [_column(each.type, [row[each.name] for row in rows]) for each in schema], schema=schema
        )


def _column(kind: pa.DataType, values: list[Any]) -> pa.Array:
    if pa.types.is_string(kind):
        return pa.array(
            [each if isinstance(each, str | None) else json.dumps(each, default=float) for each in values],
            kind,
        )
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return pa.array(values, pa.string()).cast(kind)
    if pa.types.is_floating(kind):
        return pa.array([None if each is None else float(each) for each in values], kind)
    if pa.types.is_decimal(kind):
        return pa.array([None if each is None else Decimal(each) for each in values], kind)
    return pa.array(values, kind)


def _parquet(schema: pa.Schema, _document: Mapping[str, Any], data: bytes) -> pa.Table:
    found = pyarrow.parquet.read_table(pa.BufferReader(data))
    if found.column_names != schema.names:
        raise ValueError(f"it has the columns {', '.join(found.column_names)}")
    columns = [
        _nested(column) if pa.types.is_nested(column.type) else column.cast(each.type)
        for each, column in zip(schema, found.columns, strict=True)
    ]
    return pa.table(columns, schema=schema)


def _nested(column: pa.ChunkedArray) -> pa.Array:
    """Lists and structures as JSON, as CSV has them."""
    return pa.array(
        [None if each is None else json.dumps(each, default=str) for each in column.to_pylist()], pa.string()
    )
