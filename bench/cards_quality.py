"""How well card frauds are ranked: in worlds with an oracle, and on the public simulation."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.alarm_model import START
from bench.cards_filter import Learner
from flaskapp.cards.world.behaviour import PLANS
from flaskapp.cards.world.world import World
from lakehouse import metrics
from lakehouse.domains.cards.card_state import CardState, step
from lakehouse.domains.cards.features import STATELESS
from lakehouse.domains.cards.transaction import transaction
from lakehouse.metrics import Labels, ScoredLabels
from lakehouse.models.forest import Floats
from lakehouse.models.manifest import Interval
from lakehouse.settings import ROOT
from pyspark_jobs.cards.forest import Recipe

DATA = Path(os.environ.get("REAL_DATA_DIR", ROOT.parent / "shared" / "data")) / "sparkov"
HEAD = DATA / "fraudtrain_head_2019-01.csv"
STREAM = DATA / "fraudtrain_all_frauds_plus_2020-03_stream.csv.gz"
# From here on the stream has honest transactions as well.
WINDOW = "2020-03-08 06:18"
# The share of frauds in the whole public training file.
PRIOR = 0.0058
FRAUD_RATE, ALERTS = 0.01, 0.01
CARDS, ALONE, LINEAR, SMOTE = (
    "forest", "forest, without the card's history", "logistic regression",
    "numbers only, SMOTE, 5,000 rows",
)  # fmt: skip


@dataclass(frozen=True)
class Study:
    """Rows in order of time, where the test begins, and what each card's rows say of themselves.

    `weight` corrects for frauds that were put in on top. `bounds` are rankings that know the laws.
    """

    rows: Floats
    label: Labels
    card: Labels
    weight: Floats
    train_from: int
    test_from: int
    bounds: Mapping[str, Floats]


@dataclass(frozen=True)
class Figures:
    """PR-AUC and the recall of the best one per cent, with 95 % intervals over cards."""

    pr_auc: Interval
    recall: Interval


@dataclass(frozen=True)
class Judged:
    """All rankings of one test, by name; `share` is ours divided by each bound's PR-AUC."""

    rows: int
    frauds: int
    found: dict[str, Figures]
    share: dict[str, Interval]


