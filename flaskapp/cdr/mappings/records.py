"""Records out of lines in which quotes occur: a stray quote costs its own line and no other."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import IO, NamedTuple

MAX_RECORD_LINES = 50
WRONG_FIELDS = "the number of fields differs from the header"
STRAY_QUOTE = "a quote is opened and not closed within the record"
ENDS = "\r\n"


@dataclass(frozen=True)
class Shape:
    """What a record looks like: its delimiter, its width, and the positions that are read."""

    delimiter: str
    width: int
    wanted: tuple[int, ...]

    def fit(self, fields: list[str]) -> list[str] | None:
        """The fields of a record, without surplus empty ones; None when their number is wrong.

        >>> Shape(",", 2, (0,)).fit(["a", "b", " ", ""])
        ['a', 'b']
        """
        if len(fields) == self.width:
            return fields
        surplus = fields[self.width :]
        fits = len(fields) > self.width and not any(field.strip() for field in surplus)
        return fields[: self.width] if fits else None


class Record(NamedTuple):
    """A record, or a line that is none and the reason why; `line` is that of its beginning."""

    line: int
    text: str
    fields: list[str] | None
    reason: str = ""
    height: int = 1


class Lines:
    """The lines of a text in order; what was taken can be put back. `taken` counts them."""

    def __init__(self, file: IO[str]) -> None:
        self._file, self._back, self.taken = file, deque[str](), 0

    def take(self, count: int) -> list[str]:
        """The next `count` lines, fewer at the end."""
        found = [self._back.popleft() for _ in range(min(count, len(self._back)))]
        found += islice(self._file, count - len(found))
        self.taken += len(found)
        return found

    def put_back(self, lines: list[str]) -> None:
        """Let the next `take` begin with `lines`."""
        self._back.extendleft(reversed(lines))
        self.taken -= len(lines)


def parse(lines: Iterable[str], delimiter: str) -> list[list[str]] | None:
    """The records in `lines` by the strict rules of quoting, None where these are broken."""
    try:
        return list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return None


def next_record(lines: Lines, shape: Shape) -> Record | None:
    """The next record of `lines`, None at their end; a blank line is a record of no field."""
    taken = lines.take(1)
    if not taken:
        return None
    (line,), number = taken, lines.taken
    rows = parse([line], shape.delimiter)
    if rows is None:
        return _spanning(line, lines, shape) or Record(number, line.strip(ENDS), None, STRAY_QUOTE)
    fields = shape.fit(rows[0]) if rows and rows[0] else []
    return Record(number, line.strip(ENDS), fields, "" if fields is not None else WRONG_FIELDS)


def _spanning(first: str, lines: Lines, shape: Shape) -> Record | None:
    """A record whose quoted field goes on over the next lines; None puts them all back.

    A runaway quote is told from a field with line breaks by what it would swallow: a line that is
    a record by itself, or a line break in a column that is read.
    """
    number, held = lines.taken, list[str]()
    while len(held) < MAX_RECORD_LINES and (more := lines.take(1)):
        held += more
        if shape.fit(more[0].strip(ENDS).split(shape.delimiter)) is not None:
            break
        if '"' not in more[0]:
            continue
        text = first + "".join(held)
        rows = parse(text.splitlines(keepends=True), shape.delimiter)
        fields = shape.fit(rows[0]) if rows is not None and len(rows) == 1 else None
        if fields is not None:
            if any("\n" in fields[at] or "\r" in fields[at] for at in shape.wanted):
                break
            return Record(number, text.strip(ENDS), fields, height=1 + len(held))
    lines.put_back(held)
    return None
