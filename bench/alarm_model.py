"""A forest for measuring the alarm path, the same in every process that makes it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from flaskapp.cards.world.world import World
from lakehouse.domains.cards import features
from lakehouse.domains.cards.card_state import CardState, step
from lakehouse.domains.cards.transaction import transaction
from lakehouse.models import forest as flat
from lakehouse.models import forest_scorer, onnx_file
from lakehouse.models.bundle import Bundle
from lakehouse.models.calibration import Calibration
from lakehouse.models.forest import LEAF, Floats, Forest
from lakehouse.models.forest_model import ForestModel
from lakehouse.models.forest_scorer import ForestScorer
from lakehouse.models.manifest import FOREST
from lakehouse.registry import ModelVersion
from lakehouse.registry.standing import Standing
from pyspark_jobs.cards.forest import binned, cuts

START = datetime(2026, 1, 1, tzinfo=UTC)
TREES, DEPTH = 100, 10


def labelled(world: World, days: float) -> tuple[Floats, Floats, Floats]:
    """Features, labels and the oracle's chances of a world's transactions, in order."""
    states: dict[str, CardState] = {}
    rows, label, oracle = [], [], []
    for one in world.transactions(days):
        moment = datetime.fromisoformat(one.row["trans_date_trans_time"]).replace(tzinfo=UTC)
        event = transaction({**one.row, "trans_date_trans_time": moment})
        found = step(states.setdefault(event.card, CardState()), event)
        if found is not None:
            rows.append(found)
            label.append(float(one.is_fraud))
            oracle.append(one.oracle)
    return np.array(rows), np.array(label), np.array(oracle)


@cache
def model() -> ForestModel:
    """A forest of 100 trees of depth 10 on a small world."""
    rows, label, _ = labelled(World(100, start=START), 20)
    at = cuts(rows)
    grown = RandomForestClassifier(TREES, max_depth=DEPTH, random_state=1)
    grown.fit(binned(rows, at), label.astype(int))
    trees = [one.tree_ for one in grown.estimators_]
    return ForestModel(features.NAMES, _flat(trees, at), Calibration(1.0, 0.0), 0.5)


@cache
def scorer() -> ForestScorer:
    """What scores with it."""
    return ForestScorer(model())


class Versions:
    """A registry whose champion is that forest."""

    def standing(self) -> Standing:
        """The one version, which is champion."""
        one = ModelVersion(
            number=1, run_id="bench", created_at=START, manifest_sha256="", score_from=START.date(),
            metric="pr_auc", figure="", promoted_at=START, approved_by=None, verdicts=(),
            alias="champion",
        )  # fmt: skip
        return Standing({1: one}, champion=1)

    def load(self, _: ModelVersion) -> Bundle:
        """As much of a bundle as the door and the lake read."""
        manifest = SimpleNamespace(
            recipe={}, kind=FOREST, details=forest_scorer.details(model()), features=features.NAMES
        )
        file = onnx_file.encode(model())
        return cast(Bundle, SimpleNamespace(scorer=scorer(), manifest=manifest, file=file))

    def version(self, number: int) -> ModelVersion:
        """The one version."""
        return self.standing().versions[number]


def _flat(trees: list[Any], at: list[Floats]) -> Forest:
    sizes = np.array([tree.node_count for tree in trees])
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    start = np.repeat(roots, sizes)
    left, right, feature, place = (
        np.concatenate([getattr(tree, name) for tree in trees])
        for name in ("children_left", "children_right", "feature", "threshold")
    )
    value = np.concatenate([tree.value[:, 0, 1] / tree.value[:, 0].sum(axis=1) for tree in trees])
    inner = left >= 0
    threshold = np.zeros(len(left))
    threshold[inner] = [
        at[column][int(cut)] for column, cut in zip(feature[inner], place[inner], strict=True)
    ]
    children = np.stack([np.where(inner, side + start, LEAF) for side in (left, right)], axis=1)
    return flat.from_nodes(
        roots, np.where(inner, feature, 0), threshold, children, value
    ).with_questions()
