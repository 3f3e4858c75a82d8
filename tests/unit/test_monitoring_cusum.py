"""A shift within the limit is found once it has lasted, noise never, and an end is an end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np

from monitoring.analysis import findings, verdicts
from monitoring.analysis.findings import Finding
from monitoring.analysis.limits import Limits
from monitoring.analysis.values import ChunkValues, Figure
from monitoring.analysis.verdicts import ChunkVerdict, ReferenceBaseline

DAY = date(2026, 6, 1)
LIMIT = 0.1
COLUMNS = ("calls", "texts")
LIMITS = Limits(1000.0, {name: {"jensen_shannon": LIMIT} for name in COLUMNS}, 1.0, {})
BASELINE = ReferenceBaseline((), LIMITS, {}, min_rows=100)


def judged(*ratios: float, rows: int = 1000) -> list[ChunkVerdict]:
    """Verdicts on days on which `calls` is at these factors of its limit; `texts` is quiet."""
    return verdicts.judge([_chunk(n, {"calls": s}, rows) for n, s in enumerate(ratios)], BASELINE)


def _chunk(number: int, ratios: dict[str, float], rows: int) -> ChunkValues:
    day = DAY + timedelta(days=number)
    drift = {name: {"jensen_shannon": ratios.get(name, 0.2) * LIMIT} for name in COLUMNS}
    return ChunkValues(
        key=str(day), start=str(day), end=str(day),
        rows=rows, labelled=0, positives=0, expected=0.0,
        realised={}, estimated={}, drift=drift, reconstruction=Figure(0.5, 0.0), missing={},
        outside={}, distributions={}, brier=None, calibration_error=None, associations={},
        slices={},
    )  # fmt: skip


def data_drift(made: Sequence[ChunkVerdict]) -> Finding:
    return findings.find(made)[0]


def test_a_shift_within_the_limit_is_found_once_it_has_lasted() -> None:
    made = judged(0.3, *[0.9] * 10)
    assert all(verdict.drift <= 1 for verdict in made), "no chunk alone shows it"
    found = data_drift(made)
    assert (found.state, found.since) == ("found", str(DAY + timedelta(days=6)))
    assert found.evidence[0] == "calls: within the limit (0.90 of it), but for too long"


def test_it_is_forgotten_in_the_first_quiet_chunk() -> None:
    made = judged(*[0.9] * 20, 0.3)
    (episode,) = data_drift(made).episodes
    assert (data_drift(made).state, episode.open) == ("ok", False)
    assert episode.end == str(DAY + timedelta(days=19))


def test_one_chunk_however_far_off_makes_no_lasting_shift() -> None:
    assert not any(verdict.cusum_ratios for verdict in judged(0.3, 9.0, 9.0, 0.3, 0.3))


def test_what_is_usual_adds_up_to_nothing() -> None:
    noise = np.random.default_rng(1).normal(0.4, 0.15, 1_000).clip(0, 0.99)
    made = judged(*noise.tolist())
    assert data_drift(made).episodes == ()
    assert not any(verdict.cusum_ratios for verdict in made)


def test_small_chunks_add_nothing() -> None:
    assert not any(verdict.cusum_ratios for verdict in judged(*[0.9] * 20, rows=50))
