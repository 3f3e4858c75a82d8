"""How well fraud models rank: on public card data in order of time, and on worlds with an oracle.

`python -m bench.fraud_quality` writes docs/model-fraud.md; REAL_DATA_DIR names the folder with
`ulb_creditcard`, which is public data and never part of this project.
"""

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

from bench.stand import Stand, scratch
from flaskapp.fraud import oracle
from flaskapp.fraud.laws import Laws
from flaskapp.fraud.world import CardWorld
from lakehouse.domains.fraud.contracts import FEATURES
from lakehouse.domains.settings import Settings
from lakehouse.metrics import ScoredLabels
from lakehouse.models.forest import Floats
from lakehouse.models.half_space_trees import HalfSpaceTrees, TreeShape
from lakehouse.models.manifest import Interval, Metrics
from lakehouse.settings import ROOT
from lakehouse.settings.model import LakeSettings, ModelSettings
from pyspark_jobs.fraud import candidates, evaluation
from pyspark_jobs.fraud.candidates import Candidate, Recent, Rows
from pyspark_jobs.fraud.evaluation import Judged

PAGE = ROOT / "docs" / "model-fraud.md"
DATA = Path(os.environ.get("REAL_DATA_DIR", ROOT.parent / "shared" / "data"))
ULB = DATA / "ulb_creditcard" / "creditcard_enriched_first70.csv.gz"
TRAIN_UNTIL, BASE_RATE, RECENT = 72_573, 0.00173, 0.2
WORLD_ROWS, WORLD_TRAIN, WORLD_RATE = 200_000, 150_000, 0.005
SEEDS = (101, 102, 103, 104, 105)
SHOWN = ("pr_auc", "roc_auc", "recall_at_01", "recall_at_05", "recall_at_1")


@dataclass(frozen=True)
class Split:
    """Rows in order of time as arrays, and where the test begins."""

    rows: Floats
    label: np.ndarray[tuple[int], np.dtype[np.int64]]
    test_from: int
    weight_of_honest: float
    seed: int = 1

    @property
    def judged(self) -> Judged:
        """The test rows."""
        label = self.label[self.test_from :]
        weight = np.where(label == 1, 1.0, self.weight_of_honest)
        return Judged(label, weight, np.arange(len(label)), self.seed)

    def compete(self, spark: SparkSession, settings: Settings) -> list[Candidate]:
        """The candidates as training fits them, the best on the recent rows first."""
        recent_from = int(self.test_from * (1 - RECENT))
        older, newer = slice(0, recent_from), slice(recent_from, self.test_from)
        label = self.label[newer]
        weight = np.where(label == 1, 1.0, self.weight_of_honest)
        recent = Recent(self.rows[newer], label, weight, settings.fraud.learner.alert_rate)
        train = slice(0, self.test_from)
        rows = Rows(self.rows[train], self.label[train], recent_from)
        fitted = [
            candidates.logistic(rows, recent),
            candidates.forest(spark, rows, recent, settings),
            candidates.half_space(self.rows[older], recent, settings),
        ]
        found = {one.name: one for one in fitted if one is not None}
        judged = Judged(label, weight, np.arange(len(label)), self.seed)
        winner = evaluation.best(judged, {name: one.ranked for name, one in found.items()})
        return [found.pop(winner), *found.values()]


def public() -> Split:
    """The public rows, their honest payments weighted to the true share of frauds."""
    found = pl.read_csv(ULB).sort("Time", maintain_order=True)
    label = found["Class"].cast(pl.Int64).to_numpy()
    test_from = int((found["Time"] <= TRAIN_UNTIL).sum())
    frauds, honest = int(label.sum()), int((1 - label).sum())
    weight = frauds * (1 - BASE_RATE) / BASE_RATE / honest
    rows = found.select(pl.col(FEATURES).cast(pl.Float64)).to_numpy()
    return Split(np.ascontiguousarray(rows), label, test_from, weight)


def of_world(seed: int) -> tuple[Split, Floats]:
    """A world's payments, and what its oracle says of them."""
    world = CardWorld(Laws.draw(seed, 2_000, WORLD_RATE))
    drawn = world.rows(0, WORLD_ROWS)
    rows = np.ascontiguousarray(drawn.select(FEATURES).to_numpy())
    label = drawn["Class"].cast(pl.Int64).to_numpy()
    return Split(rows, label, WORLD_TRAIN, 1.0, seed), oracle.probabilities(world, drawn)


