"""Whether messages written with one Avro schema can be read with another: backward compatible.

The rules are those of the Avro specification's schema resolution.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import fastavro

_WIDER = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}


def problems(reader: Any, writer: Any) -> list[str]:
    """Why `reader` cannot read what `writer` wrote; empty if it can.

    >>> problems("long", "int"), problems("int", "string")
    ([], ['int cannot read string'])
    """
    names_r, names_w = dict[str, Any](), dict[str, Any]()
    reader = fastavro.parse_schema(reader, names_r)
    writer = fastavro.parse_schema(writer, names_w)
    return list(_Comparison(names_r, names_w).problems(reader, writer, ""))


@dataclass
class _Comparison:
    """Two schemas side by side: the named types of each, and what was found of pairs of records.

    A record may hold itself. Where a pair of records comes up again, what was found of it counts;
    while it is still being compared, that is nothing.
    """

    readers: dict[str, Any]
    writers: dict[str, Any]
    found: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def problems(self, reader: Any, writer: Any, where: str) -> Iterator[str]:
        """Why one cannot read what the other wrote, each beginning with its place `where`."""
        reader, writer = _named(reader, self.readers), _named(writer, self.writers)
        if isinstance(writer, list):
            for one in writer:
                yield from self.problems(reader, one, where)
            return
        if isinstance(reader, list):
            if not any(self._reads(one, writer) for one in reader):
                yield f"{where}no branch of the union reads {_kind(writer)}"
            return
        kinds = _kind(reader), _kind(writer)
        if kinds[0] != kinds[1]:
            if kinds[0] not in _WIDER.get(kinds[1], set()):
                yield f"{where}{kinds[0]} cannot read {kinds[1]}"
        elif kinds[0] == "record":
            yield from (f"{where}{one}" for one in self._of_records(reader, writer))
        elif kinds[0] == "enum":
            lost = set(writer["symbols"]) - set(reader["symbols"])
            if lost and "default" not in reader:
                yield f"{where}the symbols {', '.join(sorted(lost))} are gone"
        elif kinds[0] in ("array", "map"):
            parts = "items" if kinds[0] == "array" else "values"
            yield from self.problems(reader[parts], writer[parts], f"{where}{parts}: ")
        elif kinds[0] == "fixed" and reader["size"] != writer["size"]:
            yield f"{where}fixed of another size"

    def _reads(self, branch: Any, writer: Any) -> bool:
        """Whether a branch of a union reads it. What was found in one that does not is dropped."""
        before = dict(self.found)
        reads = not list(self.problems(branch, writer, ""))
        if not reads:
            self.found = before
        return reads

    def _of_records(self, reader: Any, writer: Any) -> list[str]:
        pair = reader["name"], writer["name"]
        if pair not in self.found:
            self.found[pair] = []
            self.found[pair] = list(self._fields(reader, writer))
        return self.found[pair]

    def _fields(self, reader: Any, writer: Any) -> Iterator[str]:
        written = {one["name"]: one for one in writer["fields"]}
        for wanted in reader["fields"]:
            names = (wanted["name"], *wanted.get("aliases", ()))
            name = next((one for one in names if one in written), None)
            if name is not None:
                at = f"{wanted['name']}: "
                yield from self.problems(wanted["type"], written[name]["type"], at)
            elif "default" not in wanted:
                yield f"{wanted['name']} is new and has no default"


def _named(schema: Any, known: dict[str, Any]) -> Any:
    """A schema in full where it stands by its name."""
    while isinstance(schema, dict) and "name" not in schema:
        kind = schema["type"]
        if isinstance(kind, str) and kind not in known:
            break
        schema = kind
    return known.get(schema, schema) if isinstance(schema, str) else schema


def _kind(schema: Any) -> str:
    return str(schema["type"]) if isinstance(schema, dict) else str(schema)
