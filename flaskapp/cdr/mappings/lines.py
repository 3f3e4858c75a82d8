"""Lines of delimited text, plain or gzipped, in blocks, each line with its number."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO

import polars as pl

from lakehouse.errors import SourceError, closest

BLOCK_LINES = 50_000
LINE = "line"


@dataclass(frozen=True)
class Block:
    """Some lines of a file: those with the right number of fields, and the others.

    `rows` has every column as text and `line`; `broken` is pairs of line number and text.
    """

    rows: pl.DataFrame
    broken: list[tuple[int, str]]


def read_blocks(
    path: Path, delimiter: str, required: list[str], size: int = BLOCK_LINES
) -> Iterator[Block]:
    """Blocks of `size` lines of a file with a header line.

    Raises `SourceError` when the file cannot be read, is cut off, or lacks a `required` column.
    """
    try:
        with _open(path) as file:
            reader = csv.reader(file, delimiter=delimiter)
            header = [name.strip() for name in next(reader, [])]
            _require(path, header, required)
            yield from _plain_blocks(file, reader.line_num, header, delimiter, size)
    except (OSError, EOFError, zlib.error) as error:
        problem = getattr(error, "strerror", None) or str(error)
        raise SourceError(
            str(path), "a readable file", problem, "check its path and its end"
        ) from None
    except csv.Error as error:
        raise SourceError(str(path), "delimited text", str(error), "check the mapping") from None


def _plain_blocks(
    file: IO[str], number: int, header: list[str], delimiter: str, size: int
) -> Iterator[Block]:
    """Blocks of the lines after line `number`; from the first quote on, the careful way."""
    while lines := list(islice(file, size)):
        if any('"' in line for line in lines):
            reader = csv.reader(chain(lines, file), delimiter=delimiter)
            numbered = ((number + reader.line_num, row) for row in reader)
            yield from _blocks(numbered, header, delimiter, size)
            return
        yield _plain_block(lines, number, header, delimiter)
        number += len(lines)


def _plain_block(lines: list[str], number: int, header: list[str], delimiter: str) -> Block:
    """Lines without quotes: a field ends at each delimiter, which columns find out faster."""
    text = pl.Series("text", lines, pl.String).str.strip_chars_end("\r\n")
    numbers = pl.int_range(number + 1, number + 1 + len(lines), dtype=pl.Int64, eager=True)
    given = pl.DataFrame([text, numbers.alias(LINE)]).filter(pl.col("text") != "")
    fits = pl.col("text").str.count_matches(delimiter, literal=True) == len(header) - 1
    good = given.filter(fits)
    fields = good["text"].str.split_exact(delimiter, len(header) - 1).struct.unnest()
    rows = fields.rename(dict(zip(fields.columns, header, strict=True)))
    broken = given.filter(~fits).select(LINE, "text").rows()
    return Block(rows.with_columns(good[LINE]), broken)


def _blocks(
    lines: Iterator[tuple[int, list[str]]], header: list[str], delimiter: str, size: int
) -> Iterator[Block]:
    rows: list[list[str]] = []
    numbers: list[int] = []
    broken: list[tuple[int, str]] = []
    for number, row in lines:
        if len(row) == len(header):
            rows.append(row)
            numbers.append(number)
        elif row:
            broken.append((number, delimiter.join(row)))
        if len(rows) + len(broken) >= size:
            yield _block(header, rows, numbers, broken)
            rows, numbers, broken = [], [], []
    if rows or broken:
        yield _block(header, rows, numbers, broken)


def _block(
    header: list[str], rows: list[list[str]], numbers: list[int], broken: list[tuple[int, str]]
) -> Block:
    columns = zip(*rows, strict=True) if rows else ([] for _ in header)
    series = [
        pl.Series(name, values, dtype=pl.String)
        for name, values in zip(header, columns, strict=True)
    ]
    return Block(pl.DataFrame([*series, pl.Series(LINE, numbers, dtype=pl.Int64)]), broken)


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", errors="replace", newline="")
    return path.open("r", encoding="utf-8-sig", errors="replace", newline="")


def _require(path: Path, header: list[str], required: list[str]) -> None:
    for name in required:
        if name not in header:
            do = f"choose another mapping; {closest(name, header or ['nothing'])}"
            raise SourceError(str(path), f"a column '{name}'", ", ".join(header)[:80] or "none", do)
    if len(set(header)) < len(header):
        raise SourceError(str(path), "columns of different names", ", ".join(header)[:80], "rename")