def on_public(spark: SparkSession, settings: Settings) -> dict[str, Metrics]:
    """Figures of all models on the public rows, ours first."""
    split = public()
    judged, test, train = split.judged, split.rows[split.test_from :], split.rows[: split.test_from]
    found: dict[str, Metrics] = {}
    for number, one in enumerate(split.compete(spark, settings)):
        if one.name != "half_space_trees":
            name = f"{one.name.replace('_', ' ')}{', champion' if not number else ''}"
            found[name] = judged.rankings(one.scorer.score(test).probability)
    for trees in (100, 10):
        grown = HalfSpaceTrees.grow(FEATURES, TreeShape(trees), 42)
        online = grown.score_and_learn(split.rows)[0][split.test_from :]
        found[f"Half-Space Trees {trees} x 8, online"] = judged.rankings(online)
    isolation = IsolationForest(n_estimators=100, max_samples=256, random_state=1).fit(train)
    found["scikit-learn IsolationForest"] = judged.rankings(-isolation.score_samples(test))
    label = split.label[: split.test_from]
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1_000))
    found["scikit-learn logistic regression"] = judged.rankings(
        linear.fit(train, label).decision_function(test)
    )
    boosted = HistGradientBoostingClassifier(random_state=1).fit(train, label)
    found["scikit-learn gradient boosting"] = judged.rankings(boosted.predict_proba(test)[:, 1])
    return found


def on_worlds(spark: SparkSession, settings: Settings) -> list[tuple[int, str, float, float]]:
    """Seed, champion, its PR-AUC and the oracle's, world by world."""
    rows = []
    for seed in SEEDS:
        split, known = of_world(seed)
        champion, *_ = split.compete(spark, settings)
        label = split.label[split.test_from :]
        score = champion.scorer.score(split.rows[split.test_from :]).probability
        best = ScoredLabels(known[split.test_from :], label).pr_auc()
        rows.append((seed, champion.name, ScoredLabels(score, label).pr_auc(), best))
    return rows


TOP = """# How good the fraud models are

Generated by `python -m bench.fraud_quality`. PR-AUC comes first, and ROC-AUC never stands alone:
with one fraud in six hundred payments, a ROC-AUC of .95 goes with a PR-AUC of .3 to .5.

## Public card payments, in order of time

European cardholders, two days of September 2013 (ULB machine learning group): the part of the set
that is freely to be had, {rows:,} payments, trained up to second {until:,} and tested on the later
ones ({frauds} frauds). Frauds are over-represented in it, so honest payments count {weight:.1f}
times, which gives the true share of {rate:.3%}. Recall is within a budget of alerts: 0.1, 0.5 and 1
percent of all payments. Intervals are 95 % bootstrap intervals.

| model | PR-AUC | ROC-AUC | recall at 0.1 % | at 0.5 % | at 1 % |
| --- | --- | --- | --- | --- | --- |
"""
MIDDLE = """
Half-Space Trees need no labels: they are the cold start and tell how unusual a payment is. What
raises alarms is trained on truth.

## Worlds with an oracle

{rows:,} simulated payments, trained on the first {train:,}; nothing was tuned on these seeds. The
oracle is a filter that knows the world's laws and sees the events in order, but neither truth nor
the accounts' habits; nobody can rank better by more than chance.

| seed | champion | PR-AUC | oracle | share |
| --- | --- | --- | --- | --- |
"""


def page(found: dict[str, Metrics], worlds: list[tuple[int, str, float, float]]) -> str:
    """The page for these figures."""
    split = public()
    text = TOP.format(
        rows=len(split.label), until=TRAIN_UNTIL, rate=BASE_RATE,
        frauds=int(split.label[split.test_from :].sum()), weight=split.weight_of_honest,
    )  # fmt: skip
    for name, one in found.items():
        text += f"| {name} | {' | '.join(_cell(one[shown]) for shown in SHOWN)} |\n"
    text += MIDDLE.format(rows=WORLD_ROWS, train=WORLD_TRAIN)
    for seed, name, ours, best in worlds:
        text += (
            f"| {seed} | {name.replace('_', ' ')} | {ours:.3f} | {best:.3f} | {ours / best:.3f} |\n"
        )
    share = min(ours / best for *_, ours, best in worlds)
    return text + f"\nThe least share is {share:.3f}.\n"


def _cell(metric: Interval | float) -> str:
    return str(metric)


def main() -> None:
    """Measure and write the page."""
    with Stand() as stand, scratch() as folder:
        spark = stand.session("2g")
        settings = Settings(
            lake=LakeSettings(uri=str(folder)), state_dir=str(folder), model=ModelSettings()
        )
        text = page(on_public(spark, settings), on_worlds(spark, settings))
    print(text)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
