"""How well the segments' models do on later data, beside simpler ways: docs/model-segments.md.

Hazards are fitted in this process by the function that Spark tasks run; types by MLlib.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
from pyspark.sql import SparkSession
from sklearn.metrics import roc_auc_score

from bench.segments_data import Study
from lakehouse.domains.segments.card_features import YOUNG_DAYS, card_features
from lakehouse.domains.segments.next_purchase import bought_within, mondays
from lakehouse.domains.segments.segments import STATES, Numbers, cell, joined, show, state
from lakehouse.metrics import calibration_error
from lakehouse.models.forest import Floats
from lakehouse.models.hazard import HazardScorer
from lakehouse.models.kmeans import KMeansModel
from lakehouse.models.manifest import Interval
from pyspark_jobs.segments import baselines, train, types
from pyspark_jobs.segments.hazard_fit import here

HORIZONS, DRAWS, LONGEST = (1, 3, 7, 14, 30), 200, 90
HISTORY, REQUEST = "one hazard, history", "one hazard, three request fields"
POISSON, BG_NBD, RECENCY = "per-card Poisson", "BG/NBD", "recency + frequency, logistic per k"
WEEKS, SPENT_DAYS = 30, 28


@dataclass(frozen=True)
class Judged:
    """AUC, Brier score and calibration error of one way at one k; `gain` is ours less theirs.

    Gains are differences of AUC and of Brier score, each with a 95 % interval over cards; above 0
    means that the hazard on history is better.
    """

    auc: float
    brier: float
    error: float
    gain: tuple[Interval, Interval] | None = None


@dataclass(frozen=True)
class Spending:
    """`will_spend` on the test: rows, cards, unknown labels, and every way at every k.

    `monotone` is the share of rows whose P(k) never falls; `young` the AUC and Brier score of
    cards of less than 28 days at k = 7, with their number of rows.
    """

    rows: int
    cards: int
    unknown: dict[int, int]
    judged: dict[tuple[str, int], Judged]
    monotone: float
    young: tuple[int, float, float]


@dataclass(frozen=True)
class Cut:
    """Segments from one number of types: R2 in later data, week to week, and the least share.

    `r2` has that of the first and of each other pair of Mondays; `shown` are the segments.
    """

    types: int
    r2: float
    r2_all: float
    agreement: float
    worst: float
    movers: float
    least: float
    gap: float
    shown: int


def spending(study: Study) -> Spending:
    """Train both hazards and judge them beside the simpler ways."""
    rows, test = study.train_rows(), study.test_rows()
    newest = here(train.newest(rows))
    ours = HazardScorer(train.fit_history(here(rows), newest))
    three = HazardScorer(train.fit_request(here(rows), newest))
    curve = ours.curve(train.inputs(ours.model, test), LONGEST)
    asked = three.curve(train.inputs(three.model, test), LONGEST)
    bg_nbd = baselines.BgNbd(rows.filter(pl.col("as_of") == rows["as_of"].max()))
    ways: dict[str, Callable[[int], Floats]] = {
        HISTORY: lambda k: curve[:, k - 1],
        REQUEST: lambda k: asked[:, k - 1],
        POISSON: lambda k: baselines.poisson(test, k),
        BG_NBD: lambda k: bg_nbd.probability(test, k),
        RECENCY: lambda k: baselines.recency_frequency(rows, test, k),
    }
    judged: dict[tuple[str, int], Judged] = {}
    for k in HORIZONS:
        did, known = bought_within(test, k)
        said = {way: chance(k)[known] for way, chance in ways.items()}
        judged |= _judge(said, did[known], test["card"].filter(pl.Series(known)), k)
    young = (test["tenure"] < YOUNG_DAYS).to_numpy() & bought_within(test, 7)[1]
    did = bought_within(test, 7)[0][young].astype(float)
    chance = curve[young, 6]
    brier = float(((chance - did) ** 2).mean()) if young.any() else float("nan")
    return Spending(
        len(test),
        test["card"].n_unique(),
        {k: int((~bought_within(test, k)[1]).sum()) for k in HORIZONS},
        judged,
        float((np.diff(curve, axis=1) >= 0).all(axis=1).mean()),
        (int(young.sum()), _auc(did, chance), brier),
    )


def _judge(
    said: dict[str, Floats], did: np.ndarray, card: pl.Series, k: int
) -> dict[tuple[str, int], Judged]:
    """Every way at one k; gains come from the same draws of cards for all."""
    numbers = card.rank("dense").to_numpy().astype(np.int64) - 1
    draws = _draws(numbers) if k in (7, 30) else []
    found = {}
    for way, chance in said.items():
        plain = (_auc(did, chance), float(((chance - did) ** 2).mean()))
        gain = None
        if draws and way not in (HISTORY, REQUEST):
            gains = np.array([_gain(said[HISTORY][at], chance[at], did[at]) for at in draws])
            whole = _gain(said[HISTORY], chance, did)
            low, high = np.quantile(gains, (0.025, 0.975), axis=0)
            gain = (Interval(whole[0], low[0], high[0]), Interval(whole[1], low[1], high[1]))
        error = calibration_error(chance, did.astype(np.int64))
        found[way, k] = Judged(*plain, error, gain)
    return found


def _draws(cards: np.ndarray) -> list[np.ndarray]:
    """Rows of cards drawn anew, with replacement, again and again."""
    order = np.argsort(cards, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(cards))[:-1])
    rng = np.random.default_rng(0)
    return [
        np.concatenate([parts[at] for at in rng.integers(0, len(parts), len(parts))])
        for _ in range(DRAWS)
    ]


def _gain(ours: Floats, theirs: Floats, did: np.ndarray) -> tuple[float, float]:
    brier = float(((theirs - did) ** 2).mean() - ((ours - did) ** 2).mean())
    return _auc(did, ours) - _auc(did, theirs), brier


def _auc(did: np.ndarray, chance: Floats) -> float:
    return float(roc_auc_score(did, chance)) if 0 < did.sum() < len(did) else float("nan")


def cut(spark: SparkSession, study: Study, count: int) -> Cut:
    """Segments of `count` types, of the last Monday of training, judged on the last ones."""
    first = study.train[-1]
    features = card_features(study.purchases, first)
    model = types.fit_types(spark, features, count, seed=42)
    shown = joined(_cells(model, features), count, _spent(study, features, first))
    pairs = [(study.train[-1 - at], study.test[-1 - at]) for at in range(min(4, len(study.test)))]
    values = [_explained(study, model, shown, one, other) for one, other in pairs]
    weeks = mondays(first, study.coverage.last)[: WEEKS + 1]
    kinds = [_types(model, card_features(study.purchases, day)) for day in weeks]
    agreements = [types.agreement(a, b) for a, b in pairwise(kinds)]
    moved = [_moved(a, b) for a, b in pairwise(kinds)]
    later = show(_cells(model, card_features(study.purchases, study.test[-1])), shown)
    shares = [
        np.bincount(x)[np.unique(x)] / len(x) for x in (later, show(_cells(model, features), shown))
    ]
    return Cut(
        count, values[0], float(np.mean(values)), float(np.median(agreements)), min(agreements),
        float(np.median(moved)), float(min(map(min, shares))),
        types.gap_to_null(model, features, seed=42), len(set(shown.values())),
    )  # fmt: skip


def rules(study: Study) -> dict[str, float]:
    """R2 of the rules that segments have to beat, on the same two Mondays."""
    days = (study.train[-1], study.test[-1])
    sets = [card_features(study.purchases, day) for day in days]
    spent = [_spent(study, frame, day) for frame, day in zip(sets, days, strict=True)]

    def judged(cells: list[Numbers]) -> float:
        return types.explained(cells[0], spent[0], cells[1], spent[1])

    bought = [frame["days_bought"].to_numpy() for frame in sets]
    fifths = np.quantile(bought[0], (0.2, 0.4, 0.6, 0.8))
    thirds = [np.quantile(sets[0][name], (1 / 3, 2 / 3)) for name in ("recency", "days_bought")]
    nine = [
        np.searchsorted(thirds[0], frame["recency"]) * 3
        + np.searchsorted(thirds[1], frame["days_bought"])
        for frame in sets
    ]
    return {
        "3 x 3 rule, recency and frequency": judged([x.astype(np.int32) for x in nine]),
        "frequency quintiles": judged(
            [np.searchsorted(fifths, x).astype(np.int32) for x in bought]
        ),
    }


def _explained(
    study: Study, model: KMeansModel, shown: dict[int, int], first: date, later: date
) -> float:
    sets = [card_features(study.purchases, day) for day in (first, later)]
    cells = [show(_cells(model, frame), shown) for frame in sets]
    spent = [_spent(study, frame, day) for frame, day in zip(sets, (first, later), strict=True)]
    return types.explained(cells[0], spent[0], cells[1], spent[1])


def _spent(study: Study, features: pl.DataFrame, day: date) -> Floats:
    """log(1 + spending in the 28 days from `day` on) of the cards of `features`."""
    ahead = pl.col("date").is_between(day, day + timedelta(days=SPENT_DAYS - 1))
    bought = study.purchases.filter(ahead & (pl.col("amount") > 0))
    sums = bought.group_by("card").agg(spent=pl.col("amount").sum().cast(pl.Float64))
    joined_up = features.select("card").join(sums, on="card", how="left", maintain_order="left")
    spent: Floats = np.log1p(joined_up["spent"].fill_null(0.0).to_numpy())
    return spent


def _cells(model: KMeansModel, features: pl.DataFrame) -> Numbers:
    return cell(types.assign(model, features), state(features["recency"].to_numpy()))


def _types(model: KMeansModel, features: pl.DataFrame) -> dict[str, int]:
    return dict(zip(features["card"], types.assign(model, features).tolist(), strict=True))


def _moved(before: dict[str, int], after: dict[str, int]) -> float:
    both = before.keys() & after.keys()
    return sum(before[x] != after[x] for x in both) / max(len(both), 1)


__all__ = ["STATES", "Cut", "Judged", "Spending", "cut", "rules", "spending"]
