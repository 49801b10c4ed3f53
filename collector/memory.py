"""How the C library keeps memory that was freed: little of it, and no more with every large segment."""

import ctypes
import sys

#: Parameters of glibc's mallopt, from its malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
#: Bytes from which a block is mapped by itself and given back when freed, and of free memory at the end of
#: the heap that are kept. Without a fixed figure glibc raises both to the size of the largest block ever
#: freed, a whole segment: the worker then keeps some 30 MB that it needs for a moment once a minute.
#: Lower: less memory kept, and more system calls for large batches.
LARGE_BYTES = 256 * 1024
#: Heaps beside one another. Each thread would make one of its own.
HEAPS = 2


def give_back_freed() -> None:
    """Fix these figures for this process. Does nothing where the C library is another."""
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter, value in (
            (_TRIM_THRESHOLD, LARGE_BYTES),
            (_MMAP_THRESHOLD, LARGE_BYTES),
            (_ARENA_MAX, HEAPS),
        ):
            mallopt(parameter, value)
