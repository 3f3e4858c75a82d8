"""Delta tables as declared by their contracts."""

from __future__ import annotations

import deltalake
from deltalake.exceptions import DeltaError
from pyspark.sql import types as t
from pyspark.sql.pandas.types import from_arrow_schema

from lakehouse import damage
from lakehouse.contracts import Contract
from lakehouse.errors import StreamError
from lakehouse.kinds import arrow_schema
from lakehouse.names import table_uri
from lakehouse.settings import Settings

CHECKPOINT_EVERY = 25
BUCKETS, KEEP_DAYS = "cdrlake.buckets", "cdrlake.keepDays"
# Kinds of which Delta keeps the least and greatest value.
_ORDERED = ("string", "int", "long", "date", "timestamp")


def schema(contract: Contract) -> t.StructType:
    """Spark's schema of a contract."""
    return from_arrow_schema(arrow_schema(contract), prefer_timestamp_ntz=False)


def properties(contract: Contract, buckets: int = 1) -> dict[str, str]:
    """Table properties, fixed at creation: statistics on the keys only, large files.

    No deletion vectors, because writers and readers outside Spark do not support them.
    """
    own = {BUCKETS: str(buckets)} if contract.bucket_by else {}
    if contract.keep_days is not None:
        own[KEEP_DAYS] = str(contract.keep_days)
    return own | {
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

    Raises `StreamError` for a table whose log cannot be read, or that an earlier version has made
    with other partition columns.
    """
    for contract in contracts:
        uri = table_uri(settings.lake_uri, contract.name)
        try:
            deltalake.DeltaTable.create(
                uri,
                arrow_schema(contract),
                mode="ignore",
                partition_by=list(contract.partition_by),
                configuration=properties(contract, settings.spark.buckets),
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
        _refuse_other_layout(uri, contract, settings.lake_options)


def buckets(settings: Settings, *contracts: Contract) -> int:
    """The number of buckets that all of these tables were made with.

    Raises `StreamError` when they differ.
    """
    found = {
        contract.name: _buckets(table_uri(settings.lake_uri, contract.name), settings.lake_options)
        for contract in contracts
    }
    if len(set(found.values())) > 1:
        raise StreamError(
            "tables that one query reads and writes",
            "the same number of buckets in all of them",
            ", ".join(f"{number} in {name}" for name, number in found.items()),
            "move all of these tables away, and they are made again with spark.buckets buckets",
        )
    return next(iter(found.values()))


def _buckets(uri: str, options: dict[str, str]) -> int:
    table = damage.open_log(uri, options)
    return int(table.metadata().configuration.get(BUCKETS) or 1)


def _refuse_other_layout(uri: str, contract: Contract, options: dict[str, str]) -> None:
    table = damage.open_log(uri, options)
    stored, missing = table.metadata().partition_columns, _missing(table, contract)
    if tuple(stored) == contract.partition_by and not missing:
        return
    needed = f"the columns {', '.join(contract.names)}" if missing else "its partition columns"
    raise StreamError(
        uri,
        f"{needed}, partitioned by {', '.join(contract.partition_by) or 'nothing'}",
        f"a table of an earlier version, partitioned by {', '.join(stored) or 'nothing'}"
        + (f" and without {', '.join(missing)}" if missing else ""),
        "stop the services and move its folder away, or rebuild the lake (docs/operations.md, "
        "Rebuild the lake)",
    )


def _missing(table: deltalake.DeltaTable, contract: Contract) -> list[str]:
    stored = {field.name for field in table.schema().fields}
    return [name for name in contract.names if name not in stored]
