"""Real rows with a label and a model that has not seen them, for streams to be drawn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.segments_data import BIRMINGHAM, REAL, birmingham
from lakehouse.domains.segments.card_features import FEATURES as CARD_FEATURES
from lakehouse.domains.segments.next_purchase import bought_within
from monitoring.analysis.profile import Floats

ULB = REAL / "ulb_creditcard" / "creditcard_enriched_first70.csv.gz"
CALLS, TEXTS = (REAL / "copenhagen_cdr" / f"{name}_first70.csv" for name in ("calls", "sms"))
TRAIN, REFERENCE = 0.4, 0.7
DAY_S, LOOK_BACK_DAYS, DAYS = 86_400, 3, 19
WITHIN_DAYS = 7


@dataclass(frozen=True)
class RealRows:
    """Rows of one data set: those of the reference, and those that streams are drawn from.

    No entity is in two parts, and the model behind `score` was fitted to entities of a third.
    """

    name: str
    features: tuple[str, ...]
    reference: tuple[Floats, Floats]
    stream: tuple[Floats, Floats]
    score: Callable[[Floats], Floats]
    threshold: float
    per_chunk: int


def ulb() -> RealRows:
    """Card payments, and whether they were fraud (1 in 100: frauds are over-represented)."""
    frame = pl.read_csv(ULB, infer_schema_length=None)
    names = tuple(name for name in frame.columns if name.startswith("V") or name == "Amount")
    frame = frame.with_row_index("entity").with_columns(pl.col(names).cast(pl.Float64))
    return split("ULB card payments", frame.with_columns(label=pl.col("Class")), names, 1_500)


def birmingham_cards() -> RealRows:
    """Purchase cards on Mondays, and whether they buy within a week."""
    study = birmingham()
    rows = study.rows(study.test, study.coverage.last)
    label, is_known = bought_within(rows, WITHIN_DAYS)
    frame = rows.with_columns(label=pl.Series(label).cast(pl.Int64), entity="card").filter(is_known)
    return split("Birmingham purchase cards", frame, tuple(CARD_FEATURES), 600)


def copenhagen() -> RealRows:
    """Students on a day, by calls and texts of three days, and whether the next day is silent."""
    calls = pl.read_csv(CALLS).select("timestamp", "from", "to", kind=pl.lit("call"))
    texts = pl.read_csv(TEXTS).select("timestamp", "from", "to", kind=pl.lit("text"))
    both = pl.concat([calls, texts]).with_columns(day=pl.col("timestamp") // DAY_S)
    sides = [both.select("day", "kind", entity=side, side=pl.lit(side)) for side in ("from", "to")]
    daily = pl.concat(sides).group_by("entity", "day").agg(
        *(
            ((pl.col("kind") == kind) & (pl.col("side") == side)).sum().alias(f"{kind}_{side}")
            for kind in ("call", "text")
            for side in ("from", "to")
        )
    )  # fmt: skip
    return split("Copenhagen students", _of_days(daily), _names(daily), 600)


def _names(daily: pl.DataFrame) -> tuple[str, ...]:
    counts = [name for name in daily.columns if name not in ("entity", "day")]
    return (*(f"{name}_{back}" for back in range(LOOK_BACK_DAYS) for name in counts), "active")


def _of_days(daily: pl.DataFrame) -> pl.DataFrame:
    """A row for each student and day: counts of that day and those before, and the label."""
    days = pl.DataFrame({"day": range(LOOK_BACK_DAYS - 1, DAYS)}, schema={"day": pl.Int64})
    grid = daily.select("entity").unique().sort("entity").join(days, how="cross")
    counts = [name for name in daily.columns if name not in ("entity", "day")]
    for back in range(LOOK_BACK_DAYS):
        shifted = daily.select(
            "entity", pl.col("day") + back, *(pl.col(n).alias(f"{n}_{back}") for n in counts)
        )
        grid = grid.join(shifted, on=["entity", "day"], how="left", maintain_order="left")
    tomorrow = daily.select("entity", day=pl.col("day") - 1, spoke=pl.lit(1))
    grid = grid.join(tomorrow, on=["entity", "day"], how="left", maintain_order="left")
    numbers = [f"{name}_{back}" for back in range(LOOK_BACK_DAYS) for name in counts]
    filled = grid.with_columns(pl.col(numbers).cast(pl.Float64).fill_null(0.0))
    any_of = [
        pl.sum_horizontal(f"{name}_{back}" for name in counts) > 0 for back in range(LOOK_BACK_DAYS)
    ]
    return filled.with_columns(
        active=pl.sum_horizontal(any_of).cast(pl.Float64), label=pl.col("spoke").is_null()
    )


def made(seed: int = 0) -> RealRows:
    """Rows that nobody measured, for a run without files; figures from them mean nothing."""
    rng, count = np.random.default_rng(seed), 6_000
    features = {f"x{number}": rng.normal(0, 1, count) for number in range(4)}
    odds = 1.5 * features["x0"] - features["x1"] - 1.0
    label = (rng.random(count) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    frame = pl.DataFrame({"entity": np.arange(count), **features, "label": label})
    return split("made", frame, tuple(features), 300)


SETS: dict[str, tuple[Callable[[], RealRows], tuple[Path, ...]]] = {
    "ulb": (ulb, (ULB,)),
    "birmingham": (birmingham_cards, (BIRMINGHAM,)),
    "copenhagen": (copenhagen, (CALLS, TEXTS)),
}


def present() -> list[str]:
    """The data sets whose files are there."""
    return [name for name, (_, files) in SETS.items() if all(file.exists() for file in files)]


def split(name: str, frame: pl.DataFrame, features: tuple[str, ...], per_chunk: int) -> RealRows:
    """Parts by entity, and a logistic regression on the first; the threshold flags the base rate.

    `frame` has `entity`, `label` and the features, all known.
    """
    place = pl.col("entity").rank("dense").hash(seed=7) % 1_000 / 1_000
    parts = [
        frame.filter(place.is_between(low, high, closed="left"))
        for low, high in ((0.0, TRAIN), (TRAIN, REFERENCE), (REFERENCE, 1.0))
    ]
    train, reference, stream = (
        (part.select(features).to_numpy(), part["label"].cast(pl.Float64).to_numpy())
        for part in parts
    )
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000)).fit(*train)

    def score(rows: Floats) -> Floats:
        return np.asarray(model.predict_proba(rows)[:, 1], np.float64)

    threshold = float(np.quantile(score(train[0]), 1 - train[1].mean()))
    return RealRows(name, features, reference, stream, score, threshold, per_chunk)
