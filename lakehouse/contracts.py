"""The fields of every topic and table, declared once and independent of any engine.

Spark schemas, MySQL columns, JSON Schemas and checks are derived from these values; no other module
lists columns. What is declared here applies to every domain; a domain's own contracts are in
`lakehouse/domains/<domain>/contracts.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

Kind = Literal[
    "string",
    "int",
    "long",
    "decimal",
    "double",
    "boolean",
    "date",
    "timestamp",
    "binary",
    "longs",
    "doubles",
    "strings",
]
CONTRACT_VERSION = 1
DECIMAL_DIGITS, DECIMAL_PLACES = 18, 3


@dataclass(frozen=True)
class Field:
    """A column: its kind, whether it may be missing, and its bounds.

    A `decimal` is DECIMAL(18, 3): thousandths are exact, so sums do not depend on order. A value
    that does not match `pattern` is rejected with the reason `pattern_reason`. A text may have
    `max_length` characters, any number by default.
    """

    name: str
    kind: Kind
    doc: str
    nullable: bool = False
    minimum: int | None = None
    maximum: int | None = None
    pattern: str | None = None
    pattern_reason: str = "wrong_type"
    max_length: int | None = None


@dataclass(frozen=True)
class Contract:
    """The fields of a topic or table, its key, and its partition columns.

    `statistics` names the columns, besides the key, whose minimum and maximum each file records.
    A table with `bucket_by` has a column `bucket`, a hash of that column modulo the table's number
    of buckets. Rows older than `keep_days`, by the first partition column, are deleted in
    maintenance.
    """

    name: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    partition_by: tuple[str, ...] = ()
    change_feed: bool = False
    version: int = CONTRACT_VERSION
    statistics: tuple[str, ...] = ()
    bucket_by: str | None = None
    keep_days: int | None = None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all fields, in order."""
        return tuple(field.name for field in self.fields)

    def field(self, name: str) -> Field:
        """The field called `name`; `KeyError` when there is none."""
        return {field.name: field for field in self.fields}[name]


# Where a message stood in Kafka, and which micro-batch took it in.
WIRE = (
    Field("topic", "string", "Kafka topic"),
    Field("partition", "int", "Kafka partition"),
    Field("offset", "long", "Kafka offset"),
    Field("kafka_timestamp", "timestamp", "broker's timestamp of the message"),
)
BATCH = (
    Field("batch_id", "long", "micro-batch that wrote the row"),
    Field("ingested_at", "timestamp", "moment of ingestion, UTC"),
)
# Rows of one entity are always in the same bucket, so a task that has a bucket has all of them.
BUCKET = Field("bucket", "int", "hash of the entity, modulo the table's number of buckets")
# Of a table of changed features: a change of one version is in a later one.
BASE_VERSION = Field("base_version", "long", "version of the features before the change")
EXTRAS = Field("extras", "string", "unknown fields as JSON", nullable=True)
# Why a message is refused; a domain adds reasons of its own.
REASONS = (
    "not_json",
    "unknown_schema",
    "not_object",
    "missing_field",
    "wrong_type",
    "out_of_range",
    "bad_date",
    "too_late",
    "too_large",
    "not_judged",
)


def quarantine(name: str) -> Contract:
    """Contract of the table that keeps the rejected messages of a topic, unchanged."""
    return Contract(
        name,
        (
            Field("reasons", "string", "broken rules, comma-separated, from the closed list"),
            Field("detail", "string", "what was needed and what came", nullable=True),
            Field("key", "binary", "message key, as it came", nullable=True),
            Field("raw", "binary", "message value, as it came", nullable=True),
            *WIRE,
            *BATCH,
        ),
        key=("topic", "partition", "offset"),
    )


def bronze(name: str, message: Contract, *derived: Field) -> Contract:
    """Contract of the table that keeps the accepted messages of a topic.

    It has the message's fields, any undeclared fields as JSON, the `derived` fields, and the
    message's position in Kafka.
    """
    fields = (*message.fields, EXTRAS, *derived, *WIRE, *BATCH)
    statistics = tuple(field.name for field in derived)
    return Contract(name, fields, ("topic", "partition", "offset"), statistics=statistics)


# A reason is a feature, and whether it raises the score; null for a model that gives none.
_REASONS = tuple(
    field
    for rank in ("1", "2", "3")
    for field in (
        Field(f"reason_{rank}", "string", f"feature that moved the score most, {rank}", True),
        Field(f"reason_{rank}_raises", "boolean", "whether it raised the score", True),
    )
)
_SPOKEN = (
    Field("features_str", "string", "features of the row as JSON, in the model's order"),
    Field("reasons", "string", "three strongest reasons as JSON", nullable=True),
)


def published(contract: Contract) -> Contract:
    """The contract of a table's rows in MySQL and in messages.

    Features and reasons of predictions are JSON there, under the names that users know; the bucket
    is left out. Other tables are published as they are.
    """
    if "feature_names" not in contract.names:
        return contract
    light = {"feature_names", "features", BUCKET.name, *(field.name for field in _REASONS)}
    at = contract.names.index("feature_names")
    kept = (*contract.fields[:at], *_SPOKEN, *contract.fields[at:])
    return replace(contract, fields=tuple(field for field in kept if field.name not in light))


def predictions(
    name: str,
    key: tuple[Field, ...],
    label: Field,
    partition_by: tuple[str, ...] = (),
    bucket_by: str | None = None,
) -> Contract:
    """Contract of a table of predictions: one row for each key and version of the model.

    `key` identifies entity and time; `label` is the outcome, null until known. With `bucket_by`,
    the table has buckets, which the partition columns should include.
    """
    return Contract(
        name,
        (
            *key,
            replace(label, nullable=True),
            Field("prediction", "int", "1 when probability_1 reaches the model's threshold"),
            Field("probability_0", "double", "calibrated probability of the negative class"),
            Field("probability_1", "double", "calibrated probability of the positive class"),
            Field("rawPrediction_0", "double", "raw score for the negative class"),
            Field("rawPrediction_1", "double", "raw score for the positive class"),
            Field("feature_names", "string", "the model's features, in order, comma-separated"),
            Field("features", "doubles", "features of the row, in that order"),
            *_REASONS,
            Field("model_version", "int", "version in the registry"),
            Field("run_id", "string", "training run of that version"),
            Field("scored_at", "timestamp", "moment of scoring, UTC"),
            Field("last_emitted_at", "timestamp", "latest event behind the row", nullable=True),
            *((BUCKET,) if bucket_by else ()),
        ),
        key=(*(field.name for field in reversed(key)), "model_version"),
        partition_by=partition_by,
        change_feed=True,
        bucket_by=bucket_by,
    )
