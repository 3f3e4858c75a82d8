"""The findings agree on what they say, and say no more than they know."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import msgspec

from lakehouse.domain import Words
from monitoring.analysis import evidence, findings, verdicts
from monitoring.analysis.findings import Finding
from monitoring.analysis.limits import Limits
from monitoring.analysis.values import ChunkValues, Figure
from monitoring.analysis.verdicts import ChunkVerdict, ReferenceBaseline

DAY = date(2026, 6, 1)
LIMIT = 0.1
COLUMNS = ("calls", "texts")
LIMITS = Limits(
    1000.0, {name: {"jensen_shannon": LIMIT} for name in COLUMNS}, 1.0, {"roc_auc": 0.8}
)
BASELINE = ReferenceBaseline((), LIMITS, {}, min_rows=100)
GOOD, BAD = 0.9, 0.7


def chunk(number: int, ratio: float, auc: float) -> ChunkValues:
    day = str(DAY + timedelta(days=number))
    drift = {name: {"jensen_shannon": 0.2 * LIMIT} for name in COLUMNS}
    drift["calls"] = {"jensen_shannon": ratio * LIMIT}
    return ChunkValues(
        key=day, start=day, end=day, rows=1000, labelled=0, positives=0, expected=0.0,
        realised={}, estimated={"roc_auc": Figure(auc, 0.01)}, drift=drift,
        reconstruction=Figure(0.5, 0.0), missing={}, outside={}, distributions={}, brier=None,
        calibration_error=None, associations={}, slices={},
    )  # fmt: skip


def judged(
    ratios: Sequence[float], aucs: Sequence[float] = (), filling: int = 0
) -> list[ChunkVerdict]:
    known = [*aucs, *[GOOD] * (len(ratios) - len(aucs))]
    values = [chunk(n, *pair) for n, pair in enumerate(zip(ratios, known, strict=True))]
    unfinished = frozenset(value.key for value in values[len(values) - filling :])
    return verdicts.judge(values, BASELINE, unfinished)


def found(made: Sequence[ChunkVerdict]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings.find(made)}


def test_drift_hurts_only_where_degradation_is_found() -> None:
    once = found(judged([3.0, 3.0, 3.0], [GOOD, BAD, GOOD]))
    assert once["model_degradation"].state == "ok"
    assert once["data_drift"].evidence[-1] == (
        "performance has been below its limit at times, but not for two chunks in a row"
    )
    twice = found(judged([3.0, 3.0, 3.0], [GOOD, BAD, BAD]))
    assert twice["model_degradation"].state == "found"
    assert twice["data_drift"].evidence[-1] == "it hurts: performance is below its limit"
    never = found(judged([3.0, 3.0, 3.0]))
    assert never["data_drift"].evidence[-1].startswith("it does not hurt so far")


def test_one_chunk_below_a_limit_is_said_to_be_one() -> None:
    degraded = found(judged([0.2, 0.2, 0.2], [GOOD, GOOD, BAD]))["model_degradation"]
    assert degraded.state == "ok"
    assert degraded.evidence == (
        "estimated roc_auc down to 0.700, below its limit",
        "a second chunk in a row would make this a finding",
    )


def test_a_chunk_that_is_still_filling_is_not_judged() -> None:
    ratios, aucs = [0.2, 0.2, 9.0], [GOOD, BAD, BAD]
    filling = judged(ratios, aucs, filling=1)
    assert [verdict.reliable for verdict in filling] == [True, True, False]
    assert not filling[-1].complete
    assert {finding.state for finding in findings.find(filling)[::2]} == {"ok"}
    full = found(judged(ratios, aucs))
    assert full["data_drift"].state == full["model_degradation"].state == "found"


def test_days_that_a_fast_clock_has_begun_early_are_not_judged() -> None:
    """Today is not over because somebody has sent rows of tomorrow."""
    ratios = [0.2, 0.2, 9.0, 9.0]
    filling = judged(ratios, filling=2)
    assert [verdict.complete for verdict in filling] == [True, True, False, False]
    assert {finding.state for finding in findings.find(filling)} <= {"ok", "unknown"}
    assert found(judged(ratios, filling=1))["data_drift"].state == "found"


def test_a_shift_to_which_the_features_got_used_is_the_new_normal() -> None:
    drift = found(judged([0.3, 0.35, 0.25, 0.3, 3.0, 3.0, 0.6, 0.62, 0.6, 0.61]))["data_drift"]
    assert (drift.state, drift.evidence) == (
        "ok",
        ("the new normal: calls has stayed at 0.61 of its limit, against 0.30 before 2026-06-05",),
    )


def test_a_shift_that_came_back_is_spoken_of_for_a_while() -> None:
    ratios = [0.3, 0.35, 0.25, 0.3, 3.0, 3.0, 0.3, 0.32, 0.3, 0.31]
    drift = found(judged(ratios))["data_drift"]
    said = (
        "the inputs are within their limits again since 2026-06-06, but features over a window get "
        "used to a lasting change: make sure that the cause is gone",
    )
    assert (drift.state, drift.evidence) == ("ok", said)
    too_early = found(judged([0.3, 0.35, 0.25, 0.3, 3.0, 3.0, 0.6]))["data_drift"]
    assert too_early.evidence == said, "one chunk after it says nothing else"
    later = [0.3, 0.32, 0.3, 0.31] * (evidence.REMEMBERED // 4)
    assert found(judged([*ratios, *later]))["data_drift"].evidence == ()


def test_a_changed_dependence_is_over_when_it_is_clearly_below_its_limit() -> None:
    calm = msgspec.structs.replace(judged([0.2])[-1], labelled=True)
    changed = {"association_changed": True, "association_lasts": True}
    lasting = {"association_changed": False, "association_lasts": True}
    chunks = [
        msgspec.structs.replace(calm, **marks)
        for marks in (lasting, lasting, changed, changed, lasting)
    ]
    drift = found(chunks)["model_drift"]
    assert drift.state == "found"
    assert [episode.chunks for episode in drift.episodes] == [3], "it is not found by what is less"
    assert found([*chunks, calm])["model_drift"].state == "ok"


def test_positives_have_the_name_that_the_model_gives_them() -> None:
    (verdict,) = judged([0.2])
    changed = msgspec.structs.replace(verdict, association=("heat", -4.2), association_changed=True)
    lines = evidence.of_concept([changed], Words("Overheating", "sensor", "hot sensors", "hot"))
    assert lines[1] == (
        "hot sensors have lower heat than the scores predict, by 4.2 standard errors"
    )
