"""The values of one chunk of rows. These values are kept; the rows are not."""

from __future__ import annotations

import msgspec

# Names of columns in monitoring's frames and reports, whatever the model's own tables call them.
SCORE = "probability_1"
LABEL, PREDICTION = "label", "prediction"
ENTITY, TIME = "_entity", "_time"
TRAIT = "_trait_"
# Where values are kept by feature: the plain count of positives.
POSITIVES = ""
VALUE = "business_value"
METRICS = ("roc_auc", "f1", "accuracy", "average_precision", VALUE)
# Of all positives, the share among the tenth of rows with the highest scores; realised only.
RECALL = "recall_top_decile"
VALUES_VERSION = 3


class Figure(msgspec.Struct, frozen=True):
    """A value, its standard error from sampling, and the confidence band of an estimate."""

    value: float
    error: float
    low: float | None = None
    high: float | None = None


class Distribution(msgspec.Struct, frozen=True):
    """Share of rows in each bin of the reference, and the mean."""

    shares: tuple[float, ...]
    mean: float


class Association(msgspec.Struct, frozen=True):
    """How labels lean towards high values of a feature, as sums over labelled rows.

    `observed` is label x rank, `expected` is expected probability x rank, `square` squared noise.
    """

    observed: float
    expected: float
    square: float


class Slice(msgspec.Struct, frozen=True):
    """A slice of the chunk: its rows, mean score, and outcomes as far as they are known."""

    rows: int
    score: float
    labelled: int
    label_rate: float | None
    roc_auc: float | None


class ChunkValues(msgspec.Struct, frozen=True, kw_only=True, rename={"associations": "relations"}):
    """Everything that is computed for a chunk.

    `start` and `end` are its first and last bucket, ISO 8601.

    `realised` and `estimated` map metrics to figures, `drift` maps features (and the score) to
    distances by method. `expected` is the number of positives that the scores of the labelled
    rows stand for in the reference. `missing` and `outside` hold shares of rows; features with
    none are left out.
    """

    key: str
    start: str
    end: str
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
    associations: dict[str, Association]
    slices: dict[str, Slice]
