"""Messages in framed Avro, turned into the JSON that the parser reads.

Each is decoded by the schema that it was written with, which the registry knows by its id. One
whose schema is unknown, or that is no record of it, is refused.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

import polars as pl

from lakehouse.contracts import Contract
from lakehouse.errors import ContractError
from lakehouse.schema_registry import avro_schemas
from lakehouse.schema_registry.client import Address, SchemaClient
from pyspark_jobs.ingest.validation import Validation, refused

REASON = "unknown_schema"
PLACE = ("partition", "offset")
Refused = list[tuple[dict[str, Any], Validation]]


@lru_cache(maxsize=4)
def client_of(address: Address) -> SchemaClient:
    """The client of this process; it keeps the schemas that it has met."""
    return SchemaClient(address)


def has_framed(wire: pl.DataFrame) -> bool:
    """Whether any message begins as a framed one does."""
    return bool(wire["value"].bin.starts_with(b"\0").any())


def split(
    wire: pl.DataFrame, contract: Contract, client: SchemaClient
) -> tuple[pl.DataFrame, Refused]:
    """`wire` with JSON for framed Avro, and the messages that cannot be decoded.

    Raises `NoAnswerError` when the registry does not answer: the messages have to wait.
    """
    moments = {field.name for field in contract.fields if field.kind == "timestamp"}
    values: list[bytes | None] = []
    bad: Refused = []
    for message in wire.iter_rows(named=True):
        value = message["value"]
        if avro_schemas.is_framed(value):
            number = avro_schemas.schema_id(value)
            try:
                value = _as_json(avro_schemas.read(value, client.schema(number)), moments)
            except ContractError as error:
                why = f"expected a record of schema {number}: {error}"
                bad.append((message, refused(REASON, why)))
        values.append(value)
    lost = {(message["partition"], message["offset"]) for message, _ in bad}
    is_good = pl.Series(
        [place not in lost for place in wire.select(PLACE).rows()], dtype=pl.Boolean
    )
    return wire.with_columns(pl.Series("value", values, dtype=pl.Binary)).filter(is_good), bad


def with_raw(parsed: pl.DataFrame, wire: pl.DataFrame) -> pl.DataFrame:
    """Refused rows with their messages as they came, and not as the JSON that was made of them."""
    came = wire.select(*PLACE, came="value")
    joined = parsed.join(came, on=PLACE, how="left", maintain_order="left")
    raw = pl.when(pl.col("reasons").is_not_null()).then("came").otherwise("raw").alias("raw")
    return joined.with_columns(raw).drop("came")


def _as_json(record: Mapping[str, Any], moments: set[str]) -> bytes:
    """A record as JSON; a number in the place of a moment is its milliseconds since 1970."""
    plain = {
        name: datetime.fromtimestamp(value / 1000, UTC)
        if name in moments and isinstance(value, int) and not isinstance(value, bool)
        else value
        for name, value in record.items()
    }
    try:
        return json.dumps(plain, default=_written, allow_nan=False).encode()
    except ValueError:
        raise ContractError.sentence("numbers that JSON cannot hold") from None


def _written(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)
