"""The model card: what a model is, how good it is, and what it must not be used for."""

from __future__ import annotations

from lakehouse.domain import Words
from lakehouse.models.manifest import Figures, Manifest
from lakehouse.models.metric_text import text, title
from lakehouse.models.model_kinds import model_kind

_TOP = 10


def write(manifest: Manifest, words: Words, purpose: str) -> str:
    """The card as Markdown; `purpose` says what the model is for and what it is not."""
    figures, ranked = manifest.figures, title(manifest.figures.ranking)
    return "\n\n".join(
        [
            f"# {words.title} model, {model_kind(manifest.kind).title}",
            f"{purpose} {_threshold(manifest, words)}",
            "## Data",
            _data(manifest, words),
            "## Figures on the test window",
            _figures(figures, words),
            f"Intervals are 95 % bootstrap intervals over {words.unit}s.",
            "![ROC](roc.png) ![precision and recall](pr.png)",
            "![calibration](calibration.png) ![importance](importance.png)",
            "## Features that matter most",
            _importance(figures, ranked),
            "## Parameters",
            _table([("parameter", "value"), *sorted(manifest.params.items())]),
        ]
    )


def _threshold(manifest: Manifest, words: Words) -> str:
    costs = manifest.costs
    return (
        f"From probability {manifest.threshold:.3f} on acting is worth its cost: to miss one of "
        f"the {words.positives} is set at {costs.false_negative:g}, a needless action at "
        f"{costs.false_positive:g}."
    )


def _data(manifest: Manifest, words: Words) -> str:
    versions = ", ".join(f"`{table}` {n}" for table, n in manifest.delta_versions.items())
    rows, positives = manifest.train_rows, manifest.train_positives
    recipe = [(name.replace("_", " "), str(value)) for name, value in manifest.recipe.items()]
    return _table(
        [
            ("part", "what"),
            ("train days", f"{manifest.train_start} to {manifest.train_end}"),
            ("test days", f"{manifest.test_start} to {manifest.test_end}"),
            ("scores from", str(manifest.score_from)),
            ("train rows", f"{rows:,}, {positives:,} of {words.positives}"),
            ("folds", manifest.folds),
            ("table versions", versions),
            *recipe,
            ("code", manifest.git_commit),
        ]
    )


def _figures(figures: Figures, words: Words) -> str:
    rows = [
        ("figure", "value"),
        (f"rows, {words.unit}s", f"{figures.rows:,}, {figures.entities:,}"),
        (f"rows of {words.positives}", f"{figures.positives:,}"),
        *((title(name), text(name, metric)) for name, metric in figures.metrics.items()),
    ]
    for baseline, metrics in figures.baselines.items():
        names = ", ".join(map(title, metrics))
        found = ", ".join(text(name, metric) for name, metric in metrics.items())
        rows.append((f"{baseline.replace('_', ' ')}: {names}", found))
    return _table(rows)


def _importance(figures: Figures, ranked: str) -> str:
    top = list(figures.importance.items())[:_TOP]
    rows = [(f"`{name}`", f"{loss:.4f}") for name, loss in top]
    return _table([("feature", f"{ranked} lost when shuffled"), *rows])


def _table(rows: list[tuple[str, str]]) -> str:
    lines = [f"| {left} | {right} |" for left, right in rows]
    return "\n".join([lines[0], "| --- | --- |", *lines[1:]])
