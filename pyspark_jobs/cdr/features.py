"""Turns subscriber-days into rows of gold: point-in-time features, with silent days zero-filled."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from lakehouse.contracts import BUCKET
from lakehouse.domains.cdr.contracts import MEASURES, PROCESSED_COLUMNS
from lakehouse.domains.cdr.features import gold_contract
from lakehouse.kinds import polars_schema
from pyspark_jobs.cdr.block import SCALE, Span
from pyspark_jobs.cdr.dense import dense_rows

ROWS_PER_BLOCK = 100_000
FROM_SILVER = ("User", "Date", *SCALE, "last_emitted_at")


def gold_rows(days: pl.DataFrame, scope: pl.DataFrame, span: Span) -> pl.DataFrame:
    """Rows of gold for the subscribers of `scope` (`User`, `since`), from `since` to `span.last`.

    They have all columns of gold but the bucket. `days` are rows of silver with the columns
    `FROM_SILVER`; they must reach `lookback_days` before the earliest `since`. The result does not
    depend on the order of `days` or on who else is in `scope`.
    """
    whole = days.select("User", "Date", *map(_whole, SCALE), _micros("last_emitted_at"))
    chosen = whole.join(scope, on="User").sort("User", "Date")
    rows = [dense_rows(block, span) for block in _blocks(chosen)]
    if not rows:
        kinds = polars_schema(gold_contract(span.windows))
        del kinds[BUCKET.name]
        return pl.DataFrame(schema=kinds)
    return _as_gold(pl.concat(rows), span).sort("Date", "User")


def _blocks(days: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Sorted days, split between subscribers so that each dense block stays small."""
    last_row = pl.int_range(pl.len()).max().over("User")
    numbered = days.with_columns(block=last_row // ROWS_PER_BLOCK)
    yield from numbered.partition_by("block", include_key=False, maintain_order=True)


def _whole(name: str) -> pl.Expr:
    """Amounts as whole numbers: thousandths of a decimal are its physical form."""
    return pl.col(name).to_physical().cast(pl.Int64)


def _micros(name: str) -> pl.Expr:
    return pl.col(name).dt.epoch("us").alias("emitted_us")


def _as_gold(rows: pl.DataFrame, span: Span) -> pl.DataFrame:
    kinds = {spec.name: spec.kind for spec in MEASURES}
    amounts = [
        (pl.col(name).cast(pl.Decimal(38, 3)) / SCALE[measure]).cast(pl.Decimal(18, 3)).alias(name)
        for name, measure in PROCESSED_COLUMNS.items()
        if kinds[measure] == "decimal"
    ]
    emitted = pl.from_epoch(pl.col("emitted_us"), "us").dt.replace_time_zone("UTC")
    stamped = pl.when(pl.col("emitted_us") > 0).then(emitted).alias("last_emitted_at")
    names = gold_contract(span.windows).names
    return rows.with_columns(*amounts, stamped).select(n for n in names if n != BUCKET.name)
