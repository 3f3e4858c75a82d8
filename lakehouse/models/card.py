"""The model card: what a model is, how good it is, and what it must not be used for."""

from __future__ import annotations

from lakehouse.models.manifest import Figures, Manifest

_TOP = 10


def write(manifest: Manifest) -> str:
    """The card as Markdown."""
    return "\n\n".join(
        [
            "# Churn model, random forest",
            _purpose(manifest),
            "## Data",
            _data(manifest),
            "## Figures on the test window",
            _figures(manifest.figures),
            "Intervals are 95 % bootstrap intervals over subscribers.",
            "![ROC](roc.png) ![precision and recall](pr.png)",
            "![calibration](calibration.png) ![importance](importance.png)",
            "## Features that matter most",
            _importance(manifest.figures),
            "## Parameters",
            _table([("parameter", "value"), *sorted(manifest.params.items())]),
        ]
    )


def _purpose(manifest: Manifest) -> str:
    horizon, window = manifest.label_horizon_days, manifest.active_window_days
    return (
        f"Gives the probability that a subscriber who was active in the {window} days up to a date "
        f"has no activity in the {horizon} days after it. It ranks subscribers for retention; it "
        "says nothing of why they leave, and nothing of those silent for longer. From probability "
        f"{manifest.threshold:.3f} on acting is worth its cost: a missed churner is set at "
        f"{manifest.costs.false_negative:g}, a needless action at "
        f"{manifest.costs.false_positive:g}."
    )


def _data(manifest: Manifest) -> str:
    versions = ", ".join(f"`{table}` {n}" for table, n in manifest.delta_versions.items())
    return _table(
        [
            ("part", "what"),
            ("train days", f"{manifest.train_start} to {manifest.train_end}"),
            ("test days", f"{manifest.test_start} to {manifest.test_end}"),
            ("scores from", str(manifest.score_from)),
            ("train rows", f"{manifest.train_rows:,}, churners {manifest.train_churners:,}"),
            ("folds", manifest.folds),
            ("table versions", versions),
            ("code", manifest.git_commit),
        ]
    )


def _figures(figures: Figures) -> str:
    rows = [
        ("figure", "value"),
        ("rows, subscribers", f"{figures.rows:,}, {figures.subscribers:,}"),
        ("rows of churners", f"{figures.churners:,}"),
        ("base rate", f"{figures.base_rate:.3f}"),
        ("ROC-AUC", str(figures.roc_auc)),
        ("PR-AUC", str(figures.pr_auc)),
        ("F1 at the threshold", f"{figures.f1:.3f}"),
        ("accuracy", f"{figures.accuracy:.3f}"),
        ("Brier score", f"{figures.brier:.4f}"),
        ("expected calibration error", f"{figures.calibration_error:.4f}"),
        ("precision, lift in the top decile",
         f"{figures.precision_top_decile:.3f}, {figures.lift_top_decile:.1f}"),
        ("cost of wrong decisions a day", f"{figures.cost_per_day:,.0f}"),
    ]  # fmt: skip
    rows += [
        (f"{name.replace('_', ' ')}: ROC-AUC, PR-AUC", f"{found.roc_auc}, {found.pr_auc}")
        for name, found in figures.baselines.items()
    ]
    return _table(rows)


def _importance(figures: Figures) -> str:
    top = list(figures.importance.items())[:_TOP]
    rows = [(f"`{name}`", f"{loss:.4f}") for name, loss in top]
    return _table([("feature", "ROC-AUC lost when shuffled"), *rows])


def _table(rows: list[tuple[str, str]]) -> str:
    lines = [f"| {left} | {right} |" for left, right in rows]
    return "\n".join([lines[0], "| --- | --- |", *lines[1:]])
