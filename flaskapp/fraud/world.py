"""The simulated world: payments in order of time, and the truth about each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from flaskapp.fraud.laws import (
    AMOUNT_SPREAD,
    FIRST_PAYMENT_GAP_S,
    FRAUD_SPREAD,
    PATTERNS,
    SCALED,
    WIDTH,
    Change,
    Laws,
)
from lakehouse.domains.fraud.contracts import COMPONENTS

BLOCK_ROWS = 1_000
UNCHANGED = Change()
FIRST_ACCOUNT = 1_000_000


@dataclass(frozen=True)
class CardWorld:
    """Payments of a world, any of which can be drawn at any time: block k has its own generator.

    `change` applies from payment `changed_from` on.
    """

    laws: Laws
    change: Change = UNCHANGED
    changed_from: int | None = None
    name: str = "world"

    @property
    def length(self) -> int | None:
        """None: the world never ends."""
        return None

    def rows(self, first: int, count: int) -> pl.DataFrame:
        """Payments `first` to `first + count - 1`: account_number, Time, V1..V28, Amount, Class."""
        blocks = range(first // BLOCK_ROWS, (first + count - 1) // BLOCK_ROWS + 1)
        drawn = pl.concat([self._block(block) for block in blocks])
        return drawn.slice(first - blocks[0] * BLOCK_ROWS, count)

    def change_at(self, row: int) -> Change:
        """What has changed by payment `row`."""
        is_changed = self.changed_from is not None and row >= self.changed_from
        return self.change if is_changed else UNCHANGED

    def _block(self, block: int) -> pl.DataFrame:
        start = block * BLOCK_ROWS
        if self.changed_from is None or not start < self.changed_from < start + BLOCK_ROWS:
            return self._drawn(block, self.change_at(start))
        before, after = self._drawn(block, UNCHANGED), self._drawn(block, self.change)
        edge = self.changed_from - start
        return pl.concat([before[:edge], after[edge:]])

    def _drawn(self, block: int, change: Change) -> pl.DataFrame:
        laws, rows = self.laws, BLOCK_ROWS
        rng = np.random.default_rng([laws.seed, 3, block])
        seconds = (block * rows + np.arange(rows) + rng.random(rows)) * FIRST_PAYMENT_GAP_S
        seconds.sort()
        account = rng.choice(len(laws.activity), rows, p=laws.activity)
        is_fraud = rng.random(rows) < laws.rate
        shares = laws.shares(seconds, change).cumsum(axis=1)
        pattern = (rng.random(rows)[:, None] > shares[:, :-1]).sum(axis=1).clip(0, PATTERNS)
        noise = rng.normal(size=(rows, WIDTH))
        centre = np.where(is_fraud[:, None], laws.shift[pattern], 0.0) + laws.season(change)
        values = (centre + noise) * laws.scale
        habit = laws.habits[account] + change.season
        spread = np.where(is_fraud, FRAUD_SPREAD, AMOUNT_SPREAD)
        dearer = np.where(is_fraud, laws.dearer[pattern], 0.0)
        amount = np.exp(habit + dearer + spread * rng.normal(size=rows)) * change.amount_factor
        frame = pl.DataFrame(dict(zip(COMPONENTS, values.T, strict=True)))
        return frame.select(
            (FIRST_ACCOUNT + pl.Series("account_number", account)).cast(pl.String),
            pl.Series("Time", np.round(seconds, 3)),
            *(pl.col(name).round(6) for name in COMPONENTS),
            pl.Series("Amount", np.round(amount, 2)),
            pl.Series("Class", is_fraud.astype(np.int32)),
        ).with_columns(pl.col(SCALED) * change.component_factor)
