"""The train and evaluation rows: cached in Spark for fitting, as arrays for evaluation."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as f

from lakehouse import metrics
from lakehouse.domain import Scored, Words
from lakehouse.errors import ModelError
from lakehouse.models import scoring
from lakehouse.models.forest import Floats
from lakehouse.settings.model import ModelSettings
from pyspark_jobs.training.split import Days, Split

_TOO_LITTLE = "load more history, or lower the minimum in the settings under model"


@dataclass(frozen=True)
class LabelledRows:
    """Rows on the driver: a frame with entity, time, label, group and the features."""

    frame: pl.DataFrame
    features: tuple[str, ...]
    scored: Scored

    @cached_property
    def rows(self) -> Floats:
        """The features as a matrix, in the order of the frame's rows."""
        return scoring.matrix(self.frame, self.features)

    @cached_property
    def label(self) -> npt.NDArray[np.int64]:
        """1 for positives."""
        return self.frame["label"].cast(pl.Int64).to_numpy()

    @cached_property
    def entity(self) -> npt.NDArray[np.int64]:
        """Number of each row's entity, from 0."""
        return metrics.numbered(self.frame[self.scored.entity])

    @property
    def days(self) -> int:
        """The number of days that have rows."""
        return self.frame[self.scored.time].cast(pl.Date).n_unique()

    def of(self, days: Days, group: int | None = None) -> LabelledRows:
        """The rows of these days, and of one group if given."""
        wanted = pl.col(self.scored.time).cast(pl.Date).is_between(days.first, days.last)
        if group is not None:
            wanted &= pl.col("group") == group
        return LabelledRows(self.frame.filter(wanted), self.features, self.scored)


@dataclass(frozen=True)
class ClassCounts:
    """How many rows of each label there are, by `day` and `group`."""

    counts: pl.DataFrame

    def of(self, days: Days, without_group: int | None = None) -> tuple[int, int]:
        """Negatives and positives of these days."""
        wanted = pl.col("day").is_between(days.first, days.last)
        if without_group is not None:
            wanted &= pl.col("group") != without_group
        found = self.counts.filter(wanted).group_by("label").agg(pl.col("count").sum())
        by_label = dict(found.rows())
        return int(by_label.get(0, 0)), int(by_label.get(1, 0))

    def share_for(self, max_rows: int, days: Collection[date]) -> float:
        """Share of the entities that gives about `max_rows` rows of these days."""
        rows = int(self.counts.filter(pl.col("day").is_in(list(days)))["count"].sum())
        return min(1.0, max_rows / max(rows, 1))


def class_counts(labelled: DataFrame, scored: Scored) -> ClassCounts:
    """Count the labelled rows."""
    counts = labelled.groupBy(day(scored).alias("day"), "group", "label").count()
    return ClassCounts(pl.DataFrame(counts.toArrow()))


def day(scored: Scored) -> Column:
    """The date of a row's time."""
    return f.col(scored.time).cast("date")


def is_train_row(train: Days, every: int, scored: Scored) -> Column:
    """Whether to train on a row: positives on all train days, negatives only on every n-th day.

    Days are counted back from the last one. An entity hardly changes overnight, and both classes
    end up with the same weight however many rows they have, so most negatives would cost time and
    add nothing.
    """
    in_train = day(scored).between(train.first, train.last)
    on_turn = f.date_diff(f.lit(train.last), day(scored)) % every == 0
    return in_train & (on_turn | (f.col("label") == 1))


def evaluation_days(split: Split) -> list[date]:
    """All days used to evaluate a fold or the final model."""
    spans = [split.test, *(fold.validate for fold in split.folds)]
    return sorted({s.first + timedelta(days=n) for s in spans for n in range(s.count)})


def require_enough(found: ClassCounts, split: Split, settings: ModelSettings, words: Words) -> None:
    """Raise `ModelError` if a part has too few rows, too few positives or only one class."""
    for part, days in (("train", split.train), ("test", split.test)):
        negatives, positives = found.of(days)
        rows, where = negatives + positives, f"training, {part} days {days}"
        if min(negatives, positives) == 0:
            got = f"{positives:,} rows of {words.positives} among {rows:,}"
            raise ModelError(where, "rows of both classes", got, _TOO_LITTLE)
        if rows < settings.min_rows:
            raise ModelError(
                where, f"at least {settings.min_rows:,} rows", f"{rows:,}", _TOO_LITTLE
            )
        if positives < settings.min_positives:
            needed = f"at least {settings.min_positives:,} rows of {words.positives}"
            raise ModelError(where, needed, f"{positives:,}", _TOO_LITTLE)
