"""Footfall. For whom it delivers to: `footfall.read` makes a table of what lies in a bucket.

Nothing is loaded before it is used: programs of every kind import this package.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime
    from pathlib import Path

    import pandas as pd

    from footfall.reading import Part

__all__ = ["read", "read_periods"]


def read(
    url: "str | Path",
    export: str,
    start: "str | date | datetime | None" = None,
    end: "str | date | datetime | None" = None,
    **options: Any,
) -> "pd.DataFrame":
    """The rows of an export from `start` to `end` (left out), of the newest revision of each period.

    `url`: s3://bucket/prefix, gs://bucket/prefix, az://account/container/prefix, file:///folder or a folder.
    Each manifest and file is checked, and nothing that fails is returned. A day means days of the export's
    own calendar; a time is in UTC where it names no zone.
    Without `start` from the first period that was promised, without `end` to the last that was delivered, as
    the log of the bucket has them.

    Options: `key`, the PEM of the public key to trust (bytes, a path, or a list of them; without it those in
    the bucket, which finds damage and no forger); `client`, whose bucket it must be; `endpoint`, of an
    S3-compatible store; `missing="report"`, to go on where periods are missing or incomplete;
    `mixed=True`, to unite periods whose columns differ; `unlogged=True`, for a bucket of before there
    were logs.

    Types are those of columns.md: text is `string`, with `<NA>` for NULL and "" for an empty text; whole
    numbers `Int64`, true and false `boolean`, times `datetime64[us, UTC]`, days and decimals those of Arrow.
    What was read is in `frame.attrs["footfall"]`. Raises FootfallError, in one line that says what, where and
    what to do.
    """
    from footfall.reading import read_export

    return read_export(url, export, start, end, **options)


def read_periods(
    url: "str | Path",
    export: str,
    start: "str | date | datetime | None" = None,
    end: "str | date | datetime | None" = None,
    **options: Any,
) -> "Iterator[Part]":
    """The same a period at a time, in order, for more than memory holds: see footfall.reading.Part."""
    from footfall.reading import read_parts

    return read_parts(url, export, start, end, **options)
