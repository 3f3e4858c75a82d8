"""A file by its description: usage in blocks, and every line that is none, with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from flaskapp.cdr.mappings.calls import increments
from flaskapp.cdr.mappings.fields import REASON, Converted
from flaskapp.cdr.mappings.lines import LINE, Block, read_blocks
from flaskapp.cdr.mappings.spec import FileSpec
from flaskapp.cdr.mappings.usage import usage

FILE, TEXT = "file", "text"
WRONG_FIELDS = "the number of fields differs from the header"
REJECTS = {FILE: pl.String, LINE: pl.Int64, REASON: pl.String, TEXT: pl.String}


@dataclass(frozen=True)
class Read:
    """Usage rows of a block, and its rejected lines: file, line, reason, text."""

    events: pl.DataFrame
    rejects: pl.DataFrame


def read(path: Path, spec: FileSpec, latest: datetime, timezone: str) -> Iterator[Read]:
    """The usage of a file, block by block, in the order of its lines.

    Moments after `latest` are rejected; days are those of `timezone`. Raises `SourceError`.
    """
    for block in read_blocks(path, spec.delimiter, spec.columns):
        converted = _convert(block.rows, spec, latest, timezone)
        yield Read(converted.events, _rejects(path, spec, block, converted))


def _convert(rows: pl.DataFrame, spec: FileSpec, latest: datetime, timezone: str) -> Converted:
    if spec.number is not None:
        return usage(rows, spec, spec.number, latest)
    return increments(rows, spec, spec.parties, latest, timezone)


def _rejects(path: Path, spec: FileSpec, block: Block, converted: Converted) -> pl.DataFrame:
    text = pl.concat_str(pl.exclude(LINE), separator=spec.delimiter).alias(TEXT)
    texts = block.rows.select(LINE, text)
    typed = converted.rejects.join(texts, on=LINE, how="left")
    broken = pl.DataFrame(
        [(number, WRONG_FIELDS, line) for number, line in block.broken],
        schema={LINE: pl.Int64, REASON: pl.String, TEXT: pl.String},
        orient="row",
    )
    found = pl.concat([typed, broken]).with_columns(pl.lit(path.name).alias(FILE))
    return found.select(list(REJECTS)).sort(LINE)
