"""Messages to typed rows, a batch at once: in bulk what is plainly good, one by one the rest.

The bulk reader takes a whole batch at once and accepts a row only if every condition of the
contract holds; whatever is left goes to the validate in `quality`.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from lakehouse.contracts import Contract, Field, Kind
from pyspark_jobs.ingest import fast_json
from pyspark_jobs.ingest.validation import (
    EARLIEST_YEAR,
    FUTURE_TOLERANCE,
    Row,
    Rules,
    Validation,
    validate,
)

# Columns of the Kafka source under the names that the tables give them.
WIRE = ("topic", "partition", "offset", "kafka_timestamp")
VIOLATION_COLUMNS = ("reasons", "detail", "key", "raw")

_STORED_AS: dict[Kind, pl.DataType] = {
    "string": pl.String(),
    "int": pl.Int32(),
    "long": pl.Int64(),
    "decimal": pl.Decimal(18, 3),
    "timestamp": pl.Datetime("us", "UTC"),
    "date": pl.Date(),
    "binary": pl.Binary(),
}


def parsed_fields(table: Contract) -> tuple[Field, ...]:
    """Columns that the parser yields: what a message determines of `table`, and its violations.

    A row of an accepted message has no `reasons`; a refused message is one row with `reasons`.
    """
    of_message = (f for f in table.fields if f.name not in ("batch_id", "ingested_at"))
    violations = (
        Field(name, "binary" if name in ("key", "raw") else "string", "see the quarantine")
        for name in VIOLATION_COLUMNS
    )
    return tuple(replace(spec, nullable=True) for spec in (*of_message, *violations))


def parse(wire: pl.DataFrame, rules: Rules, table: Contract) -> pl.DataFrame:
    """Rows and violations of messages: `wire` has `key`, `value` and the columns of `WIRE`."""
    schema = {spec.name: _STORED_AS[spec.kind] for spec in parsed_fields(table)}
    good, odd = read_bulk(wire, rules)
    frames = [_conform(good.drop("key", "value"), schema)]
    if not odd.is_empty():
        frames.append(validate_each(odd, rules, schema))
    return pl.concat(frames)


def read_bulk(wire: pl.DataFrame, rules: Rules) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split `wire` into rows that are good beyond doubt, typed, and messages for the validate."""
    found = fast_json.read(wire["value"], rules.contract)
    typed = wire.with_columns(*found.columns, is_plain=found.is_plain).with_columns(_dated(rules))
    accepted = typed.select(_acceptable(rules).fill_null(False)).to_series()
    if accepted.all():
        return typed.drop("is_plain"), wire.clear()
    return typed.filter(accepted).drop("is_plain"), wire.filter(~accepted)


def validate_each(odd: pl.DataFrame, rules: Rules, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """Rows of accepted messages and one violation row for each refused one."""
    rows: list[Row] = []
    for message in odd.iter_rows(named=True):
        wire = {name: message[name] for name in WIRE}
        result = validate(message["value"], message["kafka_timestamp"], rules)
        rows.extend(wire | row for row in result.rows)
        if result.violations:
            rows.append(wire | _fault_row(message, result))
    floats = {n: pl.Float64() if isinstance(d, pl.Decimal) else d for n, d in schema.items()}
    return _conform(pl.DataFrame(rows, schema=floats), schema)


def _fault_row(message: Row, result: Validation) -> Row:
    key, raw = message["key"], message["value"]
    return {"reasons": result.reasons, "detail": result.detail, "key": key, "raw": raw}


def _dated(rules: Rules) -> list[pl.Expr]:
    if rules.dated_by is None:
        return []
    return [pl.col(rules.dated_by).dt.convert_time_zone(rules.timezone).dt.date().alias("Date")]


def _acceptable(rules: Rules) -> pl.Expr:
    small = pl.col("value").bin.size() <= rules.max_bytes
    conditions = [pl.col("is_plain"), small, *(_within(spec) for spec in rules.contract.fields)]
    if rules.dated_by is not None:
        moment, day = pl.col(rules.dated_by), pl.col("Date")
        conditions.append(moment <= pl.col("kafka_timestamp") + FUTURE_TOLERANCE)
        conditions.append(day.dt.year() >= EARLIEST_YEAR)
        if rules.oldest is not None:
            conditions.append(day >= rules.oldest)
    if "known_at" in rules.contract.names:
        conditions.append(pl.col("known_at") > pl.col("date"))
    if rules.subscribers is not None:
        conditions.append(pl.col("DP_MSISDN").is_in(sorted(rules.subscribers)))
    return pl.all_horizontal(conditions)


def _within(spec: Field) -> pl.Expr:
    column = pl.col(spec.name)
    condition = column.is_not_null()
    if spec.pattern is not None:
        condition &= column.str.contains(spec.pattern)
    if spec.minimum is not None:
        condition &= column >= spec.minimum
    if spec.maximum is not None:
        condition &= column <= spec.maximum
    return condition


def _conform(frame: pl.DataFrame, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    columns = [
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in schema.items()
    ]
    return frame.select(columns)
