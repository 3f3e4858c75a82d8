"""Files of one line per subscriber and day (or hour): their lines are usage already."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from flaskapp.cdr.mappings import fields
from flaskapp.cdr.mappings.fields import Converted
from flaskapp.cdr.mappings.lines import LINE
from flaskapp.cdr.mappings.spec import FileSpec, NumberSpec
from lakehouse.domains.cdr.contracts import LABEL, MEASURE_NAMES


def usage(rows: pl.DataFrame, spec: FileSpec, number: NumberSpec, latest: datetime) -> Converted:
    """The usage in `rows`; measures that the file does not have are 0, moments end at `latest`."""
    labelled = spec.label is not None and spec.label in rows.columns
    parsed = rows.select(
        LINE,
        fields.moment(spec.time).alias("DP_DATE"),
        fields.number(number).alias("DP_MSISDN"),
        *(fields.measure(given).alias(name) for name, given in spec.measures.items()),
        *(pl.lit(0.0).alias(name) for name in MEASURE_NAMES if name not in spec.measures),
        (fields.text(spec.label or "") if labelled else pl.lit(None, pl.String)).alias(LABEL),
    )
    label = pl.col(LABEL).cast(pl.Float64, strict=False)
    unknown = pl.col(LABEL).is_not_null() & ~label.is_in([0.0, 1.0]).fill_null(False)
    reason = fields.first_reason(
        fields.date_reason("DP_DATE", latest),
        fields.number_reason("DP_MSISDN"),
        *(fields.measure_reason(name) for name in spec.measures),
        pl.when(unknown).then(pl.lit(f"{LABEL} is neither 0 nor 1")),
    )
    return fields.split(parsed.with_columns(reason), label.cast(pl.Int64).alias(LABEL))
