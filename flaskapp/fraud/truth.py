"""When the truth about an event becomes known: later, sometimes never, sometimes corrected."""

from __future__ import annotations

import numpy as np
import polars as pl

from lakehouse.domains.fraud.settings import TruthSettings


def told(
    events: pl.DataFrame, settings: TruthSettings, seed: tuple[int, ...], slower: float = 1.0
) -> pl.DataFrame:
    """Truth messages about events (`message_id`, `ingest_ts`, `Class`): with `known_at` added.

    The delay is drawn evenly on a logarithmic scale. Corrected truth comes twice: wrong first, and
    right after twice the delay. The same seed gives the same delays.
    """
    rng, count = np.random.default_rng(seed), len(events)
    least, most = max(settings.least_minutes, 1e-3), max(settings.most_minutes, 1e-3)
    minutes = np.exp(rng.uniform(np.log(least), np.log(most), count)) * slower
    fate = rng.random(count)
    delay = pl.Series((minutes * 60e6).astype(np.int64)).cast(pl.Duration("us"))
    known = events.with_columns(known_at=pl.col("ingest_ts") + delay, fate=pl.Series(fate))
    known = known.filter(pl.col("fate") >= settings.never)
    is_wrong = pl.col("fate") < settings.never + settings.corrected
    wrong = known.filter(is_wrong).with_columns(Class=1 - pl.col("Class"))
    late = pl.col("known_at") + (pl.col("known_at") - pl.col("ingest_ts"))
    right = known.with_columns(known_at=pl.when(is_wrong).then(late).otherwise("known_at"))
    both = pl.concat([wrong, right]).select("message_id", "Class", "known_at")
    return both.sort("known_at", maintain_order=True)
