"""Files for tools outside: joined rows as `part_<id>_<n>.csv`, and `dominostats.json`.

They are exports of tables, made afresh each time, so nothing is in two files or in none.
"""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from lakehouse import files, store
from lakehouse.domains.fraud import names
from lakehouse.domains.fraud.contracts import FEATURES
from lakehouse.domains.settings import Settings
from lakehouse.errors import StreamError
from lakehouse.metrics import ScoredLabels
from lakehouse.names import table_uri
from pyspark_jobs.fraud import metadata

ROWS_PER_FILE = 1_000
COLUMNS = (
    "account_number", "Time", *FEATURES, "Class", "score", "rounded_score", "prediction_latency"
)  # fmt: skip
STATS = "dominostats.json"


def joined(settings: Settings, name: str = "1") -> list[Path]:
    """Write all joined rows in order of time, 1,000 a file; files of `name` from before go.

    Raises `StreamError` before the first prediction has met its truth.
    """
    rows = _rows(settings)
    if rows.is_empty():
        raise StreamError.sentence(
            "No prediction has met its truth yet, so there is nothing to export; send events and "
            "their truth, and try again once `cdrlake status --domain fraud` shows joined rows.",
            where=names.JOINED,
        )
    folder = settings.fraud.project / metadata.JOIN_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"part_{name}_*.csv"):
        old.unlink()
    written = []
    for number, part in enumerate(rows.iter_slices(ROWS_PER_FILE)):
        path = folder / f"part_{name}_{number}.csv"
        part.write_csv(path)
        written.append(path)
    return written


def stats(settings: Settings) -> dict[str, float | None]:
    """Write ROC-AUC (with PR-AUC beside it) and mean latency of the joined predictions.

    A figure that needs both classes is None while there is only one.
    """
    uri = table_uri(settings.lake_uri, names.JOINED)
    rows = store.scan(uri, settings.lake_options).select(
        "probability", "Class", "prediction_latency"
    )
    found = store.collect(rows, uri, settings.lake_options)
    ranked = ScoredLabels(found["probability"].to_numpy(), found["Class"].cast(pl.Int64).to_numpy())
    both = found["Class"].n_unique() > 1
    figures = {
        "rocauc": ranked.roc_auc() if both else None,
        "prauc": ranked.pr_auc() if both else None,
        "avg_prediction_latency": float(found["prediction_latency"].mean() or 0.0),  # type: ignore[arg-type]
    }
    content = json.dumps(figures, indent=2).encode() + b"\n"
    files.replace(settings.fraud.project / STATS, content)
    return figures


def _rows(settings: Settings) -> pl.DataFrame:
    place, options = settings.lake_uri, settings.lake_options
    told = store.scan(table_uri(place, names.JOINED), options)
    events = store.scan(table_uri(place, names.BRONZE_EVENTS), options)
    described = events.select("message_id", "Time", *FEATURES).unique("message_id", keep="any")
    rows = told.join(described, on="message_id").sort("ingest_ts", "message_id")
    rounded = pl.col("score").round(0).cast(pl.Int32).alias("rounded_score")
    return rows.with_columns(rounded).select(COLUMNS).collect()
