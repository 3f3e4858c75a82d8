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
    that does not match `pattern` is rejected with the reason `pattern_reason`.
    """

    name: str
    kind: Kind
    doc: str
    nullable: bool = False
    minimum: int | None = None
    maximum: int | None = None
    pattern: str | None = None
    pattern_reason: str = "wrong_type"


@dataclass(frozen=True)
class Contract:
    """The fields of a topic or table, its key, and its partition columns.

    `statistics` names the columns, besides the key, whose minimum and maximum each file records.
    """

    name: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    partition_by: tuple[str, ...] = ()
    change_feed: bool = False
    version: int = CONTRACT_VERSION
    statistics: tuple[str, ...] = ()

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


def predictions(
    name: str, key: tuple[Field, ...], label: Field, partition_by: tuple[str, ...] = ()
) -> Contract:
    """Contract of a table of predictions: one row for each key and version of the model.

    `key` identifies the entity and the time of the prediction; `label` is the outcome (null until
    known).
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
            Field("features_str", "string", "features of the row as JSON, in the model's order"),
            Field("reasons", "string", "three strongest reasons as JSON", nullable=True),
            Field("model_version", "int", "version in the registry"),
            Field("run_id", "string", "training run of that version"),
            Field("scored_at", "timestamp", "moment of scoring, UTC"),
            Field(
                "last_emitted_at",
                "timestamp",
                "latest event behind the row, for latency",
                nullable=True,
            ),
        ),
        key=(*(field.name for field in reversed(key)), "model_version"),
        partition_by=partition_by,
        change_feed=True,
    )
