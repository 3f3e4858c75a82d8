"""Whether messages written with one Avro schema can be read with another: backward compatible.

The rules are those of the Avro specification's schema resolution.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_WIDER = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}


def problems(reader: Any, writer: Any, where: str = "") -> list[str]:
    """Why `reader` cannot read what `writer` wrote; empty if it can.

    >>> problems("long", "int"), problems("int", "string")
    ([], ['int cannot read string'])
    """
    return list(_problems(reader, writer, where, {}, {}))


def _problems(
    reader: Any, writer: Any, where: str, known_r: dict[str, Any], known_w: dict[str, Any]
) -> Iterator[str]:
    reader, writer = _named(reader, known_r), _named(writer, known_w)
    if isinstance(writer, list):
        for one in writer:
            yield from _problems(reader, one, where, known_r, known_w)
        return
    if isinstance(reader, list):
        ways = [list(_problems(one, writer, where, known_r, known_w)) for one in reader]
        if all(ways):
            yield f"{where}no branch of the union reads {_kind(writer)}"
        return
    kinds = _kind(reader), _kind(writer)
    if kinds[0] != kinds[1]:
        if kinds[0] not in _WIDER.get(kinds[1], set()):
            yield f"{where}{kinds[0]} cannot read {kinds[1]}"
    elif kinds[0] == "record":
        yield from _fields(reader, writer, where, known_r, known_w)
    elif kinds[0] == "enum":
        lost = set(writer["symbols"]) - set(reader["symbols"])
        if lost and "default" not in reader:
            yield f"{where}the symbols {', '.join(sorted(lost))} are gone"
    elif kinds[0] == "array":
        yield from _problems(reader["items"], writer["items"], f"{where}items: ", known_r, known_w)
    elif kinds[0] == "map":
        yield from _problems(
            reader["values"], writer["values"], f"{where}values: ", known_r, known_w
        )
    elif kinds[0] == "fixed" and reader["size"] != writer["size"]:
        yield f"{where}fixed of another size"


def _fields(
    reader: Any, writer: Any, where: str, known_r: dict[str, Any], known_w: dict[str, Any]
) -> Iterator[str]:
    written = {field["name"]: field for field in writer["fields"]}
    for field in reader["fields"]:
        name = next(
            (one for one in (field["name"], *field.get("aliases", ())) if one in written), None
        )
        if name is not None:
            at = f"{where}{field['name']}: "
            yield from _problems(field["type"], written[name]["type"], at, known_r, known_w)
        elif "default" not in field:
            yield f"{where}{field['name']} is new and has no default"


def _named(schema: Any, known: dict[str, Any]) -> Any:
    """A schema in full where it stands by its name; full ones are noted."""
    if isinstance(schema, dict) and isinstance(schema.get("type"), dict | list):
        return _named(schema["type"], known)
    if isinstance(schema, dict) and "name" in schema:
        known[schema["name"]] = schema
    return known.get(schema, schema) if isinstance(schema, str) else schema


def _kind(schema: Any) -> str:
    return str(schema["type"]) if isinstance(schema, dict) else str(schema)
