"""What is known of one chunk of rows. These values are kept; the rows are not."""

from __future__ import annotations

from datetime import date

import msgspec

SCORE = "probability_1"
LABEL, PREDICTION = "label", "prediction"
VALUE = "business_value"
METRICS = ("roc_auc", "f1", "accuracy", "average_precision", VALUE)
VALUES_VERSION = 1


class Figure(msgspec.Struct, frozen=True):
    """A value, its standard error from sampling, and the band that an estimate comes with."""

    value: float
    error: float
    low: float | None = None
    high: float | None = None


class Distribution(msgspec.Struct, frozen=True):
    """Share of rows in each bin of the reference, and the mean."""

    shares: tuple[float, ...]
    mean: float


class Relation(msgspec.Struct, frozen=True):
    """Sums over labelled rows: label x rank, expected probability x rank, squared noise."""

    true: float
    told: float
    square: float


class Slice(msgspec.Struct, frozen=True):
    """A part of the chunk: its rows, mean score, and what came true where that is known."""

    rows: int
    score: float
    labelled: int
    label_rate: float | None
    roc_auc: float | None


class ChunkValues(msgspec.Struct, frozen=True, kw_only=True):
    """All that is computed of a chunk.

    `realised` and `estimated` map metrics to figures, `drift` maps features (and the score) to
    distances by method. `expected` is the number of positives that the scores of the labelled
    rows stand for in the reference. `missing` and `outside` hold shares of rows; features with
    none are left out.
    """

    key: str
    start: date
    end: date
    rows: int
    labelled: int
    positives: int
    expected: float
    realised: dict[str, Figure]
    estimated: dict[str, Figure]
    drift: dict[str, dict[str, float]]
    reconstruction: Figure
    missing: dict[str, float]
    outside: dict[str, float]
    distributions: dict[str, Distribution]
    brier: float | None
    calibration_error: float | None
    relations: dict[str, Relation]
    slices: dict[str, Slice]
