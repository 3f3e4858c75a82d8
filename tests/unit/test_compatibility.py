"""Which schemas read what was written with which others, by the rules of Avro."""

from __future__ import annotations

from typing import Any

import pytest

from lakehouse.schema_registry import compatibility
from tests.unit.test_schema_registry import CLICK, WITH_PAGE


@pytest.mark.parametrize(
    ("reader", "writer", "is_readable"),
    [
        ("long", "int", True),
        ("int", "long", False),
        (["null", "int"], "int", True),
        ("int", ["null", "int"], False),
        (WITH_PAGE, CLICK, True),
        (CLICK, WITH_PAGE, True),
        ({**CLICK, "fields": [*CLICK["fields"], {"name": "n", "type": "int"}]}, CLICK, False),
        ({"type": "array", "items": "long"}, {"type": "array", "items": "int"}, True),
        ({"type": "enum", "name": "e", "symbols": ["a"]},
         {"type": "enum", "name": "e", "symbols": ["a", "b"]}, False),
    ],
)  # fmt: skip
def test_a_schema_reads_what_another_wrote(reader: Any, writer: Any, is_readable: bool) -> None:
    assert (compatibility.problems(reader, writer) == []) is is_readable


def node(*fields: dict[str, Any], kind: str = "int") -> dict[str, Any]:
    """A record that holds the next one of its kind, by a name in a namespace."""
    following = {"name": "next", "type": ["null", "shop.Node"], "default": None}
    return {"type": "record", "name": "Node", "namespace": "shop",
            "fields": [{"name": "value", "type": kind}, following, *fields]}  # fmt: skip


def tree(leaf: str) -> dict[str, Any]:
    """Two records that hold each other, and a branch of a union that holds neither."""
    inner = {"type": "record", "name": "Inner",
             "fields": [{"name": "outer", "type": ["null", "Outer"]},
                        {"name": "leaf", "type": leaf}]}  # fmt: skip
    return {"type": "record", "name": "Outer",
            "fields": [{"name": "inner", "type": ["null", inner]},
                       {"name": "more", "type": {"type": "array", "items": "Inner"}}]}  # fmt: skip


@pytest.mark.parametrize(
    ("reader", "writer", "told"),
    [
        (node(), node(), []),
        (node({"name": "page", "type": "string", "default": ""}), node(), []),
        (node({"name": "page", "type": "string"}), node(), ["page is new and has no default"]),
        (node(kind="long"), node(), []),
        (node(), node(kind="long"), ["value: int cannot read long"]),
        (tree("long"), tree("int"), []),
        (tree("int"), tree("long"),
         ["inner: no branch of the union reads record", "more: items: leaf: int cannot read long"]),
    ],
)  # fmt: skip
def test_records_that_hold_themselves_are_compared(reader: Any, writer: Any, told: Any) -> None:
    assert compatibility.problems(reader, writer) == told


def test_a_type_is_known_by_its_name_although_the_field_that_defined_it_has_gone() -> None:
    page = {"type": "record", "name": "Page", "fields": [{"name": "path", "type": "string"}]}
    fields = [{"name": "from", "type": page}, {"name": "to", "type": "Page"}]
    writer = {"type": "record", "name": "Visit", "fields": fields}
    reader = {"type": "record", "name": "Visit", "fields": [{"name": "to", "type": page}]}
    assert compatibility.problems(reader, writer) == []
