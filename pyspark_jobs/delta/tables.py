"""Delta tables as their contracts declare them."""

from __future__ import annotations

import deltalake
import pyarrow as pa
from deltalake.exceptions import DeltaError
from pyspark.sql import types as t

from lakehouse.contracts import Contract, Kind
from lakehouse.errors import StreamError
from lakehouse.names import table_uri
from lakehouse.settings import Settings

CHECKPOINT_EVERY = 25
TYPES: dict[Kind, t.DataType] = {
    "string": t.StringType(),
    "int": t.IntegerType(),
    "long": t.LongType(),
    "decimal": t.DecimalType(18, 3),
    "double": t.DoubleType(),
    "boolean": t.BooleanType(),
    "date": t.DateType(),
    "timestamp": t.TimestampType(),
    "binary": t.BinaryType(),
    "longs": t.ArrayType(t.LongType(), containsNull=False),
}
ARROW: dict[Kind, pa.DataType] = {
    "string": pa.string(),
    "int": pa.int32(),
    "long": pa.int64(),
    "decimal": pa.decimal128(18, 3),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "binary": pa.binary(),
    "longs": pa.list_(pa.field("element", pa.int64(), nullable=False)),
}


def schema(contract: Contract) -> t.StructType:
    """Spark's schema of a contract."""
    fields = [t.StructField(f.name, TYPES[f.kind], f.nullable) for f in contract.fields]
    return t.StructType(fields)


def properties(contract: Contract) -> dict[str, str]:
    """Table properties, fixed at creation: statistics on the keys only, files kept large.

    No deletion vectors: writers and readers outside of Spark (`rows`, the mirror) lack them.
    """
    return {
        "delta.dataSkippingStatsColumns": ",".join(with_statistics(contract)),
        "delta.autoOptimize.autoCompact": "true",
        "delta.enableDeletionVectors": "false",
        "delta.enableChangeDataFeed": str(contract.change_feed).lower(),
        "delta.checkpointInterval": str(CHECKPOINT_EVERY),
    }


def with_statistics(contract: Contract) -> list[str]:
    """Columns whose least and greatest value is kept for each file: the keys, and the date."""
    keys = {*contract.key, "Date", "date"} - {*contract.partition_by}
    return [name for name in contract.names if name in keys]


def create_missing(settings: Settings, *contracts: Contract) -> None:
    """Create the tables that are not there yet; existing ones stay as they are.

    Raises `StreamError` for a table whose log cannot be read.
    """
    for contract in contracts:
        fields = [pa.field(f.name, ARROW[f.kind], f.nullable) for f in contract.fields]
        uri = table_uri(settings.lake_uri, contract.name)
        try:
            deltalake.DeltaTable.create(
                uri,
                pa.schema(fields),
                mode="ignore",
                partition_by=list(contract.partition_by),
                configuration=properties(contract),
                storage_options=settings.lake_options,
                raise_if_key_not_exists=False,
            )
        except DeltaError as error:
            raise StreamError(
                f"{uri}/_delta_log",
                "a log that can be read",
                str(error).splitlines()[0],
                "restore the lake, see docs/operations.md",
            ) from None
