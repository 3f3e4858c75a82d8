"""Mappings by name, out of their folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flaskapp.cdr.mappings.spec import Mapping, Part
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
        raise SourceError.sentence(f"{path}: {_problem(error)}") from None


def _problem(error: ValidationError) -> str:
    """The first thing that is wrong, and where, in a sentence."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "the mapping"
    if first["type"] == "extra_forbidden":
        hint = closest(str(first["loc"][-1]), _keys())
        return f"{place} is no key here; {hint}" + ("" if hint.endswith("?") else ".")
    if first["type"] == "missing":
        return f"{place} is missing."
    if first["type"] in ("model_type", "dict_type"):
        got = _shown(first["input"])
        return f"{place} needs keys and values, but got {got}; see docs/mappings.md."
    if first["type"] == "value_error":
        needed, _, hint = first["msg"].removeprefix("Value error, ").partition("; ")
        return f"{place} needs {needed}, but got {_shown(first['input'])}; {hint or 'correct it.'}"
    return f"{place}: {first['msg']}, but got {_shown(first['input'])}."


def _keys() -> set[str]:
    """Every key that some part of a mapping has."""
    parts = Part.__subclasses__()
    return {field.alias or name for part in parts for name, field in part.model_fields.items()}


def _shown(value: Any) -> str:
    """A value as a message can hold it, made without writing all of a large one."""
    if isinstance(value, str):
        return repr(value[:CLIPPED])
    if isinstance(value, bool | float) or value is None:
        return repr(value)
    if isinstance(value, int):
        return repr(value) if value.bit_length() < 200 else "a huge number"
    return f"a {'list' if isinstance(value, list | tuple) else 'mapping'} of {len(value)}"
