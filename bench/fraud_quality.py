"""How well fraud models rank: on public card data in order of time, and beside an oracle."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from pyspark.sql import SparkSession
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from flaskapp.fraud import oracle
from flaskapp.fraud.laws import Laws
from flaskapp.fraud.world import CardWorld
from lakehouse.domains.fraud.contracts import FEATURES
from lakehouse.domains.settings import Settings
from lakehouse.models.forest import Floats
from lakehouse.models.half_space_trees import HalfSpaceTrees, TreeShape
from lakehouse.models.manifest import Interval, Metrics
from lakehouse.settings import ROOT
from pyspark_jobs.fraud import candidates, evaluation
from pyspark_jobs.fraud.candidates import Candidate, Labels, Recent, Rows
from pyspark_jobs.fraud.evaluation import Judged

DATA = Path(os.environ.get("REAL_DATA_DIR", ROOT.parent / "shared" / "data"))
ULB = DATA / "ulb_creditcard" / "creditcard_enriched_first70.csv.gz"
TRAIN_UNTIL, BASE_RATE, RECENT, TRAINED = 72_573, 0.00173, 0.2, 0.75
WORLD_RATE, ACCOUNTS = 0.005, 2_000
CHAMPION, ONLINE = "champion", "Half-Space Trees {} x 8, online"


@dataclass(frozen=True)
class Split:
    """Rows in order of time as arrays, and where the test begins.

    `oracle` is what a world's oracle says of all rows; None without one.
    """

    rows: Floats
    label: Labels
    test_from: int
    weight_of_honest: float = 1.0
    seed: int = 1
    oracle: Floats | None = None

    @property
    def test(self) -> Floats:
        """The test rows."""
        return self.rows[self.test_from :]

    @property
    def judged(self) -> Judged:
        """The labels of the test rows, and what each of these stands for."""
        label = self.label[self.test_from :]
        return Judged(label, self._weight(label), np.arange(len(label)), self.seed)

    def compete(self, spark: SparkSession, settings: Settings) -> list[Candidate]:
        """The candidates as training fits them, the best on the recent rows first."""
        older = int(self.test_from * (1 - RECENT))
        label = self.label[older : self.test_from]
        weight = self._weight(label)
        newer, alerts = self.rows[older : self.test_from], settings.fraud.learner.alert_rate
        recent = Recent(newer, label, weight, alerts)
        rows = Rows(self.rows[: self.test_from], self.label[: self.test_from], older)
        fitted = [
            candidates.logistic(rows, recent),
            candidates.forest(spark, rows, recent, settings),
            candidates.half_space(self.rows[:older], recent, settings),
        ]
        found = {one.name: one for one in fitted if one is not None}
        judged = Judged(label, weight, np.arange(len(label)), self.seed)
        winner = evaluation.best(judged, {name: one.ranked for name, one in found.items()})
        return [found.pop(winner), *found.values()]

    def _weight(self, label: Labels) -> Floats:
        return np.where(label == 1, 1.0, self.weight_of_honest)


def public() -> Split:
    """The public rows, their honest payments weighted to the true share of frauds.

    Raises `FileNotFoundError` where they are not at hand.
    """
    if not ULB.exists():
        raise FileNotFoundError(f"{ULB} is not there; REAL_DATA_DIR names the folder of real data")
    found = pl.read_csv(ULB).sort("Time", maintain_order=True)
    label = found["Class"].cast(pl.Int64).to_numpy()
    test_from = int((found["Time"] <= TRAIN_UNTIL).sum())
    frauds, honest = int(label.sum()), int((1 - label).sum())
    weight = frauds * (1 - BASE_RATE) / BASE_RATE / honest
    rows = found.select(pl.col(FEATURES).cast(pl.Float64)).to_numpy()
    return Split(np.ascontiguousarray(rows), label, test_from, weight)


def of_world(seed: int, count: int) -> Split:
    """A world's payments, and what its oracle says of them."""
    world = CardWorld(Laws.draw(seed, ACCOUNTS, WORLD_RATE))
    drawn = world.rows(0, count)
    rows = np.ascontiguousarray(drawn.select(FEATURES).to_numpy())
    label = drawn["Class"].cast(pl.Int64).to_numpy()
    known = oracle.probabilities(world, drawn)
    return Split(rows, label, int(count * TRAINED), seed=seed, oracle=known)


def compared(split: Split, spark: SparkSession, settings: Settings) -> dict[str, Metrics]:
    """Figures of all models on the test rows, ours first; the champion is named so."""
    judged, found = split.judged, dict[str, Metrics]()
    for number, one in enumerate(split.compete(spark, settings)):
        if one.name != "half_space_trees":
            name = f"{one.name.replace('_', ' ')}{'' if number else f', {CHAMPION}'}"
            found[name] = judged.rankings(one.scorer.score(split.test).probability)
    for trees in (100, 10):
        grown = HalfSpaceTrees.grow(FEATURES, TreeShape(trees), 42)
        online = grown.score_and_learn(split.rows)[0][split.test_from :]
        found[ONLINE.format(trees)] = judged.rankings(online)
    return found | _others(split)


def _others(split: Split) -> dict[str, Metrics]:
    """The same by models of scikit-learn."""
    train, label = split.rows[: split.test_from], split.label[: split.test_from]
    isolation = IsolationForest(n_estimators=100, max_samples=256, random_state=1).fit(train)
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1_000))
    boosted = HistGradientBoostingClassifier(random_state=1).fit(train, label)
    scores = {
        "isolation forest": -isolation.score_samples(split.test),
        "logistic regression": linear.fit(train, label).decision_function(split.test),
        "gradient boosting": boosted.predict_proba(split.test)[:, 1],
    }
    return {f"scikit-learn {name}": split.judged.rankings(score) for name, score in scores.items()}


@dataclass(frozen=True)
class OfWorld:
    """The champion of a world: its PR-AUC, the oracle's on the same rows, and their quotient.

    `noise` is the PR-AUC of a model that was trained on the same rows with labels dealt out at
    random; `base_rate` is what it should have.
    """

    seed: int
    rows: int
    champion: str
    pr_auc: Interval
    oracle: Interval
    share: Interval
    noise: float
    base_rate: float


def on_world(seed: int, count: int, spark: SparkSession, settings: Settings) -> OfWorld:
    """Judge the champion of a world beside its oracle."""
    split = of_world(seed, count)
    assert split.oracle is not None
    champion, *_ = split.compete(spark, settings)
    score = champion.scorer.score(split.test).probability
    pr_auc, best, share = split.judged.beside(score, split.oracle[split.test_from :])
    return OfWorld(
        seed, count, champion.name.replace("_", " "), pr_auc, best, share, _of_noise(split),
        float(split.judged.label.mean()),
    )  # fmt: skip


def _of_noise(split: Split) -> float:
    dealt = np.random.default_rng(split.seed).permutation(split.label)
    noisy = Split(split.rows, dealt, split.test_from, seed=split.seed)
    train, label = noisy.rows[: noisy.test_from], noisy.label[: noisy.test_from]
    fitted = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1_000))
    score = fitted.fit(train, label).predict_proba(noisy.test)[:, 1]
    return noisy.judged.pr_auc(score)
