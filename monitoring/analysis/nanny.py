"""NannyML, imported so that no JVM starts, no telemetry is sent and nothing unused is loaded.

NannyML imports FLAML for methods that are not used here, and FLAML starts Spark if it finds it.
During the import, an empty stand-in takes FLAML's place and pyspark is hidden.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType

_UNUSED = "flaml"
_HIDDEN = "pyspark"


class _Hide:
    """An import finder, consulted before all others, that refuses to find pyspark."""

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """Raise for pyspark; leave every other module to the other finders."""
        if name.split(".")[0] == _HIDDEN:
            raise ModuleNotFoundError(f"{name} is hidden while NannyML is imported", name=name)
        return None


@contextmanager
def _light() -> Iterator[None]:
    hide, stand_in = _Hide(), ModuleType(_UNUSED)
    stand_in.AutoML = None  # type: ignore[attr-defined]
    present = sys.modules.get(_UNUSED)
    sys.modules[_UNUSED] = stand_in
    sys.meta_path.insert(0, hide)
    try:
        yield
    finally:
        sys.meta_path.remove(hide)
        del sys.modules[_UNUSED]
        if present is not None:
            sys.modules[_UNUSED] = present


os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
with _light():
    import nannyml as nml
    from nannyml.chunk import Chunk, Chunker

__all__ = ["Chunk", "Chunker", "nml"]
