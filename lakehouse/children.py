"""Child processes that never outlive the process that started them."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def die_with_parent(number: int = signal.SIGTERM) -> Callable[[], None]:
    """For `preexec_fn`: the child gets this signal when its parent ends, however that happens.

    The thread that starts the child counts as the parent, so it must wait for the child to end.
    Linux only; elsewhere the child is started like any other.
    """
    parent = os.getpid()

    def in_child() -> None:
        if not hasattr(_LIBC, "prctl"):
            return
        _LIBC.prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it ended before the kernel was told
            os.kill(os.getpid(), number)

    return in_child


def end_with_parent(number: int = signal.SIGTERM) -> None:
    """Let this process get the signal when the one that started it ends; Linux only."""
    if hasattr(_LIBC, "prctl"):
        _LIBC.prctl(_PR_SET_PDEATHSIG, number)
