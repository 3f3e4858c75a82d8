"""The keys of a mapping as Markdown for docs/mappings.md, made from the models that read them.

`python -m flaskapp.cdr.mappings.reference` prints them.
"""

from __future__ import annotations

import inspect
import re
import sys
import types
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from flaskapp.cdr.mappings.spec import (
    FileSpec,
    KindSpec,
    Mapping,
    MeasureSpec,
    NumberSpec,
    Part,
    TimeSpec,
)

PARTS: dict[type[Part], str] = {
    Mapping: "The mapping",
    FileSpec: "A kind of file",
    TimeSpec: "A moment: `time` and `end`",
    NumberSpec: "A number: `number`, `from` and `to`",
    MeasureSpec: "A measure: `duration` and each of `measures`",
    KindSpec: "A column that tells calls from texts: `kind`",
}
_NAMES = {str: "text", bool: "true or false", int: "whole number", float: "number"}


def keys() -> str:
    """A heading, the docstring and a table of keys for each part of a mapping."""
    return "\n\n".join(_section(part, title) for part, title in PARTS.items())


def _section(part: type[Part], title: str) -> str:
    meaning = inspect.getdoc(part) or ""
    text = "\n\n".join(re.sub(r"\s*\n\s*", " ", one) for one in meaning.split("\n\n"))
    rows = [_row(name, field) for name, field in part.model_fields.items()]
    table = ["| key | value | default | meaning |", "| --- | --- | --- | --- |", *rows]
    return "\n".join([f"### {title}", "", text, "", *table])


def _row(name: str, field: FieldInfo) -> str:
    default = "required" if field.is_required() else _default(field.default)
    cells = (f"`{field.alias or name}`", _kind(field.annotation), default, field.description or "")
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _default(value: Any) -> str:
    if value is None or value in ("", (), {}):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _kind(annotation: Any) -> str:
    """A type as a person would say it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{value}`" if value else "nothing" for value in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(_kind(one) for one in arguments if one is not types.NoneType)
    if origin is tuple:
        return "list of texts"
    if origin is dict:
        return "mapping of names"
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return PARTS[annotation].split(":")[0].lower()
    return _NAMES.get(annotation, getattr(annotation, "__name__", "text"))


if __name__ == "__main__":
    sys.stdout.write(f"{keys()}\n")
