"""What the limits say of each chunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import msgspec

from monitoring.analysis import cusum, label_feature_association
from monitoring.analysis.limits import Limits
from monitoring.analysis.values import ChunkValues

MIN_POSITIVES = 10
JUDGED = ("roc_auc", "f1")
ESTIMATE_ERRORS = 4.0
STEADY = 0.8


class ChunkVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the limits say of a chunk.

    `drifted` maps columns beyond their limits to the factor, and `lasting` those whose smaller
    shift has lasted up to here. `nearest` is the highest factor of any column, `reconstruction`
    that of all features together. `worse_*` map metrics below their
    limits to their values. `relation` is the strongest shift of a feature's relation up to here,
    and `overestimated` says how far the ROC-AUC was estimated too high; both in standard errors.
    """

    key: str
    start: date
    end: date
    reliable: bool
    labelled: bool
    drifted: dict[str, float]
    lasting: dict[str, float]
    nearest: float
    reconstruction: float
    worse_realised: dict[str, float]
    worse_estimated: dict[str, float]
    relation: tuple[str, float] | None = None
    relation_changed: bool = False
    overestimated: float | None = None

    @property
    def drift(self) -> float:
        """The strongest sign of data drift, as a factor of its limit."""
        return max([*self.drifted.values(), self.reconstruction], default=0.0)

    @property
    def is_steady(self) -> bool:
        """Whether the inputs are where they were, clearly enough to blame something else."""
        return self.nearest < STEADY

    @property
    def is_overestimated(self) -> bool:
        """Whether the realised ROC-AUC is too far below its estimate for chance."""
        return (self.overestimated or 0.0) > ESTIMATE_ERRORS


@dataclass(frozen=True)
class ReferenceBaseline:
    """What chunks are judged against."""

    reference: Sequence[ChunkValues]
    limits: Limits
    effects: dict[str, float]
    min_rows: int


def judge(values: Sequence[ChunkValues], baseline: ReferenceBaseline) -> list[ChunkVerdict]:
    """The verdict on each chunk, in order."""
    verdicts, labelled = [], list[ChunkValues]()
    sums: dict[str, float] = {}
    for chunk in values:
        strengths = _strengths(chunk, baseline.limits)
        if chunk.rows >= baseline.min_rows:
            sums = cusum.step(sums, strengths)
        verdict = _verdict(chunk, baseline, strengths, cusum.shifted(sums))
        if verdict.labelled:
            labelled = [*labelled, chunk][-len(baseline.reference) :]
            verdict = _with_relation(verdict, labelled, baseline)
        verdicts.append(verdict)
    return verdicts


def _strengths(chunk: ChunkValues, limits: Limits) -> dict[str, float]:
    return {
        column: limits.strength(column, distances, chunk.rows)
        for column, distances in chunk.drift.items()
    }


def _verdict(
    chunk: ChunkValues,
    baseline: ReferenceBaseline,
    strengths: dict[str, float],
    shifted: frozenset[str],
) -> ChunkVerdict:
    limits = baseline.limits
    room = limits.room(chunk.rows)
    enough = min(chunk.positives, chunk.labelled - chunk.positives) >= MIN_POSITIVES
    return ChunkVerdict(
        key=chunk.key,
        start=chunk.start,
        end=chunk.end,
        reliable=chunk.rows >= baseline.min_rows,
        labelled=enough and chunk.labelled >= baseline.min_rows,
        drifted={column: strength for column, strength in strengths.items() if strength > 1},
        lasting={column: strengths[column] for column in sorted(shifted & strengths.keys())},
        nearest=max(strengths.values(), default=0.0),
        reconstruction=chunk.reconstruction.value / (limits.reconstruction * room),
        worse_realised=_below(chunk, "realised", limits) if enough else {},
        worse_estimated=_below(chunk, "estimated", limits),
    )


def _below(
    chunk: ChunkValues, kind: Literal["realised", "estimated"], limits: Limits
) -> dict[str, float]:
    figures = chunk.realised if kind == "realised" else chunk.estimated
    room = limits.room(chunk.rows)
    return {
        name: figures[name].value
        for name in JUDGED
        if name in figures
        and figures[name].value < limits.performance[name] - (room - 1) * figures[name].error
    }


def _with_relation(
    verdict: ChunkVerdict, recent: Sequence[ChunkValues], baseline: ReferenceBaseline
) -> ChunkVerdict:
    gap = _overestimate(recent)
    if len(recent) < len(baseline.reference):
        return msgspec.structs.replace(verdict, overestimated=gap)
    shift = label_feature_association.strongest(baseline.reference, recent, baseline.effects)
    if shift is None:
        return msgspec.structs.replace(verdict, overestimated=gap)
    return msgspec.structs.replace(
        verdict,
        relation=(shift.feature, shift.deviations),
        relation_changed=shift.found,
        overestimated=gap,
    )


def _overestimate(recent: Sequence[ChunkValues]) -> float | None:
    """How far ROC-AUC was estimated too high, in standard errors of one chunk.

    The same subscribers are in all of the chunks, so their mean is no surer than one of them.
    """
    pairs = [
        (
            chunk.estimated["roc_auc"].value - chunk.realised["roc_auc"].value,
            chunk.realised["roc_auc"].error,
        )
        for chunk in recent
        if "roc_auc" in chunk.realised and "roc_auc" in chunk.estimated
    ]
    error = sum(error for _, error in pairs)
    return sum(gap for gap, _ in pairs) / error if error else None
