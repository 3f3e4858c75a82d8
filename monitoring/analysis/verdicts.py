"""The verdict of the limits on each chunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from monitoring.analysis import cusum, label_feature_association
from monitoring.analysis.limits import Limits
from monitoring.analysis.values import ChunkValues

MIN_POSITIVES = 10
# A single feature is always reconstructed to the last bit or so, in the reference as later.
NO_ERROR = 1e-6
JUDGED = ("roc_auc", "f1")
ESTIMATE_ERRORS = 4.0
STEADY = 0.8
# What reports have called these fields since their first version.
_KEYS = {
    "cusum_ratios": "lasting",
    "association": "relation",
    "association_changed": "relation_changed",
    "association_lasts": "relation_lasts",
}


class ChunkVerdict(msgspec.Struct, frozen=True, kw_only=True, rename=_KEYS):
    """The verdict of the limits on a chunk, which is only judged if it is `reliable`.

    A chunk is reliable when it has enough rows and is `complete`: no more rows are expected.
    `limit_ratios` has each column's distance as a factor of its limit, `drifted` those beyond it,
    `cusum_ratios` those whose smaller shift has persisted up to here, and `nearest` the highest.
    `reconstruction` is the factor for all features together. `worse_*` map metrics below their
    limits to their values. `association` is the strongest shift of a feature's association with
    the label up to here; once it was large enough to count, it counts as long as it `lasts`.
    `overestimated` is how far the ROC-AUC was estimated too high; both in
    standard errors.
    """

    key: str
    start: str
    end: str
    reliable: bool
    complete: bool = True
    labelled: bool
    limit_ratios: dict[str, float] = {}
    drifted: dict[str, float]
    cusum_ratios: dict[str, float]
    nearest: float
    reconstruction: float
    worse_realised: dict[str, float]
    worse_estimated: dict[str, float]
    association: tuple[str, float] | None = None
    association_changed: bool = False
    association_lasts: bool = False
    overestimated: float | None = None

    @property
    def drift(self) -> float:
        """The strongest sign of data drift, as a factor of its limit."""
        return max([*self.drifted.values(), self.reconstruction], default=0.0)

    @property
    def is_steady(self) -> bool:
        """Whether the inputs clearly have not moved, so that something else must be the cause."""
        return self.nearest < STEADY

    @property
    def is_worse(self) -> bool:
        """Whether a metric, realised or estimated, is below its limit."""
        return bool(self.worse_realised or self.worse_estimated)

    @property
    def is_overestimated(self) -> bool:
        """Whether the realised ROC-AUC is further below its estimate than chance explains."""
        return (self.overestimated or 0.0) > ESTIMATE_ERRORS


@dataclass(frozen=True)
class ReferenceBaseline:
    """What chunks are judged against; chunks with fewer than `min_rows` rows are not judged."""

    reference: Sequence[ChunkValues]
    limits: Limits
    effects: dict[str, float]
    min_rows: int


def judge(
    values: Sequence[ChunkValues],
    baseline: ReferenceBaseline,
    unfinished: frozenset[str] = frozenset(),
) -> list[ChunkVerdict]:
    """The verdict on each chunk, in order; those with keys `unfinished` are still filling."""
    verdicts, labelled = [], list[ChunkValues]()
    sums: dict[str, float] = {}
    for chunk in values:
        ratios = {
            column: baseline.limits.limit_ratio(column, distances, chunk.rows)
            for column, distances in chunk.drift.items()
        }
        is_complete = chunk.key not in unfinished
        if is_complete and chunk.rows >= baseline.min_rows:
            sums = cusum.step(sums, ratios)
        verdict = _verdict(chunk, baseline, ratios, cusum.shifted(sums), is_complete)
        if verdict.labelled:
            labelled = [*labelled, chunk][-len(baseline.reference) :]
            verdict = _with_association(verdict, labelled, baseline)
        verdicts.append(verdict)
    return verdicts


def _verdict(
    chunk: ChunkValues,
    baseline: ReferenceBaseline,
    ratios: dict[str, float],
    shifted: frozenset[str],
    is_complete: bool,
) -> ChunkVerdict:
    limits = baseline.limits
    enough = min(chunk.positives, chunk.labelled - chunk.positives) >= MIN_POSITIVES
    return ChunkVerdict(
        key=chunk.key,
        start=chunk.start,
        end=chunk.end,
        reliable=is_complete and chunk.rows >= baseline.min_rows,
        complete=is_complete,
        labelled=is_complete and enough and chunk.labelled >= baseline.min_rows,
        limit_ratios={column: round(ratio, 4) for column, ratio in ratios.items()},
        drifted={column: ratio for column, ratio in ratios.items() if ratio > 1},
        cusum_ratios={column: ratios[column] for column in sorted(shifted & ratios.keys())},
        nearest=max(ratios.values(), default=0.0),
        reconstruction=chunk.reconstruction.value
        / max(limits.reconstruction * limits.tolerance(chunk.rows), NO_ERROR),
        worse_realised=_below(chunk, "realised", limits) if enough else {},
        worse_estimated=_below(chunk, "estimated", limits),
    )


def _below(
    chunk: ChunkValues, kind: Literal["realised", "estimated"], limits: Limits
) -> dict[str, float]:
    figures = chunk.realised if kind == "realised" else chunk.estimated
    tolerance = limits.tolerance(chunk.rows)
    return {
        name: figures[name].value
        for name in JUDGED
        if name in figures
        and figures[name].value < limits.performance[name] - (tolerance - 1) * figures[name].error
    }


def _with_association(
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
        association=(shift.feature, shift.deviations),
        association_changed=shift.found,
        association_lasts=shift.lasts,
        overestimated=gap,
    )


def _overestimate(recent: Sequence[ChunkValues]) -> float | None:
    """How much ROC-AUC was overestimated, in standard errors of one chunk.

    The same entities are in all of the chunks, so their mean is no more certain than one of them.
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
