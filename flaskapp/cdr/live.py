"""Live usage: rows of sampled subscribers, dated now, with noise on the measures."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from flaskapp.cdr.world.drift import Effect
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import CDR_EVENT, MEASURE_NAMES
from lakehouse.names import MYSQL_STREAMS

POOL_ROWS = 10_000
NOISE = 0.1
SPREAD_S = 300.0
_FACTORS = {
    "DP_MOC_COUNT": "calls",
    "DP_MOC_DURATION": "calls",
    "DP_MTC_COUNT": "calls",
    "DP_MTC_DURATION": "calls",
    "DP_MOSMS_COUNT": "texts",
    "DP_MTSMS_COUNT": "texts",
    "DP_DATA_COUNT": "sessions",
    "DP_DATA_VOLUME": "volume",
}
_SOURCE = (
    f"SELECT stream_id, sent_rows FROM {MYSQL_STREAMS} "  # noqa: S608
    "WHERE domain = %s AND mode <> 'live' AND sent_rows > 0 ORDER BY updated_at DESC LIMIT 1"
)
_POOL = (
    f"SELECT DP_MSISDN, {', '.join(MEASURE_NAMES)} FROM {names.MYSQL_RAW} "  # noqa: S608
    "WHERE stream_id = %s AND sequence >= %s ORDER BY sequence"
)


def read_pool(cursor: Any, limit: int = POOL_ROWS) -> pl.DataFrame:
    """The newest rows of history or replay, to sample from; empty when nothing is loaded."""
    cursor.execute(_SOURCE, (names.NAME,))
    source = cursor.fetchone()
    rows = []
    if source is not None:
        cursor.execute(_POOL, (source[0], max(int(source[1]) - limit, 0)))
        rows = cursor.fetchall()
    schema = {"DP_MSISDN": pl.String} | dict.fromkeys(MEASURE_NAMES, pl.Float64)
    plain = [(number, *map(float, measures)) for number, *measures in rows]
    return pl.DataFrame(plain, schema=schema, orient="row")


def batch(
    pool: pl.DataFrame, size: int, now: datetime, effect: Effect, rng: np.random.Generator
) -> pl.DataFrame:
    """`size` rows sampled from `pool`; no row repeats before all have been used.

    DP_DATE is one of the last five minutes before `now`, and rows are in its order; measures get
    noise and the drift's factors; counts stay whole, nothing falls below zero, subscribers stay who
    they are.
    """
    rounds = -(-size // pool.height)
    picks = np.concatenate([rng.permutation(pool.height) for _ in range(rounds)])[:size]
    sampled = pool[picks]
    seconds = np.sort(rng.uniform(-SPREAD_S, 0, size))
    millis = (now.timestamp() * 1000 + seconds * 1000).astype(np.int64)
    return sampled.select(
        pl.Series("DP_DATE", millis).cast(pl.Datetime("ms", "UTC")),
        "DP_MSISDN",
        *(_noisy(sampled[name], effect, rng) for name in MEASURE_NAMES),
    )


def _noisy(measure: pl.Series, effect: Effect, rng: np.random.Generator) -> pl.Series:
    field = CDR_EVENT.field(measure.name)
    factor = 1 + NOISE * rng.standard_normal(len(measure))
    values = measure.to_numpy() * factor * getattr(effect, _FACTORS[field.name])
    bounded = np.clip(values, field.minimum, field.maximum)
    if field.kind == "long":
        return pl.Series(field.name, np.rint(bounded).astype(np.int64))
    return pl.Series(field.name, np.round(bounded, 3))
