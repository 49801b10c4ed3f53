"""The log of a bucket, read while runs deliver into it: listed again where what was listed is odd."""

from collections.abc import Mapping

from footfall.bucket_log import FOLDER
from footfall.log_check import FoundLog, Read, read_log
from footfall.store import ObjectStore

#: How often a log is listed again before what is odd about it is believed. A run writes it within a second.
_AGAIN = 2


def settled_log(
    store: ObjectStore, above: str, lying: Mapping[str, int], trusted: Mapping[str, bytes], read: Read
) -> tuple[FoundLog | None, list[str]]:
    """The log below a root, and what is odd about it. `lying`: key → size of what was listed.

    A run that ends between the listing and the reading leaves a checkpoint of leaves that were not listed.
    """
    for _ in range(_AGAIN + 1):
        problems: list[str] = []
        log = read_log(above, lying, trusted, read, problems.append)
        if not problems:
            break
        lying = {info.key: info.size for info in store.list(above + FOLDER)}
    return log, problems
