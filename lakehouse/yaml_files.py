"""Reads untrusted YAML: whatever the file holds, the result is a value or one error sentence.

A file can hang or crash a reader that trusts it, with aliases that multiply, endless nesting,
numbers of a million digits, or bytes that are not text. All of these are limited here, far above
what a settings or mapping file needs.
"""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from lakehouse.errors import CdrlakeError

MAX_BYTES = 128 * 1024
MAX_DEPTH = 16
# No whole number of a settings file is longer; Python refuses to print one of 4,300 digits.
MAX_NUMBER_LENGTH = 64
_TAG = "begins with ! and has no quotes"
_MISPLACED = "cannot stand where it does, such as a list as a key"


def read(path: Path, refused: type[CdrlakeError]) -> Any:
    """The value that the file holds, None for an empty one.

    Raises `FileNotFoundError` if there is no file, and `refused` for one that cannot be read. That
    error names the file and, if possible, the line and column, but quotes nothing of the text,
    which may be a secret.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        problem = error.strerror or type(error).__name__
        raise refused(str(path), "a file that can be read", problem, "correct that") from None
    if len(raw) > MAX_BYTES:
        limit = f"at most {MAX_BYTES // 1024} KiB of YAML"
        raise refused(str(path), limit, "more", "shorten the file") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise refused(
            f"{path} line {line}", "text in UTF-8", "other bytes", "save it as UTF-8"
        ) from None
    return parse(text, str(path), refused)


def parse(text: str, where: str, refused: type[CdrlakeError]) -> Any:
    """The value that a YAML text holds; raises `refused`, which names `where`, as `read` does.

    >>> parse("{a: [1, 2]}", "here", CdrlakeError)
    {'a': [1, 2]}
    """
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader with limits
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{where} line {mark.line + 1}, column {mark.column + 1}" if mark else where
        raise refused(place, "valid YAML", _problem(error), "correct the line") from None


def _problem(error: yaml.YAMLError) -> str:
    """What is wrong with a text, without quoting it, since it may be a secret."""
    if isinstance(error, _LimitError):
        return str(error.problem)
    if isinstance(error, yaml.constructor.ConstructorError):
        is_tag = str(error.problem).startswith("could not determine a constructor")
        return f"a {'word' if is_tag else 'value'} that {_TAG if is_tag else _MISPLACED}"
    if isinstance(error, yaml.reader.ReaderError):
        return "a character that YAML does not allow"
    problem = str(getattr(error, "problem", None) or "unreadable text")
    return f"a word that {_TAG}" if "tag handle" in problem else problem


class _LimitError(yaml.MarkedYAMLError):
    """Something that YAML allows and a settings file never needs."""


class _Loader(yaml.SafeLoader):
    """A safe loader without aliases and with limits on nesting and numbers."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        mark = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            problem = "an alias or a word that begins with * and has no quotes"
            raise _LimitError(problem=problem, problem_mark=mark)
        if self.depth == MAX_DEPTH:
            problem = f"more than {MAX_DEPTH} levels of nesting"
            raise _LimitError(problem=problem, problem_mark=mark)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Hashable:
        """The value of a node; a number or date that Python cannot hold is refused."""
        mark: Any = node.start_mark
        is_number = node.tag == "tag:yaml.org,2002:int"
        if is_number and len(str(node.value)) > MAX_NUMBER_LENGTH:
            problem = f"a number of more than {MAX_NUMBER_LENGTH} digits"
            raise _LimitError(problem=problem, problem_mark=mark)
        try:
            value: Hashable = super().construct_object(node, deep)
        except (ValueError, OverflowError):
            problem = "a number or a date that does not exist"
            raise _LimitError(problem=problem, problem_mark=mark) from None
        return value
