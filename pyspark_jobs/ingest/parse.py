"""Messages to typed rows, a batch at a time: good ones in bulk, the rest one by one.

The fast reader handles a whole batch at once and accepts a row only if every condition of the
contract holds; the rest goes to `validation`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import polars as pl

from lakehouse import contracts
from lakehouse.contracts import BATCH, Contract, Field
from lakehouse.kinds import KINDS
from pyspark_jobs.ingest import fast_json
from pyspark_jobs.ingest.rules import FieldCheck, Rules
from pyspark_jobs.ingest.validation import Row, Validation, refused, validate

# Columns of the Kafka source under the names that the tables give them.
WIRE = tuple(spec.name for spec in contracts.WIRE)
VIOLATION_COLUMNS = ("reasons", "detail", "key", "raw")
_OF_BATCH = tuple(spec.name for spec in BATCH)
Schema = dict[str, pl.DataType]


def parsed_fields(table: Contract) -> tuple[Field, ...]:
    """Columns that the parser yields: those of `table` that a message determines, and violations.

    A row of an accepted message has no `reasons`; a refused message is one row with `reasons`.
    """
    of_message = (spec for spec in table.fields if spec.name not in _OF_BATCH)
    violations = (
        Field(name, "binary" if name in ("key", "raw") else "string", "see the quarantine")
        for name in VIOLATION_COLUMNS
    )
    return tuple(replace(spec, nullable=True) for spec in (*of_message, *violations))


def parse(wire: pl.DataFrame, rules: Rules, table: Contract) -> pl.DataFrame:
    """Rows and violations of messages: `wire` has `key`, `value` and the columns of `WIRE`."""
    schema = {spec.name: KINDS[spec.kind].polars for spec in parsed_fields(table)}
    good, left = read_bulk(wire, rules)
    frames = [_conform(good.drop("key", "value"), schema)]
    if not left.is_empty():
        frames.append(validate_each(left, rules, schema))
    return pl.concat(frames)


def read_bulk(wire: pl.DataFrame, rules: Rules) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split `wire` into typed rows that are certainly good, and messages to be validated."""
    found = fast_json.read(wire["value"], rules.contract)
    read = wire.with_columns(*found.columns, found.extras, is_read=found.is_read)
    acceptable = read.select(pl.all_horizontal(_fields_hold(rules)).fill_null(False)).to_series()
    dated = read.with_columns(_event_date(rules, acceptable))
    acceptable &= dated.select(pl.all_horizontal(_rules_hold(rules))).to_series()
    if rules.known is not None and rules.feed.entity is not None:
        known = rules.known
        acceptable &= pl.Series([who in known for who in read[rules.feed.entity]], dtype=pl.Boolean)
    rows = dated.drop("is_read")
    if acceptable.all():
        return rows, wire.clear()
    return rows.filter(acceptable), wire.filter(~acceptable)


def validate_each(wire: pl.DataFrame, rules: Rules, schema: Schema) -> pl.DataFrame:
    """Rows of accepted messages and one violation row for each refused one."""
    judged = [(message, validate(message["value"], rules)) for message in _messages(wire)]
    try:
        return _frame([row for one in judged for row in _rows(*one)], schema)
    except (pl.exceptions.PolarsError, ValueError, TypeError, OverflowError):
        # A row that no column can hold; only its message is to suffer.
        frames = [_frame_of(message, result, schema) for message, result in judged]
        return pl.concat(frames)


def refusals(messages: Sequence[tuple[Row, Validation]], table: Contract) -> pl.DataFrame:
    """One violation row for each of these messages, in the columns that `parse` gives."""
    schema = {spec.name: KINDS[spec.kind].polars for spec in parsed_fields(table)}
    return _frame([row for one in messages for row in _rows(*one)], schema)


def _frame_of(message: Row, result: Validation, schema: Schema) -> pl.DataFrame:
    try:
        return _frame(list(_rows(message, result)), schema)
    except (pl.exceptions.PolarsError, ValueError, TypeError, OverflowError) as error:
        unfit = refused("not_judged", f"expected values that a table can hold, but got {error!r}")
        return _frame(list(_rows(message, unfit)), schema)


def _messages(wire: pl.DataFrame) -> Iterator[Row]:
    yield from wire.iter_rows(named=True)


def _rows(message: Row, result: Validation) -> Iterator[Row]:
    wire = {name: message[name] for name in WIRE}
    if result.violations:
        key, raw = message["key"], message["value"]
        why = {"reasons": result.reasons, "detail": result.detail}
        yield {**wire, **why, "key": key, "raw": raw}
    for row in result.rows:
        yield wire | row


def _frame(rows: list[Row], schema: Schema) -> pl.DataFrame:
    # By columns: polars takes three times as long over a list of rows.
    return pl.DataFrame(
        [pl.Series(name, [row.get(name) for row in rows], dtype) for name, dtype in schema.items()]
    )


def _event_date(rules: Rules, acceptable: pl.Series) -> list[pl.Expr]:
    """The calendar date of the event time; null if the time is out of bounds."""
    if rules.feed.event_time is None:
        return []
    moment = pl.when(acceptable).then(pl.col(rules.feed.event_time))
    day = moment.dt.convert_time_zone(rules.timezone).dt.date()
    return [day.alias(rules.feed.event_date or "event_date")]


def _fields_hold(rules: Rules) -> list[pl.Expr]:
    small = pl.col("value").bin.size() <= rules.max_bytes
    return [pl.col("is_read"), small, *map(_field_holds, rules.checks)]


def _rules_hold(rules: Rules) -> list[pl.Expr]:
    feed, conditions = rules.feed, [pl.lit(True)]
    if feed.event_time is not None and rules.oldest is not None:
        conditions.append(pl.col(feed.event_date or "event_date") >= rules.oldest)
    conditions.extend(pl.col(later) > pl.col(earlier) for earlier, later in feed.ordered)
    return [condition.fill_null(True) for condition in conditions]


def _field_holds(check: FieldCheck) -> pl.Expr:
    column = pl.col(check.spec.name)
    condition = pl.lit(True)
    if check.spec.pattern is not None:
        condition &= column.str.contains(f"^(?:{check.spec.pattern})$")
    if check.low is not None:
        measured = column.str.len_chars() if check.spec.kind == "string" else column
        condition &= measured.is_between(check.low, check.high)
    return condition.fill_null(True) if check.spec.nullable else condition & column.is_not_null()


def _conform(frame: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    columns = [
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in schema.items()
    ]
    return frame.select(columns)
