"""Drift injected into real rows: how reliably and how early monitoring finds it.

After arXiv 2606.07789: four kinds of drift, each abrupt or gradual, in Monte Carlo streams of real
rows that the model has not seen. Rows are drawn at random, so whatever else differs between chunks
is chance. Limits and rules are the product's, made on simulated worlds; nothing is tuned on these
rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

import numpy as np
import polars as pl

from bench.real_rows import RealRows
from lakehouse.models.manifest import Costs
from monitoring.analysis import findings, limits, verdicts
from monitoring.analysis.fitted import Fitted, fit
from monitoring.analysis.model import Model
from monitoring.analysis.profile import Floats
from monitoring.analysis.values import ENTITY, LABEL, PREDICTION, SCORE, TIME
from monitoring.analysis.verdicts import ReferenceBaseline
from monitoring.chunks import Bucket, Period, plan

Onset = Literal["abrupt", "gradual"]
REFERENCE_FROM = date(2026, 1, 1)
REFERENCE_CHUNKS, CHUNKS, RAMP = 14, 28, 8
# A drift begins in one of these chunks.
EARLIEST, LATEST = 14, 18
MIN_ROWS, MIN_ROC_AUC = 200, 0.6
PRIOR_FACTOR, SWAPPED, PERMUTED, FILTERED = 3.0, 0.5, 0.5, 0.5
STEADY = "none"


@dataclass(frozen=True)
class Change:
    """What happens to drifted rows.

    `weight` is each row's relative chance of being drawn, `order` where its features come from, and
    `swapped` the share of positives that change labels with as many negatives.
    """

    weight: Floats
    order: list[int]
    swapped: float = 0.0


@dataclass(frozen=True)
class Trial:
    """A stream: the chunk in which its drift began, None for one without, and its findings.

    `found` has the chunks in which a finding began.
    """

    kind: str
    onset: Onset
    start: int | None
    found: tuple[int, ...]


@dataclass
class Score:
    """What was found of the drifts of one kind and onset."""

    hits: int = 0
    misses: int = 0
    false: int = 0
    delays: list[float] = field(default_factory=list)

    @property
    def f1(self) -> float:
        """2 x hits / (2 x hits + false findings + misses)."""
        return 2 * self.hits / max(2 * self.hits + self.false + self.misses, 1)

    def add(self, trial: Trial) -> None:
        """Count a trial: findings before the drift are false, the first one in it is the hit.

        The delay is a share of the chunks that were left.
        """
        start = CHUNKS if trial.start is None else trial.start
        self.false += sum(at < start for at in trial.found)
        if trial.start is None:
            return
        later = [at for at in trial.found if at >= start]
        if later:
            self.hits += 1
            self.delays.append((later[0] - start) / (CHUNKS - start))
        else:
            self.misses += 1


def class_prior(rows: RealRows, _: np.random.Generator) -> Change:
    """Positives are three times as frequent, in relation to negatives."""
    label = rows.stream[1]
    return Change(np.where(label == 1, PRIOR_FACTOR, 1.0), [*range(len(rows.features))])


def label_swap(rows: RealRows, _: np.random.Generator) -> Change:
    """Half of the positives change labels with as many negatives."""
    return Change(np.ones(len(rows.stream[1])), [*range(len(rows.features))], SWAPPED)


def feature_permutation(rows: RealRows, rng: np.random.Generator) -> Change:
    """Half of the features change places."""
    width = len(rows.features)
    moved = rng.choice(width, max(2, int(PERMUTED * width)), replace=False)
    order = np.arange(width)
    order[moved] = np.roll(moved, 1)
    return Change(np.ones(len(rows.stream[1])), order.tolist())


def feature_filtering(rows: RealRows, rng: np.random.Generator) -> Change:
    """Only rows in the upper half of one feature are seen."""
    values = rows.stream[0][:, rng.integers(len(rows.features))]
    is_seen = values >= np.quantile(values, FILTERED)
    return Change(is_seen.astype(np.float64), [*range(len(rows.features))])


KINDS: dict[str, Callable[[RealRows, np.random.Generator], Change]] = {
    "class prior": class_prior,
    "label swap": label_swap,
    "feature permutation": feature_permutation,
    "feature filtering": feature_filtering,
}


def trials(
    rows: RealRows, count: int, seed: int = 0, kinds: Sequence[str] = tuple(KINDS)
) -> Iterator[Trial]:
    """`count` streams of each kind and onset, and as many without drift."""
    rng = np.random.default_rng(seed)
    fitted = _fitted(rows, rng)
    for _ in range(count):
        yield _trial(rows, fitted, STEADY, "abrupt", rng)
        for kind in kinds:
            yield _trial(rows, fitted, kind, "abrupt", rng)
            yield _trial(rows, fitted, kind, "gradual", rng)


def scores(found: Sequence[Trial]) -> dict[tuple[str, Onset], Score]:
    """The counts of each kind and onset."""
    counted: dict[tuple[str, Onset], Score] = {}
    for trial in found:
        counted.setdefault((trial.kind, trial.onset), Score()).add(trial)
    return counted


def _fitted(rows: RealRows, rng: np.random.Generator) -> Fitted:
    features, label = rows.reference
    chosen = rng.integers(0, len(label), REFERENCE_CHUNKS * rows.per_chunk)
    importance = dict.fromkeys(rows.features, 1 / len(rows.features))
    start = REFERENCE_FROM + timedelta(days=REFERENCE_CHUNKS)
    model = Model(1, rows.name, rows.features, Costs(10.0, 1.0), rows.threshold, start, importance)
    reference = _scored(rows, features[chosen], label[chosen], REFERENCE_FROM)
    return fit(model, reference, Period.parse("D"))


def _trial(
    rows: RealRows, fitted: Fitted, kind: str, onset: Onset, rng: np.random.Generator
) -> Trial:
    start = None if kind == STEADY else int(rng.integers(EARLIEST, LATEST + 1))
    change = None if kind == STEADY else KINDS[kind](rows, rng)
    parts = [_chunk(rows, change, _share(chunk, start, onset), rng) for chunk in range(CHUNKS)]
    features, label = (np.concatenate(some) for some in zip(*parts, strict=True))
    scored = _scored(rows, features, label, fitted.model.score_from)
    return Trial(kind, onset, start, tuple(_findings(fitted, scored)))


def _share(chunk: int, start: int | None, onset: Onset) -> float:
    """The share of a chunk's rows that have drifted: all at once, or more with every chunk."""
    if start is None or chunk < start:
        return 0.0
    return 1.0 if onset == "abrupt" else min(1.0, (chunk - start + 1) / RAMP)


