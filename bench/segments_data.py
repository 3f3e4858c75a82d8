"""Purchases to measure the segments' models on: real ones, or small made ones."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl

from lakehouse.domains.segments.card_features import card_features
from lakehouse.domains.segments.next_purchase import Coverage, mondays, with_next_purchase
from lakehouse.settings import ROOT

REAL = Path(os.environ.get("REAL_DATA_DIR", ROOT.parent / "shared" / "data"))
BIRMINGHAM = REAL / "birmingham_pcard" / "purchase_cards_2014-04_2016-12.csv.gz"
HOLES = ((date(2014, 5, 1), date(2014, 5, 31)), (date(2015, 4, 1), date(2015, 4, 30)))


@dataclass(frozen=True)
class Study:
    """Purchases, what of the time they cover, and where training ends and the test begins.

    `train` and `test` are origins. Labels of training end the day before the test begins.
    """

    purchases: pl.DataFrame
    coverage: Coverage
    train: tuple[date, ...]
    test: tuple[date, ...]

    def rows(self, origins: tuple[date, ...], last: date) -> pl.DataFrame:
        """Features and next purchase as of these days; nothing after `last` is looked at."""
        seen = Coverage(self.coverage.first, last, self.coverage.holes)
        return pl.concat(
            with_next_purchase(card_features(self.purchases, day), self.purchases, day, seen)
            for day in origins
        )

    def train_rows(self) -> pl.DataFrame:
        """Rows to train on."""
        return self.rows(self.train, self.test[0] - timedelta(days=1))

    def test_rows(self) -> pl.DataFrame:
        """Rows to judge by."""
        return self.rows(self.test, self.coverage.last)


def birmingham(path: Path = BIRMINGHAM) -> Study:
    """The purchase cards of Birmingham City Council.

    Raises `FileNotFoundError` without the file.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there; REAL_DATA_DIR names the folder of real data")
    frame = pl.read_csv(path, infer_schema_length=0).select(
        card="CARD NUMBER",
        merchant="MERCHANT NAME",
        amount=pl.col("ORIGINAL GROSS AMT").cast(pl.Decimal(18, 3)),
        date=pl.col("TRANS DATE").str.to_date(),
    )
    return Study(
        frame,
        Coverage(date(2014, 4, 1), date(2016, 12, 31), HOLES),
        tuple(mondays(date(2015, 11, 2), date(2016, 5, 30))),
        tuple(mondays(date(2016, 7, 4), date(2016, 11, 28))),
    )


def made(cards: int = 150, days: int = 400, seed: int = 0) -> Study:
    """Purchases of cards of three kinds; figures from them mean nothing."""
    rng, first = np.random.default_rng(seed), date(2015, 6, 1)
    rows: list[tuple[str, str, Decimal, date]] = []
    for card in range(cards):
        rate, size, shops = ((0.04, 8.0, 3), (0.15, 25.0, 9), (0.5, 60.0, 40))[card % 3]
        for day in np.flatnonzero(rng.random(days) < rate):
            amount = Decimal(f"{rng.lognormal(np.log(size), 0.6):.2f}")
            shop = f"m{rng.integers(shops)}"
            rows.append((f"c{card}", shop, amount, first + timedelta(days=int(day))))
    frame = pl.DataFrame(
        rows,
        schema={
            "card": pl.String,
            "merchant": pl.String,
            "amount": pl.Decimal(18, 3),
            "date": pl.Date,
        },
        orient="row",
    )
    last = first + timedelta(days=days - 1)
    return Study(
        frame,
        Coverage(first, last),
        tuple(mondays(first + timedelta(days=190), first + timedelta(days=230))),
        tuple(mondays(first + timedelta(days=290), last - timedelta(days=35))),
    )
