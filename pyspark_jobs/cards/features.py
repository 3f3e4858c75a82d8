"""The features of each card, computed by the function that the stream door uses."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema

from lakehouse.domains.cards import features
from lakehouse.domains.cards.card_state import fold
from lakehouse.domains.cards.contracts import GOLD_FEATURES, TRANSACTION
from lakehouse.domains.cards.transaction import transaction
from lakehouse.kinds import arrow_schema

_GOLD = arrow_schema(GOLD_FEATURES)
_READ = (*TRANSACTION.names, "partition", "offset")


def card_features(bronze: DataFrame) -> DataFrame:
    """Rows of the gold table for transactions of bronze; all transactions of a card are needed.

    A card's transactions are taken in the order in which they arrived, by partition as the door
    does. A repeated transaction has no row.
    """
    rows = bronze.select(*_READ)
    return rows.groupBy("cc_num", "partition").applyInArrow(
        _of_one_card, from_arrow_schema(_GOLD, prefer_timestamp_ntz=False)
    )


def _of_one_card(table: pa.Table) -> pa.Table:
    rows = table.sort_by([("offset", "ascending"), ("trans_num", "ascending")]).to_pylist()
    found = zip(rows, fold(map(transaction, rows)), strict=True)
    return pa.Table.from_pylist(list(_gold_rows(found)), schema=_GOLD)


def _gold_rows(
    found: Iterator[tuple[dict[str, object], tuple[float, ...] | None]],
) -> Iterator[dict[str, object]]:
    seen: set[object] = set()
    for row, values in found:
        # Repeated after more than a week, it has features again; the first ones count.
        if values is None or row["trans_num"] in seen:
            continue
        seen.add(row["trans_num"])
        yield {
            "trans_num": row["trans_num"],
            "cc_num": row["cc_num"],
            "trans_date_trans_time": row["trans_date_trans_time"],
            **dict(zip(features.NAMES, values, strict=True)),
            "topic_partition": row["partition"],
            "topic_offset": row["offset"],
        }
