"""A file by its description: usage in blocks, and every line that is none, with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from flaskapp.cdr.mappings.calls import increments
from flaskapp.cdr.mappings.fields import Converted, Options
from flaskapp.cdr.mappings.lines import LINE, REASON, TEXT, Block, read_blocks
from flaskapp.cdr.mappings.measures import refuse_other_signs
from flaskapp.cdr.mappings.spec import FileSpec
from flaskapp.cdr.mappings.usage import usage
from lakehouse.errors import SourceError

REJECTS = {"file": pl.String, "line": pl.Int64, "reason": pl.String, "text": pl.String}


@dataclass(frozen=True)
class Read:
    """Usage rows of a block, how many lines they come from, and the rejected lines.

    `rejects` has file, line, reason, text.
    """

    events: pl.DataFrame
    accepted: int
    rejects: pl.DataFrame


def read(path: Path, spec: FileSpec, options: Options) -> Iterator[Read]:
    """The usage of a file, block by block, in the order of its lines.

    Every line is either accepted or rejected. Raises `SourceError` when the file cannot be read,
    when it writes numbers with other signs than `spec` says, and should a line get lost.
    """
    for block in read_blocks(path, spec.layout):
        try:
            converted = _convert(block.rows, spec, options)
        except SourceError as error:
            raise SourceError.sentence(f"{path}: {error}") from None
        rejects = _rejects(path, block, converted)
        _require_all(path, block.height, converted.accepted, rejects)
        yield Read(converted.events, converted.accepted, rejects)


def _convert(rows: pl.DataFrame, spec: FileSpec, options: Options) -> Converted:
    refuse_other_signs(rows, spec)
    if spec.number is not None:
        return usage(rows, spec, spec.number, options)
    return increments(rows, spec, spec.parties, options)


def _rejects(path: Path, block: Block, converted: Converted) -> pl.DataFrame:
    texts = block.rows.select(LINE, TEXT)
    typed = converted.rejects.join(texts, on=LINE, how="left").select(LINE, REASON, TEXT)
    found = pl.concat([typed, block.broken]).sort(LINE)
    names = pl.lit(path.name).alias("file")
    return found.select(names, *map(pl.col, (LINE, REASON, TEXT))).rename(
        {LINE: "line", REASON: "reason", TEXT: "text"}
    )


def _require_all(path: Path, lines: int, accepted: int, rejects: pl.DataFrame) -> None:
    """Raise `SourceError` unless each line was accepted or rejected, and none was both."""
    rejected = rejects["line"].n_unique()
    if accepted + rejected != lines:
        raise SourceError.sentence(
            f"{path}: of {lines:,} lines {accepted:,} were accepted and {rejected:,} rejected; "
            "a line must be one or the other, so nothing is loaded. Please report this."
        )
