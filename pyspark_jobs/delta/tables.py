"""Delta tables as declared by their contracts."""

from __future__ import annotations

import deltalake
from deltalake.exceptions import DeltaError
from pyspark.sql import types as t
from pyspark.sql.pandas.types import from_arrow_schema

from lakehouse.contracts import Contract
from lakehouse.errors import StreamError
from lakehouse.kinds import arrow_schema
from lakehouse.names import table_uri
from lakehouse.settings import Settings

CHECKPOINT_EVERY = 25
# Kinds of which Delta keeps the least and greatest value.
_ORDERED = ("string", "int", "long", "date", "timestamp")


def schema(contract: Contract) -> t.StructType:
    """Spark's schema of a contract."""
    return from_arrow_schema(arrow_schema(contract), prefer_timestamp_ntz=False)


def properties(contract: Contract) -> dict[str, str]:
    """Table properties, fixed at creation: statistics on the keys only, large files.

    No deletion vectors, because writers and readers outside Spark do not support them.
    """
    return {
        "delta.dataSkippingStatsColumns": ",".join(with_statistics(contract)),
        "delta.autoOptimize.autoCompact": "true",
        "delta.enableDeletionVectors": "false",
        "delta.enableChangeDataFeed": str(contract.change_feed).lower(),
        "delta.checkpointInterval": str(CHECKPOINT_EVERY),
    }


def with_statistics(contract: Contract) -> list[str]:
    """Columns whose minimum and maximum are kept for each file."""
    keys = {*contract.key, *contract.statistics} - {*contract.partition_by}
    fields = (spec for spec in contract.fields if spec.kind in _ORDERED)
    return [spec.name for spec in fields if spec.name in keys]


def create_missing(settings: Settings, *contracts: Contract) -> None:
    """Create the tables that do not exist yet; existing ones are left unchanged.

    Raises `StreamError` for a table whose log cannot be read.
    """
    for contract in contracts:
        uri = table_uri(settings.lake_uri, contract.name)
        try:
            deltalake.DeltaTable.create(
                uri,
                arrow_schema(contract),
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
