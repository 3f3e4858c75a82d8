"""Delimited text in blocks: each record with the number of its line, and each line that is none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from flaskapp.cdr.mappings.opening import open_text
from flaskapp.cdr.mappings.records import (
    ENDS,
    WRONG_FIELDS,
    Lines,
    Record,
    Shape,
    next_record,
    parse,
)
from lakehouse.errors import SourceError, closest

BLOCK_LINES = 50_000
# Names that no column of a file has.
LINE, TEXT, REASON = "\0line", "\0text", "\0reason"
BROKEN = {LINE: pl.Int64, REASON: pl.String, TEXT: pl.String}
MAX_TEXT = 10_000
# Spreadsheets note their delimiter in a line before the header.
_SEPARATOR = re.compile(r'"?sep=(.)"?', re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """How a file is laid out: its delimiter, the columns that are read, and those it may lack.

    `header` names the columns of a file that has no header line.
    """

    delimiter: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    header: tuple[str, ...] = ()


@dataclass(frozen=True)
class Block:
    """Some lines of a file: those with the right number of fields, and the others.

    `rows` has the columns that are read as text, and `LINE` and `TEXT`; `broken` has `LINE`,
    `REASON` and `TEXT`.
    """

    rows: pl.DataFrame
    broken: pl.DataFrame

    @property
    def height(self) -> int:
        """How many lines these are."""
        return self.rows.height + self.broken.height


def read_blocks(path: Path, layout: Layout, size: int = BLOCK_LINES) -> Iterator[Block]:
    """Blocks of at most `size` lines of a file; blank lines are none.

    Raises `SourceError` when the file cannot be read, is cut off, or lacks a required column.
    """
    with open_text(path) as file:
        lines = Lines(file)
        names, layout = _columns(path, lines, layout)
        wanted = tuple(n for n in (*layout.required, *layout.optional) if n in names)
        shape = Shape(layout.delimiter, len(names), tuple(names.index(n) for n in wanted))
        expected = lines.taken
        while taken := lines.take(size):
            if '"' in "".join(taken):
                block, covered = _with_quotes(taken, lines, wanted, shape)
            else:
                block = _plain(taken, lines.taken - len(taken) + 1, wanted, shape)
                covered = block.height + sum(not line.strip(ENDS) for line in taken)
            expected += covered
            if lines.taken != expected:
                needed, got = f"{lines.taken:,} lines accounted for", f"{expected:,}"
                raise SourceError(str(path), needed, got, "report it: nothing has been loaded")
            yield block


def _columns(path: Path, lines: Lines, layout: Layout) -> tuple[list[str], Layout]:
    """The names of the columns, and the layout with the delimiter that the file itself notes."""
    first = lines.take(1)
    noted = _SEPARATOR.fullmatch(first[0].strip(ENDS)) if first else None
    if noted is not None:
        layout = replace(layout, delimiter=noted[1])
        first = lines.take(1)
    if layout.header:
        lines.put_back(first)
        return list(layout.header), layout
    rows = parse(first, layout.delimiter)
    if rows is None:
        raise SourceError(str(path), "a header line", "one with a stray quote", "correct it")
    names = [name.strip() for name in (rows[0] if rows else [])]
    while names and not names[-1]:
        names.pop()
    _require(path, names, layout)
    return names, layout


def _require(path: Path, names: list[str], layout: Layout) -> None:
    for name in layout.required:
        if name not in names:
            do = f"choose another mapping; {closest(name, names or ['nothing'])}"
            raise SourceError(str(path), f"a column '{name}'", ", ".join(names)[:80] or "none", do)
    for name in (*layout.required, *layout.optional):
        if names.count(name) > 1:
            raise SourceError(str(path), f"one column '{name}'", "several", "rename the others")


def _plain(lines: list[str], first: int, wanted: tuple[str, ...], shape: Shape) -> Block:
    """Lines without quotes: a field ends at each delimiter, which columns find out faster."""
    text = pl.Series(TEXT, lines, pl.String).str.strip_chars_end(ENDS)
    numbers = pl.int_range(first, first + len(lines), dtype=pl.Int64, eager=True)
    given = pl.DataFrame([text, numbers.alias(LINE)]).filter(pl.col(TEXT) != "")
    delimiters = given[TEXT].str.count_matches(shape.delimiter, literal=True)
    fits = delimiters == shape.width - 1
    fields = given[TEXT].str.splitn(shape.delimiter, shape.width + 1).struct.unnest()
    surplus = fields.to_series(shape.width)
    if surplus.null_count() < given.height:
        is_empty = (
            surplus.str.replace_all(shape.delimiter, "", literal=True).str.strip_chars() == ""
        )
        fits = fits | is_empty.fill_null(False)
    columns = [fields.to_series(at).alias(n) for n, at in zip(wanted, shape.wanted, strict=True)]
    rows = pl.DataFrame([*columns, given[LINE], given[TEXT]]).filter(fits)
    broken = given.filter(~fits).with_columns(pl.lit(WRONG_FIELDS).alias(REASON))
    return Block(rows, _clipped(broken))


def _with_quotes(
    taken: list[str], lines: Lines, wanted: tuple[str, ...], shape: Shape
) -> tuple[Block, int]:
    """A block of lines with quotes, and how many lines it covers.

    At once where each line is a record by itself, one by one where a quote is left open.
    """
    rows = parse(taken, shape.delimiter)
    if rows is not None and len(rows) == len(taken):
        block = _parsed(taken, rows, lines.taken - len(taken) + 1, wanted, shape)
        return block, block.height + sum(not row for row in rows)
    lines.put_back(taken)
    records = list[Record]()
    while len(records) < len(taken) and (record := next_record(lines, shape)) is not None:
        records.append(record)
    block = _block([one for one in records if one.fields != []], wanted, shape)
    return block, sum(one.height for one in records)


def _parsed(
    lines: list[str], parsed: list[list[str]], first: int, wanted: tuple[str, ...], shape: Shape
) -> Block:
    """Lines with quotes of which each is a record by itself."""
    text = pl.Series(TEXT, lines, pl.String).str.strip_chars_end(ENDS)
    numbers = pl.int_range(first, first + len(lines), dtype=pl.Int64, eager=True).alias(LINE)
    fitted = [shape.fit(row) for row in parsed]
    good = [row for row in fitted if row is not None]
    fits = pl.Series([row is not None for row in fitted], dtype=pl.Boolean)
    columns = [
        pl.Series(name, [row[at] for row in good], pl.String)
        for name, at in zip(wanted, shape.wanted, strict=True)
    ]
    broken = pl.DataFrame([text, numbers]).filter(~fits & (text != ""))
    return Block(
        pl.DataFrame([*columns, numbers.filter(fits), text.filter(fits)]),
        _clipped(broken.with_columns(pl.lit(WRONG_FIELDS).alias(REASON))),
    )


def _block(records: list[Record], wanted: tuple[str, ...], shape: Shape) -> Block:
    good = [(r.line, r.text, r.fields) for r in records if r.fields is not None]
    columns = [
        pl.Series(name, [fields[at] for _, _, fields in good], pl.String)
        for name, at in zip(wanted, shape.wanted, strict=True)
    ]
    numbers = pl.Series(LINE, [line for line, _, _ in good], pl.Int64)
    texts = pl.Series(TEXT, [text for _, text, _ in good], pl.String)
    broken = [(r.line, r.reason, r.text) for r in records if r.fields is None]
    return Block(
        pl.DataFrame([*columns, numbers, texts]),
        _clipped(pl.DataFrame(broken, schema=BROKEN, orient="row")),
    )


def _clipped(broken: pl.DataFrame) -> pl.DataFrame:
    return broken.select(LINE, REASON, pl.col(TEXT).str.slice(0, MAX_TEXT))
