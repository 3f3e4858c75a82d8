"""Messages to typed rows, in Arrow batches: in bulk what is plainly good, one by one the rest.

The bulk reader decodes a whole batch of JSON lines at once and accepts a row only if every
condition of the contract holds; whatever is left goes to the judge in `quality`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import msgspec
import polars as pl
import pyarrow as pa

from lakehouse.contracts import Contract, Field, Kind
from pyspark_jobs.cdr.quality import EARLIEST_YEAR, FUTURE_TOLERANCE, Judgement, Row, Rules, judge
from pyspark_jobs.tables import ARROW

# Columns of the Kafka source under the names that the tables give them.
WIRE = ("topic", "partition", "offset", "kafka_timestamp")
FAULT_COLUMNS = ("reasons", "detail", "key", "raw")

_READ_AS: dict[Kind, pl.DataType] = {
    "string": pl.String(),
    "int": pl.Int64(),
    "long": pl.Int64(),
    "decimal": pl.Float64(),
    "timestamp": pl.String(),
    "date": pl.String(),
}
_STORED_AS: dict[Kind, pl.DataType] = {
    "string": pl.String(),
    "int": pl.Int32(),
    "long": pl.Int64(),
    "decimal": pl.Decimal(18, 3),
    "timestamp": pl.Datetime("us", "UTC"),
    "date": pl.Date(),
    "binary": pl.Binary(),
}
_MOMENT = pl.Datetime("us", "UTC")

BatchParser = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]


def parsed_fields(table: Contract) -> tuple[Field, ...]:
    """Columns that the parser yields: those of `table` that a message determines, and the faults.

    A row of an accepted message has no `reasons`; a refused message is one row with `reasons`.
    """
    of_message = (f for f in table.fields if f.name not in ("batch_id", "ingested_at"))
    faults = (
        Field(name, "binary" if name in ("key", "raw") else "string", "see the quarantine")
        for name in FAULT_COLUMNS
    )
    return tuple(replace(spec, nullable=True) for spec in (*of_message, *faults))


def batch_parser(rules: Rules, table: Contract) -> BatchParser:
    """A function for `mapInArrow`: batches of messages in, batches of `parsed_fields` out."""

    def parse_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield from parse(pl.DataFrame(pl.from_arrow(batch)), rules, table)

    return parse_batches


def parse(wire: pl.DataFrame, rules: Rules, table: Contract) -> list[pa.RecordBatch]:
    """Rows and faults of messages: `wire` has `key`, `value` and the columns of `WIRE`."""
    schema = {spec.name: _STORED_AS[spec.kind] for spec in parsed_fields(table)}
    good, odd = read_bulk(wire, rules)
    frames = [_conform(good.drop("key", "value"), schema)]
    if not odd.is_empty():
        frames.append(judge_each(odd, rules, schema))
    target = pa.schema([(f.name, ARROW[f.kind]) for f in parsed_fields(table)])
    return list(pl.concat(frames).to_arrow().cast(target).to_batches())


def read_bulk(wire: pl.DataFrame, rules: Rules) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split `wire` into rows that are good beyond doubt, typed, and messages for the judge."""
    wire = wire.with_columns(_decode(wire["value"]).alias("text"))
    plain = wire.select(_looks_plain(rules).fill_null(False)).to_series()
    lines = wire.filter(plain)
    values = _read_lines(lines["text"], rules.contract)
    typed = pl.concat([lines.drop("text"), values], how="horizontal")
    typed = typed.with_columns(_typed(rules)).with_columns(_dated(rules))
    accepted = typed.select(_acceptable(rules).fill_null(False)).to_series()
    odd = pl.concat([wire.filter(~plain).drop("text"), lines.filter(~accepted).drop("text")])
    return typed.filter(accepted), odd


def judge_each(odd: pl.DataFrame, rules: Rules, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """Rows of accepted messages and one fault row for each refused one."""
    rows: list[Row] = []
    for message in odd.iter_rows(named=True):
        wire = {name: message[name] for name in WIRE}
        result = judge(message["value"], message["kafka_timestamp"], rules)
        rows.extend(wire | row for row in result.rows)
        if result.faults:
            rows.append(wire | _fault_row(message, result))
    floats = {n: pl.Float64() if isinstance(d, pl.Decimal) else d for n, d in schema.items()}
    return _conform(pl.DataFrame(rows, schema=floats), schema)


def _fault_row(message: Row, result: Judgement) -> Row:
    key, raw = message["key"], message["value"]
    return {"reasons": result.reasons, "detail": result.detail, "key": key, "raw": raw}


def _decode(raw: pl.Series) -> pl.Series:
    try:
        return raw.cast(pl.String)
    except pl.exceptions.ComputeError:  # some message is not UTF-8: find out which
        return pl.Series([_decode_one(value) for value in raw], dtype=pl.String)


def _decode_one(raw: bytes | None) -> str | None:
    try:
        return None if raw is None else raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _looks_plain(rules: Rules) -> pl.Expr:
    """One JSON object on one line, with exactly as many members as the contract has fields."""
    text = pl.col("text")
    small = text.str.len_bytes() <= rules.max_bytes
    one_line = ~text.str.contains_any(["\n", "\r"])
    members = text.str.count_matches('":', literal=True) == len(rules.contract.fields)
    return small & one_line & members & text.str.starts_with("{") & text.str.ends_with("}")


def _read_lines(lines: pl.Series, contract: Contract) -> pl.DataFrame:
    """Values of JSON lines; null where the type is another, all null where a line is broken."""
    try:
        return _decode_lines(lines, contract)
    except pl.exceptions.ComputeError:  # a broken line spoils its whole block: leave it out
        whole = pl.Series([line if _is_json(line) else "{}" for line in lines], dtype=pl.String)
        return _decode_lines(whole, contract)


def _decode_lines(lines: pl.Series, contract: Contract) -> pl.DataFrame:
    schema = {spec.name: _READ_AS[spec.kind] for spec in contract.fields}
    if lines.is_empty():
        return pl.DataFrame(schema=schema)
    body = lines.str.join("\n").item().encode()
    return pl.read_ndjson(body, schema=schema, ignore_errors=True)


def _is_json(line: str) -> bool:
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _typed(rules: Rules) -> list[pl.Expr]:
    moments = [f.name for f in rules.contract.fields if f.kind == "timestamp"]
    dates = [f.name for f in rules.contract.fields if f.kind == "date"]
    return [
        *(
            pl.col(n).str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
            for n in moments
        ),
        *(pl.col(n).str.to_date("%Y-%m-%d", strict=False) for n in dates),
    ]


def _dated(rules: Rules) -> list[pl.Expr]:
    if rules.dated_by is None:
        return []
    return [pl.col(rules.dated_by).dt.convert_time_zone(rules.timezone).dt.date().alias("Date")]


def _acceptable(rules: Rules) -> pl.Expr:
    conditions = [_within(spec) for spec in rules.contract.fields]
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
