"""The train rows of one training in the compact form that Spark's tasks grow trees from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as f

from lakehouse.domain import Scored
from lakehouse.models import scoring
from lakehouse.models.forest import Floats
from pyspark_jobs.training import bins
from pyspark_jobs.training.bins import Bins, Cuts
from pyspark_jobs.training.sample import ClassCounts, day
from pyspark_jobs.training.split import Days, Fold

_EPOCH = date(1970, 1, 1).toordinal()
_PLACES = 10_000
_SCHEMA = "entity string, time string, day int, `group` int, label int, bins binary"


@dataclass(frozen=True)
class TrainRows:
    """Bins, label, day since 1970 and group of each row, and the thresholds behind the bins."""

    bins: Bins
    label: npt.NDArray[np.int8]
    day: npt.NDArray[np.int32]
    group: npt.NDArray[np.int32]
    cuts: Cuts

    def of(self, fold: Fold) -> TrainRows:
        """The rows that a fold fits on."""
        first, last = (_number(at) for at in (fold.fit.first, fold.fit.last))
        chosen = (self.day >= first) & (self.day <= last)
        if fold.group is not None:
            chosen &= self.group != fold.group
        parts = {name: getattr(self, name)[chosen] for name in ("bins", "label", "day", "group")}
        return replace(self, **parts)

    def class_counts(self) -> ClassCounts:
        """How many rows of each label there are, by day and group."""
        columns = {name: getattr(self, name) for name in ("day", "group", "label")}
        rows = pl.DataFrame(columns).with_columns(pl.col("day").cast(pl.Date))
        return ClassCounts(rows.group_by("day", "group", "label").len("count"))


def from_arrays(rows: Floats, label: npt.NDArray[np.int64]) -> tuple[TrainRows, Fold]:
    """Rows without days or groups, and the fold that fits on all of them."""
    cuts, nothing = bins.find_cuts(rows), np.zeros(len(rows), np.int32)
    everything = Days(date(1970, 1, 1), date(1970, 1, 1))
    train = TrainRows(bins.binned(rows, cuts), label.astype(np.int8), nothing, nothing, cuts)
    return train, Fold(everything, everything)


def some_rows(rows: DataFrame, most: int, scored: Scored) -> DataFrame:
    """About `most` of the rows, always the same ones, with each entity and time on its own."""
    share = min(1.0, most / max(rows.count(), 1))
    place = f.pmod(f.xxhash64(scored.entity, scored.time, f.lit("some")), f.lit(_PLACES))
    return rows.where(place < int(np.ceil(share * _PLACES)))


def collect(rows: DataFrame, features: tuple[str, ...], cuts: Cuts, scored: Scored) -> TrainRows:
    """The rows with their features binned in Spark's tasks, in order of entity and time.

    `rows` has entity, time, `group`, `label` and the features. The order does not depend on how
    Spark has cut the rows into partitions, and so neither does a forest grown from them.
    """
    told = ["entity", "time", "day", "group", "label", "bins"]

    def bin_rows(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            frame = pl.DataFrame(pa.Table.from_batches([batch]))
            found = bins.binned(scoring.matrix(frame, features), cuts)
            buffers = [None, pa.py_buffer(found)]
            packed = pa.Array.from_buffers(pa.binary(len(features)), len(found), buffers)
            columns = [*batch.columns[: len(told) - 1], packed.cast(pa.binary())]
            yield pa.RecordBatch.from_arrays(columns, names=told)

    key = (f.col(name).cast("string").alias(f"_{name}") for name in (scored.entity, scored.time))
    whole = (f.unix_date(day(scored)), f.col("group").cast("int"), f.col("label").cast("int"))
    found = rows.select(*key, *whole, *features).mapInArrow(bin_rows, _SCHEMA).toArrow()
    table = pl.DataFrame(found).sort(told)
    joined = b"".join(table["bins"].to_list())
    return TrainRows(
        np.frombuffer(joined, np.uint8).reshape(len(table), len(features)),
        table["label"].to_numpy().astype(np.int8),
        table["day"].to_numpy(),
        table["group"].to_numpy(),
        cuts,
    )


def _number(at: date) -> int:
    return at.toordinal() - _EPOCH
