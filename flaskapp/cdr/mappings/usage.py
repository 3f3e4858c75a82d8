"""Files of one line per subscriber and day (or hour): their lines are usage already."""

from __future__ import annotations

import polars as pl

from flaskapp.cdr.mappings import fields
from flaskapp.cdr.mappings.fields import EVENTS, Converted, Options
from flaskapp.cdr.mappings.lines import LINE, REASON
from flaskapp.cdr.mappings.measures import Signs, measure
from flaskapp.cdr.mappings.msisdn import ABSENT, NO_SUBSCRIBER, numbers
from flaskapp.cdr.mappings.spec import FileSpec, NumberSpec
from flaskapp.cdr.mappings.times import moments
from lakehouse.domains.cdr.contracts import LABEL, MEASURE_NAMES

_DATE_REASON, _NUMBER_REASON, _LABEL = "date reason", "number reason", "label text"


def usage(rows: pl.DataFrame, spec: FileSpec, number: NumberSpec, options: Options) -> Converted:
    """The usage in `rows`; measures that the file does not have are 0."""
    parsed = _parsed(rows, spec, number, options)
    label = pl.col(_LABEL).cast(pl.Float64, strict=False)
    unknown = pl.col(_LABEL).is_not_null() & ~label.is_in([0.0, 1.0]).fill_null(False)
    reason = fields.first_reason(
        pl.col(_DATE_REASON),
        fields.range_reason("DP_DATE", options.latest),
        pl.col(_NUMBER_REASON),
        *(fields.measure_reason(name) for name in spec.measures),
        pl.when(unknown).then(pl.lit(f"{LABEL} is neither 0 nor 1")),
    )
    judged = parsed.with_columns(reason)
    good = judged.filter(pl.col(REASON).is_null())
    typed = (pl.col(name).cast(kind) for name, kind in EVENTS.items())
    events = good.select(*typed, label.cast(pl.Int64).alias(LABEL))
    rejects = judged.filter(pl.col(REASON).is_not_null()).select(LINE, REASON)
    return Converted(events, events.height, rejects)


def _parsed(
    rows: pl.DataFrame, spec: FileSpec, number: NumberSpec, options: Options
) -> pl.DataFrame:
    """Typed columns and what is wrong with the date and the number."""
    when = moments(rows, spec.time, "date")
    who = numbers(rows, number, options.key)
    signs = Signs(spec.decimal, spec.thousands)
    nothing = pl.repeat(None, rows.height, dtype=pl.String, eager=True)
    is_labelled = spec.label is not None and spec.label in rows.columns
    label = fields.text(rows, spec.label or "", ABSENT) if is_labelled else nothing
    measures = {name: measure(rows, given, signs) for name, given in spec.measures.items()}
    zero = pl.repeat(0.0, rows.height, eager=True)
    parsed = pl.DataFrame(
        {
            LINE: rows[LINE],
            "DP_DATE": when.first,
            "DP_MSISDN": who.number,
            **{name: measures.get(name, zero) for name in MEASURE_NAMES},
            _LABEL: label,
            _DATE_REASON: when.reason,
            _NUMBER_REASON: who.damage,
        }
    )
    no_number = pl.when(pl.col("DP_MSISDN").is_null()).then(pl.lit(NO_SUBSCRIBER))
    return parsed.with_columns(pl.coalesce(_NUMBER_REASON, no_number).alias(_NUMBER_REASON))