def of_world(seed: int, cards: int, days: float) -> Study:
    """A world's transactions, with its oracle and the filter that learns habits."""
    world = World(cards, seed, FRAUD_RATE, START, PLANS["steady"])
    learners: dict[str, Learner] = {}
    rows, oracle, learned = [], [], []
    for one in world.transactions(days):
        day = (one.row["unix_time"] - START.timestamp()) / 86_400
        who = learners.setdefault(one.row["cc_num"], Learner(FRAUD_RATE))
        learned.append(who.judge(one.row, day, world.plan.at(day)))
        oracle.append(one.oracle)
        rows.append(one.row)
    made = _features(rows)
    bounds = {"oracle": np.array(oracle), "filter": np.array(learned)}
    count = len(rows)
    return Study(*made, np.ones(count), count // 8, count * 2 // 3, bounds)


def sparkov() -> Study:
    """The public simulation: the first days and all earlier frauds to train on, three days to test.

    Raises `FileNotFoundError` without the files.
    """
    if not (HEAD.exists() and STREAM.exists()):
        raise FileNotFoundError(f"{DATA} has no {HEAD.name}; REAL_DATA_DIR names the folder")
    frames = [pl.read_csv(one, infer_schema_length=0) for one in (HEAD, STREAM)]
    frame = pl.concat(frames).unique("trans_num", keep="first", maintain_order=True)
    numbers = ("amt", "lat", "long", "merch_lat", "merch_long")
    frame = frame.with_columns(
        pl.col(numbers).cast(pl.Float64), pl.col("is_fraud", "city_pop").cast(pl.Int64)
    ).sort("trans_date_trans_time", "trans_num")
    rows = frame.to_dicts()
    made = _features(rows)
    test_from = sum(row["trans_date_trans_time"] < WINDOW for row in rows)
    label = made[1][:test_from]
    honest = PRIOR * (1 - label).sum() / ((1 - PRIOR) * max(label.sum(), 1))
    weight = np.ones(len(rows))
    weight[:test_from] = np.where(label == 1, honest, 1.0)
    return Study(*made, weight, 0, test_from, {})


def judge(study: Study, seed: int) -> Judged:
    """All rankings of the test rows, on the same draws of cards."""
    train, test = slice(study.train_from, study.test_from), slice(study.test_from, None)
    scores = _rankings(study, train, test)
    scores |= {name: one[test] for name, one in study.bounds.items()}
    truth = study.label[test]
    ranked = {name: ScoredLabels(one, truth) for name, one in scores.items()}
    entity = metrics.numbered(pl.Series(study.card[test]))
    drawn: dict[str, list[tuple[float, float]]] = {name: [] for name in ranked}
    for weight in metrics.resampled(entity, seed):
        for name, one in ranked.items():
            drawn[name].append((one.pr_auc(weight), _recall(scores[name], truth, weight)))
    found = {
        name: Figures(
            metrics.interval(one.pr_auc(), [pr for pr, _ in drawn[name]]),
            metrics.interval(
                _recall(scores[name], truth, np.ones(len(truth))),
                [recall for _, recall in drawn[name]],
            ),
        )
        for name, one in ranked.items()
    }
    share = {
        name: metrics.interval(
            found[CARDS].pr_auc.value / found[name].pr_auc.value,
            [a / b for (a, _), (b, _) in zip(drawn[CARDS], drawn[name], strict=True)],
        )
        for name in study.bounds
    }
    return Judged(len(truth), int(truth.sum()), found, share)


def _rankings(study: Study, train: slice, test: slice) -> dict[str, Floats]:
    rows, label, weight = study.rows[train], study.label[train], study.weight[train]
    later, alone = study.rows[test], len(STATELESS)
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
    linear.fit(rows, label, logisticregression__sample_weight=weight)
    return {
        CARDS: _forest(rows, label, weight, later),
        ALONE: _forest(rows[:, :alone], label, weight, later[:, :alone]),
        LINEAR: linear.decision_function(later),
        SMOTE: _with_smote(rows[:, :alone], label, later[:, :alone]),
    }


def _forest(rows: Floats, label: Labels, weight: Floats, test: Floats) -> Floats:
    """A forest by the recipe that training grows it by, in this process."""
    recipe = Recipe()
    frauds = (weight * label).sum()
    weight = weight * np.where(label == 1, (weight.sum() - frauds) / frauds, 1.0) ** 0.5
    grown = RandomForestClassifier(
        recipe.trees, max_depth=recipe.depth, min_samples_leaf=recipe.min_rows,
        random_state=recipe.seed,
    ).fit(rows, label, sample_weight=weight)  # fmt: skip
    found: Floats = grown.predict_proba(test)[:, 1]
    return found


def _with_smote(rows: Floats, label: Labels, test: Floats) -> Floats:
    """The recipe that this replaces: scaled numbers, SMOTE, a balanced forest, 5,000 rows."""
    from imblearn import over_sampling
    from imblearn.pipeline import make_pipeline as with_sampling

    recipe = with_sampling(
        StandardScaler(),
        over_sampling.SMOTE(random_state=42),
        RandomForestClassifier(150, class_weight="balanced", random_state=42),
    )
    found: Floats = recipe.fit(rows[:5_000], label[:5_000]).predict_proba(test)[:, 1]
    return found


def _features(rows: Iterable[dict[str, Any]]) -> tuple[Floats, Labels, Labels]:
    """Features, labels and numbers of the cards of transactions in order; all of them are new."""
    states: dict[str, CardState] = {}
    found, label, card = [], [], []
    numbers: dict[str, int] = {}
    for row in rows:
        moment = datetime.fromisoformat(row["trans_date_trans_time"]).replace(tzinfo=UTC)
        event = transaction({**row, "trans_date_trans_time": moment})
        values = step(states.setdefault(event.card, CardState()), event)
        assert values is not None, f"{event.id} is repeated"
        found.append(values)
        label.append(int(row["is_fraud"]))
        card.append(numbers.setdefault(event.card, len(numbers)))
    return np.array(found), np.array(label, np.int64), np.array(card, np.int64)


def _recall(score: Floats, truth: Labels, weight: Floats) -> float:
    """The share of frauds among the best-ranked one per cent of all rows."""
    order = np.argsort(-score, kind="stable")
    top = np.cumsum(weight[order]) <= ALERTS * weight.sum()
    frauds = (weight * truth)[order]
    return float(frauds[top].sum() / frauds.sum()) if frauds.sum() else float("nan")
