"""`Processed_Data`: a period's subscriber-days under the column names that users know.

A batch job over gold; running it again with the same gold and outcomes changes nothing. The table
in Delta is followed by its mirror in MySQL; a Parquet copy is kept for validation.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from lakehouse import store
from lakehouse.clock import Clock
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import LABEL, PROCESSED_COLUMNS, PROCESSED_DATA
from lakehouse.domains.cdr.domain import CHURN_OUTCOMES
from lakehouse.domains.cdr.features import gold_contract
from lakehouse.domains.settings import Settings
from lakehouse.errors import ContractError
from lakehouse.names import table_uri
from lakehouse.outcomes import latest
from lakehouse.periods import Period
from pyspark_jobs.cdr.daily import KEY
from pyspark_jobs.delta import tables
from pyspark_jobs.delta.table_writer import DeltaTableWriter

_OUTCOMES: dict[str, pl.DataType] = {
    "DP_MSISDN": pl.String(),
    "date": pl.Date(),
    LABEL: pl.Int32(),
    "known_at": pl.Date(),
    "kafka_timestamp": pl.Datetime("us", "UTC"),
    "offset": pl.Int64(),
}


def processed_rows(gold: pl.DataFrame, outcomes: pl.DataFrame) -> pl.DataFrame:
    """Rows of `Processed_Data` from rows of gold; the label is null until it is known."""
    last = latest(outcomes.lazy(), CHURN_OUTCOMES).collect()
    labels = last.select(User="DP_MSISDN", Date="date", M_Tenure_Churn=LABEL)
    return gold.join(labels, on=KEY, how="left").select(PROCESSED_DATA.names).sort("Date", "User")


def write(settings: Settings, period: Period, clock: Clock) -> Path:
    """Bring the table up to date for `period`; the path of the Parquet copy.

    Raises `ContractError` when gold has no row in the period.
    """
    gold = DeltaTableWriter(
        settings.lake_uri, gold_contract(settings.cdr.feature_windows), settings.lake_options
    )
    wanted = pl.col("Date").is_between(period.first, period.last)
    amounts = gold.read().filter(wanted).select(*KEY, *PROCESSED_COLUMNS)
    held = store.collect(amounts, gold.uri, settings.lake_options)
    rows = processed_rows(held, _outcomes(settings, period))
    if rows.is_empty():
        raise ContractError(
            names.GOLD_FEATURES,
            f"rows from {period.first} to {period.last}",
            "none",
            "choose dates that have been streamed",
        )
    tables.create_missing(settings, PROCESSED_DATA)
    table = DeltaTableWriter(settings.lake_uri, PROCESSED_DATA, settings.lake_options)
    stored = store.collect(table.read().filter(wanted), table.uri, settings.lake_options)
    changed = rows.join(stored, on=rows.columns, how="anti", nulls_equal=True)
    table.upsert(changed, stored.select(KEY))
    return _copy(rows, settings.processed, clock)


def _outcomes(settings: Settings, period: Period) -> pl.DataFrame:
    uri = table_uri(settings.lake_uri, names.BRONZE_OUTCOMES)
    if not store.exists(uri, settings.lake_options):
        return pl.DataFrame(schema=_OUTCOMES)
    wanted = pl.col("date").is_between(period.first, period.last)
    found = store.scan(uri, settings.lake_options).filter(wanted)
    return store.collect(found.select(list(_OUTCOMES)), uri, settings.lake_options)


def _copy(rows: pl.DataFrame, folder: Path, clock: Clock) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"processed_data_{clock.now():%Y-%m-%d_%H%M%S}.parquet"
    rows.write_parquet(path)
    return path
