"""Turns days of some subscribers into dense rows of gold with all their features."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from lakehouse.domains.cdr.contracts import PROCESSED_COLUMNS
from lakehouse.domains.cdr.features import feature_list
from pyspark_jobs.cdr.block import DenseDays, Span
from pyspark_jobs.cdr.kernels import KERNELS


def dense_rows(days: pl.DataFrame, span: Span) -> pl.DataFrame:
    """Rows of gold, with amounts still in thousandths, from all days of some subscribers."""
    block = DenseDays.of(days, span)
    time, user = np.nonzero(block.wanted)
    columns: dict[str, pl.Series | npt.NDArray[np.generic]] = {
        "Date": block.dates[time],
        "User": block.users.gather(user),
    }
    lead = block.lead
    for name, measure in PROCESSED_COLUMNS.items():
        columns[name] = block.amounts[block.row[measure], lead:][time, user]
    for feature in feature_list(span.windows):
        columns[feature.name] = KERNELS[feature.family](block, feature)[time, user]
    columns["emitted_us"] = block.emitted[lead:][time, user]
    return pl.DataFrame(columns)
