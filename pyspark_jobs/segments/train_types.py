"""Training of the types: chosen on earlier weeks, judged on later ones, registered behind gates."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
from pyspark.sql import DataFrame, SparkSession

from lakehouse.contracts import CONTRACT_VERSION
from lakehouse.domains.segments.card_features import FEATURE_VERSION
from lakehouse.domains.segments.domain import TYPES
from lakehouse.domains.segments.segments import LEAST_SHARE, SHOWN, TYPE_FEATURES
from lakehouse.domains.segments.structure import claim
from lakehouse.domains.settings import Settings
from lakehouse.errors import ModelError
from lakehouse.models import bundle, kmeans
from lakehouse.models.kmeans import KMeansScorer
from lakehouse.models.manifest import Costs, Figures, Manifest
from lakehouse.models.metric_text import text, title
from lakehouse.models.model_kinds import KMEANS, model_kind
from lakehouse.models.scoring import matrix
from lakehouse.registry import Registry
from lakehouse.registry.gates import Verdict
from pyspark_jobs.segments import cuts, types
from pyspark_jobs.segments.cuts import Cut
from pyspark_jobs.segments.types_gate import R2, TypesGate, reference
from pyspark_jobs.segments.weeks import SPENT_DAYS, Mondays, Week, weeks_of

PURPOSE = (
    "Says how a card usually buys: by how often, for how much and where in half a year. A segment "
    "is a type and how long the card has been quiet. It describes groups of cards; it says nothing "
    "of the person behind one."
)


@dataclass(frozen=True)
class Judged:
    """A cut, the week it was made from, the later one it is judged on, all weeks of the test."""

    cut: Cut
    first: Week
    later: Week
    weeks: list[Week]
    seed: int

    def figures(self) -> Figures:
        """R2 beside that of a rule, steadiness from week to week, shares and the gap to a null."""
        cut, first, later = self.cut, self.first, self.later
        cells = cut.segments(first), cut.segments(later)
        rule = cuts.rule(first, first), cuts.rule(first, later)
        ours, theirs = (cuts.guesses(one, first.spent, two) for one, two in (cells, rule))
        steady = cuts.steadiness(cut.model, self.weeks)
        gained = cuts.gain(ours, theirs, later, self.seed)
        rows = len(later.spent)
        return Figures(
            rows=rows,
            entities=rows,
            positives=0,
            ranking=R2,
            metrics={
                R2: cuts.r2(cut, first, later),
                "gain_on_rule": gained,
                "agreement": steady.agreement,
                "worst_agreement": steady.worst,
                "movers": steady.movers,
                "least_share": min(cuts.shares(cut, later).values()),
                "gap_to_null": types.gap_to_null(cut.model, first.features, self.seed),
            },
            baselines={
                "recency_and_frequency_rule": {
                    R2: types.explained(rule[0], first.spent, rule[1], later.spent)
                }
            },
        )


def train(
    spark: SparkSession, settings: Settings, registry: Registry, purchases: DataFrame, days: Mondays
) -> tuple[int, Verdict, Figures]:
    """Register types of the newest weeks; the version, whether it became champion, its figures."""
    seed = settings.model.seed
    learn, tests, later = _read(purchases, days)
    first = learn[-1]
    cut = cuts.fit(spark, first, cuts.choose(spark, learn, seed), seed)
    champion = registry.champion()
    if champion is not None:
        old = registry.load(champion).scorer
        if isinstance(old, KMeansScorer):
            cut = cuts.of(types.matched(cut.model, old.model), first)
    judged = Judged(cut, first, later, tests, seed)
    figures = judged.figures()
    with tempfile.TemporaryDirectory() as folder:
        sealed = _write(Path(folder), judged, _manifest(judged, days, figures, settings))
        version = registry.register(Path(folder), sealed)
    gate = TypesGate(registry, settings.model)
    return version.number, gate.promote(version.number), figures


def _read(purchases: DataFrame, days: Mondays) -> tuple[list[Week], list[Week], Week]:
    """Weeks to choose by, of which the last is fitted; those of the test; the one to judge on.

    Raises `ModelError` when holes leave fewer than two weeks to learn from.
    """
    closed = [day for day in days.learn if days.learned.days_ahead(day) >= SPENT_DAYS]
    if len(closed) < 2:
        raise ModelError(
            "training of types", "two Mondays with 28 recorded days after them",
            str(len(closed)), "wait for more purchases",
        )  # fmt: skip
    found = {one.day: one for one in weeks_of(purchases, (*closed, *days.test))}
    tests = [found[day] for day in days.test if day in found]
    return [found[day] for day in closed if day in found], tests, found[days.spent[-1]]


def _write(folder: Path, judged: Judged, manifest: Manifest) -> str:
    """Write and finalize the files of a version; returns the SHA-256 of the manifest.

    The reference are the types of the week that they were fitted on, and of the one that they were
    judged on.
    """
    model, weeks = judged.cut.model, (judged.first, judged.later)
    rows = reference(*weeks)
    scores = KMeansScorer(model).score(matrix(rows, model.features))
    rows = rows.with_columns(
        pl.Series(TYPES.prediction, scores.prediction),
        pl.Series(TYPES.score, scores.probability),
        pl.Series(TYPES.label, np.concatenate([judged.cut.segments(one) for one in weeks])),
    )
    (folder / model_kind(KMEANS).file).write_bytes(kmeans.encode(model))
    rows.write_parquet(folder / bundle.REFERENCE)
    (folder / bundle.CARD).write_text(_card(judged, manifest), encoding="utf-8")
    return bundle.finalize(folder, manifest)


def _card(judged: Judged, manifest: Manifest) -> str:
    figures = manifest.figures
    rows = [f"| {title(name)} | {text(name, one)} |" for name, one in figures.metrics.items()]
    said = claim(figures.value("gap_to_null"))
    return "\n\n".join(
        [
            "# Types of cards, k-means",
            PURPOSE,
            f"With {len(judged.cut.model.names)} types: {said}.",
            "\n".join(["| figure | value |", "| --- | --- |", *rows]),
        ]
    )


def _manifest(judged: Judged, days: Mondays, figures: Figures, settings: Settings) -> Manifest:
    shown = {str(cell): to for cell, to in judged.cut.shown.items()}
    count = len(judged.cut.model.names)
    return Manifest(
        kind=KMEANS,
        features=TYPE_FEATURES,
        feature_hash=bundle.feature_hash(TYPE_FEATURES),
        recipe={"feature_version": FEATURE_VERSION, SHOWN: shown},
        contract_version=CONTRACT_VERSION,
        threshold=KMeansScorer.threshold,
        costs=Costs(1.0, 1.0),
        params={"types": str(count), "seed": str(settings.model.seed), "floor": str(LEAST_SHARE)},
        folds="none; split by time",
        train_start=days.learn[0],
        train_end=judged.first.day,
        test_start=days.test[0],
        test_end=days.test[-1],
        score_from=days.test[-1] + timedelta(days=1),
        train_rows=len(judged.first.spent),
        train_positives=0,
        delta_versions={},
        git_commit="unknown",
        figures=figures,
        files={},
    )
