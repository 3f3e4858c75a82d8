"""Large appends through Spark; small changes of a table go through `rows`."""

from __future__ import annotations

from pyspark.sql import DataFrame


def append_once(rows: DataFrame, uri: str, query: str, batch_id: int, note: str = "") -> None:
    """Append `rows` in a transaction that a replay of batch `batch_id` of `query` skips.

    `note` stands in the commit as `userMetadata`.
    """
    writer = rows.write.format("delta").mode("append")
    writer = writer.option("txnAppId", query).option("txnVersion", batch_id)
    writer.option("userMetadata", note).save(uri)
