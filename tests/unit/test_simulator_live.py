"""Live rows: who they are stays, what was measured gets noise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flaskapp.cdr.live import SPREAD_S, batch
from flaskapp.cdr.world.drift import Effect
from lakehouse.domains.cdr.contracts import CDR_EVENT, MEASURE_NAMES

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
COUNTS = [name for name in MEASURE_NAMES if CDR_EVENT.field(name).kind == "long"]


def pool(*rows: tuple[float, ...]) -> pl.DataFrame:
    """Rows of the eight measures, one subscriber each."""
    columns = {name: [float(row[n]) for row in rows] for n, name in enumerate(MEASURE_NAMES)}
    return pl.DataFrame({"DP_MSISDN": [f"9990000{n:05}" for n in range(len(rows))]} | columns)


def drawn(
    source: pl.DataFrame, size: int, seed: int = 1, effect: Effect | None = None
) -> pl.DataFrame:
    return batch(source, size, NOW, effect or Effect(), np.random.default_rng(seed))


MEASURED = st.tuples(
    *(st.integers(0, 1_000_000) if name in COUNTS else st.floats(0, 1e12) for name in MEASURE_NAMES)
)


@settings(deadline=None)
@given(st.lists(MEASURED, min_size=1, max_size=5), st.integers(1, 40), st.integers(0, 2**32))
def test_noise_keeps_counts_whole_and_everything_within_the_contract(
    rows: list[tuple[float, ...]], size: int, seed: int
) -> None:
    source = pool(*rows)
    found = drawn(source, size, seed)
    assert found.height == size
    assert set(found["DP_MSISDN"]) <= set(source["DP_MSISDN"])
    for name in MEASURE_NAMES:
        field = CDR_EVENT.field(name)
        assert found[name].is_between(field.minimum, field.maximum).all()
        assert (found[name].dtype == pl.Int64) == (name in COUNTS)
    seconds = (found["DP_DATE"] - NOW).dt.total_milliseconds() / 1000
    assert seconds.is_between(-SPREAD_S, 0).all()


def test_a_measure_of_zero_stays_zero_and_a_large_one_moves_by_a_tenth() -> None:
    found = drawn(pool((0, 0, 0, 0, 0, 0, 0, 1000)), 4_000)
    assert (found.select(COUNTS).sum_horizontal() == 0).all()
    volume = found["DP_DATA_VOLUME"].to_numpy()
    assert volume.mean() == pytest.approx(1000, rel=0.01)
    assert volume.std() == pytest.approx(100, rel=0.05)


def test_a_batch_larger_than_the_pool_wraps_round_evenly() -> None:
    found = drawn(pool(*[(1,) * 8] * 3), 7)
    assert sorted(found["DP_MSISDN"].value_counts()["count"]) == [2, 2, 3]


def test_the_same_seed_gives_the_same_batch() -> None:
    source = pool(*[(5, 60, 4, 50, 3, 2, 9, 100)] * 20)
    assert drawn(source, 50, 3).equals(drawn(source, 50, 3))
    assert not drawn(source, 50, 3).equals(drawn(source, 50, 4))


def test_a_drift_scales_its_measures() -> None:
    source = pool(*[(5, 60, 4, 50, 3, 2, 9, 100)] * 20)
    plain, drifted = drawn(source, 50), drawn(source, 50, effect=Effect(volume=1024))
    ratio = (drifted["DP_DATA_VOLUME"] / plain["DP_DATA_VOLUME"]).to_numpy()
    assert ratio == pytest.approx(np.full(50, 1024.0), rel=1e-3)
    assert drifted["DP_MOC_COUNT"].equals(plain["DP_MOC_COUNT"])


def test_rows_are_dated_within_the_last_five_minutes_in_order() -> None:
    found = drawn(pool((1,) * 8), 500)["DP_DATE"]
    assert found.is_between(NOW - timedelta(minutes=5), NOW).all()
    assert found.is_sorted()
    assert found.n_unique() > 400
