"""Rows of a table as JSON messages, keyed by the contract's key."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from lakehouse.contracts import Contract
from lakehouse.publisher import Publisher


class RowPublisher:
    """Publishes rows of one contract; `send` returns once the broker has acknowledged them all."""

    def __init__(self, publisher: Publisher, contract: Contract) -> None:
        self._publisher, self._contract = publisher, contract

    def send(self, topic: str, rows: pl.DataFrame) -> None:
        """Publish `rows`; raises `ServiceError` if one was not acknowledged."""
        for key, line in messages(self._contract, rows):
            self._publisher.send(topic, key, line)
        self._publisher.deliver()


def messages(contract: Contract, rows: pl.DataFrame) -> Iterator[tuple[str, str]]:
    """Key and JSON of each row: decimals with all digits, binary as base64, NaN as null."""
    keys = rows.select(pl.concat_str(pl.col(contract.key).cast(pl.String), separator="|"))
    kinds = {name: contract.field(name).kind for name in rows.columns}
    decimals = [name for name, kind in kinds.items() if kind == "decimal"]
    binaries = [name for name, kind in kinds.items() if kind == "binary"]
    encoded = rows.drop(decimals).with_columns(pl.col(binaries).bin.encode("base64"))
    # Not `splitlines`, which also splits at separators that may stand inside a text.
    lines = encoded.write_ndjson().split("\n")
    numbers = rows.select(_number(name) for name in decimals).rows() if decimals else None
    for at, key in enumerate(keys.to_series()):
        yield key, lines[at] if numbers is None else f"{lines[at][:-1]},{','.join(numbers[at])}}}"


def _number(name: str) -> pl.Expr:
    """A member of a JSON object; polars itself would write a decimal as text."""
    value = pl.col(name).cast(pl.String).fill_null("null")
    return pl.concat_str(pl.lit(f'"{name}":'), value).alias(name)
