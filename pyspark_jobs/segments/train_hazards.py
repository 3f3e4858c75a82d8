"""Training of the two hazards on closed windows, judged on later ones, registered behind gates."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import cast

import msgspec
import numpy as np
import polars as pl
from pyspark.sql import DataFrame
from pyspark.sql import functions as f

from lakehouse import metrics
from lakehouse.contracts import CONTRACT_VERSION
from lakehouse.domain import Scored
from lakehouse.domains.segments import names
from lakehouse.domains.segments.card_features import FEATURE_VERSION
from lakehouse.domains.segments.next_purchase import HORIZON, STORED_K, bought_within
from lakehouse.domains.settings import Settings
from lakehouse.metrics import ScoredLabels
from lakehouse.models import bundle, hazard
from lakehouse.models.forest import Floats
from lakehouse.models.hazard import HazardModel, HazardScorer
from lakehouse.models.manifest import Costs, Figures, Manifest
from lakehouse.models.model_kinds import HAZARD
from lakehouse.registry import Registry
from lakehouse.registry.gates import Verdict
from pyspark_jobs.segments import baselines, train
from pyspark_jobs.segments.features import buckets_for, training_rows
from pyspark_jobs.segments.gates import BG_NBD, POISSON, RECENCY, gate, least_gain
from pyspark_jobs.segments.gather import in_tasks
from pyspark_jobs.segments.hazard_fit import Gather, here
from pyspark_jobs.segments.weeks import Mondays
from pyspark_jobs.training.bundle_writer import TrainedModel, write_bundle
from pyspark_jobs.training.evaluate import Evaluation, evaluate
from pyspark_jobs.training.sample import LabelledRows

# Their person-days take up some 200 MB.
FEW_ROWS = 20_000
PURPOSES = {
    names.WILL_SPEND: (
        "Gives the probability that a card buys within k days, k from 1 to 90, from how it has "
        "bought in the last half year. P(k) never falls as k grows. The figures are those of k = 7."
    ),
    names.REQUEST: (
        "Gives the probability that a card buys within k days from three numbers alone: purchases, "
        "their amount, and merchants, in half a year. It does not know when the card bought last, "
        "and its interval says how far a card may be from that. The figures are those of k = 7."
    ),
}


@dataclass(frozen=True)
class Rows:
    """Rows to train on, in Spark; the newest of them and the rows of the test, here."""

    train: DataFrame
    newest: pl.DataFrame
    test: pl.DataFrame


@dataclass(frozen=True)
class Fitted:
    """Both models: of a card's history, and of a request's three numbers."""

    history: HazardModel
    request: HazardModel


def read(purchases: DataFrame, days: Mondays) -> Rows:
    """The rows of a training; those to fit on stay in Spark, cached."""
    many = buckets_for(purchases)
    rows = training_rows(purchases, days.learn, days.learned, many).cache()
    since = max(days.learn) - train.NEWEST
    newest = rows.where(f.col("as_of") > f.lit(since))
    test = training_rows(purchases, days.test, days.coverage, many)
    return Rows(rows, _sorted(newest), _sorted(test))


def fit(rows: Rows, threshold: float) -> Fitted:
    """Fit both hazards in Spark's tasks, with the intervals of what they do not know.

    A fit asks for sums again and again. Few rows are fitted here instead, by the same functions: a
    job for each of the sums would take longer than they do.
    """
    every, newest = _gathered(rows.train), here(rows.newest)
    history = train.fit_history(every, newest)
    history = train.with_sampling_interval(history, _closed(rows.newest))
    request = train.fit_request(every, newest)
    request = train.with_interval(request, rows.newest, history)
    return Fitted(
        *(msgspec.structs.replace(one, threshold=threshold) for one in (history, request))
    )


def register(
    registry: Registry,
    scored: Scored,
    model: HazardModel,
    rows: Rows,
    days: Mondays,
    settings: Settings,
) -> tuple[int, Verdict, Figures]:
    """Judge a fitted model on the test and register it; the version, the verdict, the figures."""
    test = labelled(rows.test, scored, model)
    scorer, seed = HazardScorer(model), settings.model.seed
    scores = scorer.score(test.rows)
    costs = Costs(settings.segments.cost_missed, settings.segments.cost_needless)
    others = _others(rows, test.frame)
    found = evaluate(scorer, scores, Evaluation(test, others, seed), costs)
    gains = _least_gains(scores.probability, others, test, seed)
    figures = msgspec.structs.replace(found, metrics={**found.metrics, **gains})
    manifest = _manifest(model, days, figures, rows, costs)
    made = TrainedModel(hazard.encode(model), manifest, PURPOSES[scored.model])
    with tempfile.TemporaryDirectory() as folder:
        sealed = write_bundle(Path(folder), made, test, scores)
        version = registry.register(Path(folder), sealed)
    verdict = gate(registry, scored, settings).promote(version.number)
    return version.number, verdict, figures


def labelled(rows: pl.DataFrame, scored: Scored, model: HazardModel) -> LabelledRows:
    """The rows whose week is closed, with `label`: whether the card bought within it."""
    did, known = bought_within(rows, STORED_K)
    frame = rows.with_columns(pl.lit(float(STORED_K)).alias(HORIZON), label=pl.Series(did))
    return LabelledRows(frame.filter(pl.Series(known)), model.features, scored)


def _closed(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(pl.Series(bought_within(rows, STORED_K)[1]))


def _others(rows: Rows, test: pl.DataFrame) -> dict[str, Floats]:
    """What simpler ways say of the same rows; they are fitted on the newest rows of training."""
    newest = rows.newest.filter(pl.col("as_of") == pl.col("as_of").max())
    return {
        POISSON: baselines.poisson(test, STORED_K),
        BG_NBD: baselines.BgNbd(newest).probability(test, STORED_K),
        RECENCY: baselines.recency_frequency(rows.newest, test, STORED_K),
    }


def _least_gains(
    ours: Floats, others: Mapping[str, Floats], test: LabelledRows, seed: int
) -> dict[str, float]:
    """The lower end of the 95 % interval, over cards, of what the model gains in ROC-AUC."""
    ranks = {name: ScoredLabels(one, test.label) for name, one in others.items()}
    mine = ScoredLabels(ours, test.label)
    drawn: dict[str, list[float]] = {name: [] for name in ranks}
    for weight in metrics.resampled(test.entity, seed):
        best = mine.roc_auc(weight)
        for name, one in ranks.items():
            drawn[name].append(best - one.roc_auc(weight))
    return {least_gain(name): float(np.quantile(found, 0.025)) for name, found in drawn.items()}


def _manifest(
    model: HazardModel, days: Mondays, figures: Figures, rows: Rows, costs: Costs
) -> Manifest:
    did, known = bought_within(rows.newest, STORED_K)
    return Manifest(
        kind=HAZARD,
        features=model.features,
        feature_hash=bundle.feature_hash(model.features),
        recipe={"feature_version": FEATURE_VERSION, "longest_horizon_days": model.longest},
        contract_version=CONTRACT_VERSION,
        threshold=model.threshold,
        costs=costs,
        params={"terms": str(len(model.terms)), "level": f"{model.level:.4f}",
                "slope": f"{model.slope:.4f}"},
        folds="none; split by time",
        train_start=days.learn[0],
        train_end=days.learn[-1],
        test_start=days.test[0],
        test_end=days.test[-1],
        score_from=days.test[-1] + timedelta(days=1),
        train_rows=rows.train.count(),
        train_positives=int((did & known).sum()),
        delta_versions={},
        git_commit="unknown",
        figures=figures,
        files={},
    )  # fmt: skip


def _gathered(rows: DataFrame) -> Gather:
    return here(_sorted(rows)) if rows.count() <= FEW_ROWS else in_tasks(rows)


def _sorted(rows: DataFrame) -> pl.DataFrame:
    found = cast(pl.DataFrame, pl.from_arrow(rows.toArrow()))
    return found.sort("as_of", "card")
