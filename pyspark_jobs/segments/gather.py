"""Applies a function to the rows of a Spark frame where they are, and brings back what it gives."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
import pyarrow as pa
from pyspark.sql import DataFrame

from lakehouse.models.forest import Floats
from pyspark_jobs.segments.hazard_fit import Gather, Part


def in_tasks(rows: DataFrame) -> Gather:
    """Each partition of the frame as one part, in its task. Cache it: each call reads it."""

    def gather(part: Part) -> list[Floats]:
        def task(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            held = [one for one in batches if len(one)]
            if held:
                found = part(pl.DataFrame(pl.from_arrow(pa.Table.from_batches(held))))
                columns = [
                    pa.array([found.ravel().tolist()]),
                    pa.array([found.shape[1]], pa.int32()),
                ]
                yield pa.RecordBatch.from_arrays(columns, ["sums", "width"])

        done = rows.mapInArrow(task, "sums array<double>, width int").collect()
        return [np.array(one["sums"]).reshape(-1, one["width"]) for one in done]

    return gather
