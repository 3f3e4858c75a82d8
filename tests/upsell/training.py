"""Hours whose offers were answered, to a logistic regression in the registry."""

from __future__ import annotations

import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec
import polars as pl
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from lakehouse import metrics, store
from lakehouse.models import bundle, linear
from lakehouse.models.linear import LinearModel, LinearScorer
from lakehouse.models.manifest import Costs, Figures, Manifest
from lakehouse.models.model_kinds import LINEAR
from lakehouse.names import table_uri
from lakehouse.registry import Registry
from lakehouse.registry.gates import Gates, Verdict
from lakehouse.settings import Settings
from pyspark_jobs.training.bundle_writer import TrainedModel, write_bundle
from pyspark_jobs.training.evaluate import Evaluation, evaluate
from pyspark_jobs.training.sample import LabelledRows
from tests.upsell.domain import FEATURES, OFFERS, UPSELL_SCORES, USAGE_BY_HOUR

PURPOSE = "Who takes a larger tariff when it is offered, from the usage of one hour."
COSTS = Costs(false_negative=5.0, false_positive=1.0)


def train(settings: Settings, registry: Registry, test_from: datetime) -> Verdict:
    """Fit to the hours before `test_from`, test on those after it, register, and ask the gates."""
    rows = labelled(settings)
    fit, test = (
        LabelledRows(part, FEATURES, UPSELL_SCORES)
        for part in (
            rows.filter(pl.col("hour") < test_from),
            rows.filter(pl.col("hour") >= test_from),
        )
    )
    model = fitted(fit)
    scores = LinearScorer(model).score(test.rows)
    others = {"data volume": test.frame["megabytes"].to_numpy()}
    evaluation = Evaluation(test, others, settings.model.seed)
    figures = evaluate(LinearScorer(model), scores, evaluation, COSTS)
    trained = TrainedModel(linear.encode(model), manifest(model, fit, test, figures), PURPOSE)
    with tempfile.TemporaryDirectory() as folder:
        sealed = write_bundle(Path(folder), trained, test, scores)
        version = registry.register(Path(folder), sealed)
    return Gates(registry, UPSELL_SCORES, settings.model).promote(version.number)


def labelled(settings: Settings) -> pl.DataFrame:
    """Hours with the answer to their offer as `label`, in order."""
    hours, offers = (
        store.scan(table_uri(settings.lake_uri, one.name), settings.lake_options)
        for one in (USAGE_BY_HOUR, OFFERS)
    )
    answers = offers.select("msisdn", "hour", label=pl.col("upgraded").cast(pl.Int32))
    known = hours.join(answers.unique(), on=["msisdn", "hour"])
    return known.sort("hour", "msisdn").collect()


def fitted(rows: LabelledRows) -> LinearModel:
    """The regression, and the threshold that is cheapest on its own rows."""
    scaler = StandardScaler().fit(rows.rows)
    regression = LogisticRegression().fit(scaler.transform(rows.rows), rows.label)
    model = LinearModel(
        features=FEATURES,
        coefficients=tuple(regression.coef_[0].tolist()),
        intercept=float(regression.intercept_[0]),
        mean=tuple(scaler.mean_.tolist()),
        scale=tuple(scaler.scale_.tolist()),
        threshold=0.5,
    )
    scores = LinearScorer(model).score(rows.rows).probability
    threshold = metrics.cheapest_threshold(scores, rows.label, COSTS)
    return msgspec.structs.replace(model, threshold=threshold)


def manifest(
    model: LinearModel, fit: LabelledRows, test: LabelledRows, figures: Figures
) -> Manifest:
    """What is stored with the model; scoring starts with the day after its test."""
    first, last = _days(fit)
    tested = _days(test)
    return Manifest(
        kind=LINEAR, features=FEATURES, feature_hash=bundle.feature_hash(FEATURES),
        contract_version=USAGE_BY_HOUR.version, threshold=model.threshold, costs=COSTS, params={},
        folds="none", train_start=first, train_end=last, test_start=tested[0],
        test_end=tested[1], score_from=tested[1] + timedelta(days=1), train_rows=len(fit.label),
        train_positives=int(fit.label.sum()), delta_versions={}, git_commit="unknown",
        figures=figures, files={},
    )  # fmt: skip


def _days(rows: LabelledRows) -> tuple[date, date]:
    days = rows.frame["hour"].dt.date()
    first, last = days.min(), days.max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    return first, last