def _chunk(
    rows: RealRows, change: Change | None, share: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    features, label = rows.stream
    moved = 0 if change is None else int(rng.binomial(rows.per_chunk, share))
    steady = rng.integers(0, len(label), rows.per_chunk - moved)
    if change is None or not moved:
        return features[steady], label[steady]
    drifted = rng.choice(len(label), moved, p=change.weight / change.weight.sum())
    theirs = label[drifted].copy()
    positives, negatives = np.flatnonzero(theirs == 1), np.flatnonzero(theirs == 0)
    many = min(int(change.swapped * len(positives)), len(negatives))
    theirs[rng.choice(positives, many, replace=False)] = 0
    theirs[rng.choice(negatives, many, replace=False)] = 1
    return (
        np.concatenate([features[steady], features[drifted][:, change.order]]),
        np.concatenate([label[steady], theirs]),
    )


def _scored(rows: RealRows, features: Floats, label: Floats, first: date) -> pl.DataFrame:
    """Rows as monitoring reads them, a chunk a day from `first` on."""
    number = pl.int_range(len(label))
    score = rows.score(features)
    return pl.DataFrame(dict(zip(rows.features, features.T, strict=True))).with_columns(
        (pl.lit(first) + pl.duration(days=number // rows.per_chunk)).cast(pl.Date).alias(TIME),
        number.cast(pl.String).str.zfill(8).alias(ENTITY),
        pl.Series(LABEL, label).cast(pl.Int32),
        pl.Series(PREDICTION, score >= rows.threshold).cast(pl.Int32),
        pl.Series(SCORE, score),
    )


def _findings(fitted: Fitted, scored: pl.DataFrame) -> Iterator[int]:
    """The chunks in which a finding begins, judged chunk by chunk with all labels known."""
    days = scored.group_by(TIME).len().sort(TIME).rows()
    values = fitted.evaluate(scored, plan([Bucket(at, n, "") for at, n in days], fitted.period))
    learnt = limits.learn(fitted.chunks, MIN_ROC_AUC)
    baseline = ReferenceBaseline(fitted.chunks, learnt, fitted.effects, MIN_ROWS)
    judged = verdicts.judge(values, baseline)
    before: set[str] = set()
    for chunk in range(len(judged)):
        found = findings.find(judged[: chunk + 1])
        now: set[str] = {one.name for one in found if one.state == "found"}
        if now - before:
            yield chunk
        before = now
