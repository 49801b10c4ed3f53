"""No orphans: a process that is told when the one that started it has ended, however that ended.

Who is killed (kill -9, or by a machine out of memory) can end nobody. What it has started would hold ports
and locks, and a daemon without its `up` would go on beside that of the next one.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

#: Of prctl, from Linux's prctl.h: the signal that comes when the parent is gone.
_SET_PDEATHSIG = 1
_prctl = getattr(ctypes.CDLL(None), "prctl", None) if sys.platform == "linux" else None


def ends_with_parent() -> Callable[[], None]:
    """What a child runs first, between fork and program: it gets SIGTERM once this process is gone.

    To be called by the parent, in the thread that starts the child, which must live as long as the parent.
    Does nothing where there is no Linux.
    """
    parent = os.getpid()

    def begin() -> None:
        if _prctl is not None:
            _prctl(_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
            if os.getppid() != parent:  # gone before it was said
                os._exit(128 + signal.SIGTERM)

    return begin
