"""Mappings by name, out of their folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flaskapp.cdr.mappings.spec import Mapping
from lakehouse import yaml_files
from lakehouse.errors import SourceError, closest
from lakehouse.settings import ROOT

FOLDER = ROOT / "conf" / "mappings"
CLIPPED = 60


def load(name: str, folder: Path = FOLDER) -> Mapping:
    """The mapping called `name`.

    Raises `SourceError` when there is none of that name or its file is not as required.
    """
    path = folder / f"{name}.yaml"
    known = [file.stem for file in folder.glob("*.yaml")]
    if name not in known:
        raise SourceError("mapping", "one in conf/mappings", repr(name), closest(name, known))
    try:
        return Mapping.model_validate(yaml_files.read(path, SourceError))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the mapping"
        needed = first["msg"].removeprefix("Value error, ")
        raise SourceError(
            f"{path}: {place}", needed, _shown(first["input"]), "correct it"
        ) from None


def _shown(value: Any) -> str:
    """A value as a message can hold it, made without writing all of a large one."""
    if isinstance(value, str):
        return repr(value[:CLIPPED])
    if isinstance(value, bool | float) or value is None:
        return repr(value)
    if isinstance(value, int):
        return repr(value) if value.bit_length() < 200 else "a huge number"
    return f"a {'list' if isinstance(value, list | tuple) else 'mapping'} of {len(value)}"
