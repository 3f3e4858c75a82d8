"""The features of single purchases, watched one by one for a lasting shift."""

from __future__ import annotations

from datetime import date

import polars as pl

from monitoring.segments.report import FeatureDrift, Shift
from monitoring.value_detector import EVENTS_PER_FALSE_ALARM, ValueDetector, usual

# So many of the newest purchases are watched, which takes a few seconds.
MOST_EVENTS = 100_000
LEAST_USUAL = 500
# Longer gaps are left out: early in a record none can have ended, so their number only grows.
LONGEST_GAP = 60
FEATURES = {
    "amount": "amount of a purchase, as a logarithm",
    "gap": "days since the card's purchase before, up to 60, as a logarithm",
}
BUDGET = f"at most one false alarm in {EVENTS_PER_FALSE_ALARM:,} purchases, for each feature"


def values(purchases: pl.DataFrame) -> pl.DataFrame:
    """`date`, `amount` and `gap` of the purchases in order of days, refunds left out.

    A card's first purchase has no gap, nor have purchases after a longer one than 60 days and those
    of the record's first 60 days.
    """
    bought = purchases.filter(pl.col("amount") > 0).sort("date", "card", maintain_order=True)
    gap = pl.col("date").diff().dt.total_days().over("card")
    is_whole = pl.col("date") >= pl.col("date").min() + pl.duration(days=LONGEST_GAP)
    return bought.with_columns(gap=gap).select(
        "date",
        amount=pl.col("amount").cast(pl.Float64).log1p(),
        gap=pl.when(is_whole & (pl.col("gap") <= LONGEST_GAP)).then(
            pl.col("gap").cast(pl.Float64).log1p()
        ),
    )


def watch(purchases: pl.DataFrame, since: date) -> list[FeatureDrift]:
    """What the detectors see from `since` on; the level of the time before is the usual one.

    Empty where there are too few purchases before.
    """
    seen = values(purchases)
    found = []
    for name, words in FEATURES.items():
        known = seen.select("date", pl.col(name).alias("value")).drop_nulls()
        before, after = known.filter(pl.col("date") < since), known.filter(pl.col("date") >= since)
        if len(before) < LEAST_USUAL:
            continue
        level = usual(before["value"].to_list(), before["date"].to_list())
        detector, shifts = ValueDetector(level), []
        watched = after.tail(MOST_EVENTS)
        for day, value in watched.iter_rows():
            if detectors := detector.observe(value, day):
                shifts.append(Shift(day, list(detectors)))
        found.append(FeatureDrift(words, len(watched), shifts))
    return found
