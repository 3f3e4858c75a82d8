"""Import this first: memory that is free goes back to the system at once.

A run needs the rows of one chunk after the other, and otherwise keeps what the largest ones took.
Both allocators read the environment when polars and Arrow are loaded.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress

AT_ONCE = "dirty_decay_ms:0,muzzy_decay_ms:0"

# Polars leaves its own choice in the environment of its process, and so in that of every process
# that is started there; of several choices the last one holds.
_CHOSEN = os.environ.get("_RJEM_MALLOC_CONF", "").removesuffix(AT_ONCE).rstrip(",")
os.environ["_RJEM_MALLOC_CONF"] = f"{_CHOSEN},{AT_ONCE}".lstrip(",")
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def give_back() -> None:
    """Return what the C library keeps of freed memory to the system, where it can be asked to."""
    with suppress(OSError, AttributeError):  # glibc alone has it
        ctypes.CDLL(None).malloc_trim(0)
