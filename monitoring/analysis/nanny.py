"""NannyML, imported so that no JVM starts, no telemetry is sent and nothing unused is loaded.

NannyML imports FLAML, LightGBM and statsmodels for methods and plots that are not used here; FLAML
starts Spark if it finds it, and the others take 40 MiB. During the import, empty stand-ins take
their place and pyspark is hidden.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType

_UNUSED = {
    "flaml": ("AutoML",),
    "lightgbm": ("LGBMClassifier", "LGBMRegressor"),
    "statsmodels": ("api",),
}
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
    hide = _Hide()
    present = {name: sys.modules[name] for name in _UNUSED if name in sys.modules}
    sys.modules.update({name: _stand_in(name, own) for name, own in _UNUSED.items()})
    sys.meta_path.insert(0, hide)
    try:
        yield
    finally:
        sys.meta_path.remove(hide)
        for name in _UNUSED:
            del sys.modules[name]
        sys.modules.update(present)


def _stand_in(name: str, own: tuple[str, ...]) -> ModuleType:
    module = ModuleType(name)
    for one in own:
        setattr(module, one, None)
    return module


os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
with _light():
    import nannyml as nml
    from nannyml.chunk import Chunk, Chunker

__all__ = ["Chunk", "Chunker", "nml"]
