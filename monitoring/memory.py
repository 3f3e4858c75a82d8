"""Import this first: memory that is free goes back to the system at once.

A run needs the rows of one chunk after the other, and otherwise keeps what the largest ones took.
Both allocators read the environment when polars and Arrow are loaded.
"""

from __future__ import annotations

import os

os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0")
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
