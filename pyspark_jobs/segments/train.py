"""Trains the domain's models on rows of closed windows: types, and the two hazards."""

from __future__ import annotations

import math
from datetime import date, timedelta

import msgspec
import numpy as np
import polars as pl

from lakehouse.domains.segments.next_purchase import FIRST_DAY, HORIZON, LONGEST
from lakehouse.models.forest import Floats
from lakehouse.models.hazard import HazardModel, HazardScorer
from lakehouse.models.hazard_terms import Term
from pyspark_jobs.segments.hazard_fit import Gather, fit, recalibrate
from pyspark_jobs.segments.hazard_terms import (
    HISTORY,
    REQUEST,
    ROLES,
    history_terms,
    request_terms,
)

NEWEST = timedelta(weeks=8)
# The probability that stands for a card when intervals are taken: within a week.
_WEEK = 7
_INTERVAL = (0.025, 0.975)


def blank(features: tuple[str, ...], terms: tuple[Term, ...], waited: str) -> HazardModel:
    """A hazard of these terms that nothing has been fitted to."""
    return HazardModel(
        features=(*features, *ROLES),
        first_day=FIRST_DAY,
        horizon=HORIZON,
        waited=waited,
        terms=terms,
        intercept=0.0,
        level=0.0,
        slope=0.0,
        longest=LONGEST,
        threshold=0.5,
        low=0.0,
        high=0.0,
    )


def fit_history(gather: Gather, newest: Gather) -> HazardModel:
    """The hazard of a card whose history is known, recalibrated on the newest closed labels."""
    model = fit(blank(HISTORY, history_terms(), waited="recency"), gather).model
    return recalibrate(model, newest)


def fit_request(gather: Gather, newest: Gather) -> HazardModel:
    """The hazard of a request that has three numbers and no history, recalibrated likewise."""
    model = fit(blank(REQUEST, request_terms(), waited=""), gather).model
    return recalibrate(model, newest)


def newest(rows: pl.DataFrame, weeks: timedelta = NEWEST) -> pl.DataFrame:
    """The rows of the last weeks: those whose labels closed last."""
    last: date = rows["as_of"].max()  # type: ignore[assignment]
    return rows.filter(pl.col("as_of") > last - weeks)


def with_interval(model: HazardModel, rows: pl.DataFrame, known: HazardModel) -> HazardModel:
    """The model with the interval in which the better informed model's probabilities lie.

    For 95 % of `rows` the log-odds of `known` within a week are between `low` and `high` of those
    of `model`: how far a card can be from what its three numbers say.
    """
    apart = _log_odds(known, rows) - _log_odds(model, rows)
    low, high = np.quantile(apart, _INTERVAL)
    return msgspec.structs.replace(model, low=min(float(low), 0.0), high=max(float(high), 0.0))


def with_sampling_interval(model: HazardModel, rows: pl.DataFrame, draws: int = 200) -> HazardModel:
    """The model with the interval of its level when cards are drawn anew, 200 times.

    In a draw, each card counts as often as it is drawn; the level's error is the log-odds of what
    the cards did within a week less those of what was expected of them.
    """
    expected = HazardScorer(model).curve(inputs(model, rows), _WEEK)[:, -1]
    did = ((rows["wait"] > 0) & (rows["wait"] <= _WEEK)).to_numpy().astype(float)
    frame = pl.DataFrame({"card": rows["card"], "did": did, "expected": expected})
    cards = frame.group_by("card", maintain_order=True).sum().select("did", "expected").to_numpy()
    count = frame.group_by("card", maintain_order=True).len()["len"].to_numpy()
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, len(cards), len(cards)) for _ in range(draws)]
    shares = [cards[one].sum(axis=0) / count[one].sum() for one in drawn]
    errors = [math.log(d / (1 - d)) - math.log(e / (1 - e)) for d, e in shares]
    low, high = np.quantile(errors, _INTERVAL)
    return msgspec.structs.replace(model, low=min(float(low), 0.0), high=max(float(high), 0.0))


def inputs(model: HazardModel, rows: pl.DataFrame) -> Floats:
    """The model's inputs of some rows, with a k of 1."""
    chosen = rows.with_columns(pl.lit(1.0).alias(HORIZON)).select(model.features)
    return np.ascontiguousarray(chosen.cast(pl.Float64).to_numpy())


def _log_odds(model: HazardModel, rows: pl.DataFrame) -> Floats:
    chance = HazardScorer(model).curve(inputs(model, rows), _WEEK)[:, -1].clip(1e-9, 1 - 1e-9)
    odds: Floats = np.log(chance / (1 - chance))
    return odds
