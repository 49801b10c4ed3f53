"""What `footfall import FILE` is given: one file, or every object under an address, as local files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from footfall.errors import FootfallError
from footfall.store import NotFound, open_store


@contextmanager
def local_files(given: str, *, s3_endpoint: str | None = None) -> Iterator[Iterator[tuple[str, Path]]]:
    """(name, local path) of each file, one at a time; fetched ones are gone again when the next is asked for.

    `given` is a path, or `s3://bucket/key`, `s3://bucket/prefix/` or the same with `file:///`. Raises
    FootfallError where there is nothing under it.
    """
    if "://" not in given:
        yield iter([(given, Path(given))])
        return
    folder, _, name = given.rpartition("/")
    store = open_store(folder, s3_endpoint=s3_endpoint)
    keys = [name] if name else [info.key for info in store.list("") if info.size]
    if not keys:
        raise FootfallError(f"{given} holds nothing to import")
    with TemporaryDirectory(prefix="footfall-import-") as scratch:

        def fetched() -> Iterator[tuple[str, Path]]:
            for key in keys:
                path = Path(scratch) / key.rpartition("/")[2]
                try:
                    store.fetch(key, path)
                except NotFound:
                    raise FootfallError(
                        f"{given} does not exist; end the address with / to import all that lies under it"
                    ) from None
                yield f"{folder}/{key}", path
                path.unlink()

        yield fetched()
