"""Whether a clustering may become champion: limits on its figures, and the one before it.

The cards that a version is judged on are in its own files, so it can be judged again without the
lake: two Mondays, the one that its means are from and a later one.
"""

from __future__ import annotations

import polars as pl

from lakehouse.domains.segments.segments import Shown
from lakehouse.errors import ModelError
from lakehouse.models.bundle import Bundle
from lakehouse.models.forest import Floats
from lakehouse.models.kmeans import KMeansScorer
from lakehouse.models.metric_text import title
from lakehouse.registry import Registry
from lakehouse.registry.gates import AWAITS_APPROVAL, Limit, Verdict
from lakehouse.settings.model import ModelSettings
from pyspark_jobs.segments import cuts
from pyspark_jobs.segments.cuts import Cut
from pyspark_jobs.segments.weeks import Week

R2 = "r2_next_28_days"
LEAST_SHOWN = 0.05
LIMITS = (
    Limit("gain_on_rule", 0.0, is_least=True),
    Limit("worst_agreement", cuts.LEAST_AGREEMENT, is_least=True),
    Limit("least_share", LEAST_SHOWN, is_least=True),
)


class TypesGate:
    """The gates of types. A clustering has no labels, so those of a classifier do not apply."""

    def __init__(self, registry: Registry, settings: ModelSettings) -> None:
        self._registry, self._settings = registry, settings

    def promote(self, number: int) -> Verdict:
        """Judge a version on its later week, with means of the first; promote or refuse it."""
        verdict = self._judge(number)
        if verdict.promoted:
            self._registry.promote(number, verdict.reason)
        else:
            self._registry.refuse(number, verdict.reason)
            if verdict.reason.endswith(AWAITS_APPROVAL):
                self._registry.shadow(number)
        return verdict

    def compare(self, challenger: int, champion: int) -> str:
        """How much more of spending the first version explains than the second, as R2.

        Raises `ModelError` for a version whose files do not hold what its cards spent.
        """
        bundles = [
            self._registry.load(self._registry.version(one)) for one in (challenger, champion)
        ]
        return self._compared(*bundles)[1]

    def _judge(self, number: int) -> Verdict:
        candidate = self._registry.version(number)
        bundle = self._registry.load(candidate)
        figures = bundle.manifest.figures
        for limit in LIMITS:
            if (reason := limit.broken(figures)) is not None:
                return Verdict(False, reason)
        champion = self._registry.champion()
        reason = f"first model, {title(figures.ranking)} {candidate.figure}"
        if champion is not None:
            low, found = self._compared(bundle, self._registry.load(champion))
            reason = f"{found} against version {champion.number}"
            if low < 0:
                return Verdict(False, reason)
        if self._settings.require_approval and candidate.approved_by is None:
            return Verdict(False, f"{reason}, {AWAITS_APPROVAL}")
        return Verdict(True, reason)

    def _compared(self, challenger: Bundle, champion: Bundle) -> tuple[float, str]:
        """The lower end of the gain, and the gain in words, on the challenger's own two weeks."""
        first, later = _weeks(challenger)
        ours, theirs = (_guess(one, first, later) for one in (challenger, champion))
        gained = cuts.gain(ours, theirs, later, self._settings.seed)
        cards = f"{len(later.spent):,} cards"
        return (
            gained.low,
            f"R2 {gained.value:+.3f} [{gained.low:+.3f}, {gained.high:+.3f}] on the same {cards}",
        )


def reference(first: Week, later: Week) -> pl.DataFrame:
    """The cards of both weeks with what they spent: what `TypesGate` judges versions on."""
    return pl.concat(
        one.features.with_columns(pl.lit(one.day).alias("as_of"), pl.Series("spent", one.spent))
        for one in (first, later)
    )


def _weeks(bundle: Bundle) -> tuple[Week, Week]:
    rows = bundle.reference()
    if "spent" not in rows.columns or rows["as_of"].n_unique() != 2:
        raise ModelError(
            "comparison", "two weeks of cards with what they spent", "a version without them",
            "train the types again",
        )  # fmt: skip
    weeks = rows.sort("as_of", maintain_order=True).partition_by("as_of", maintain_order=True)
    first, later = (
        Week(one["as_of"][0], one.drop("as_of", "spent"), one["spent"].to_numpy()) for one in weeks
    )
    return first, later


def _guess(bundle: Bundle, first: Week, later: Week) -> Floats:
    """What the segments of a version say of each card's spending."""
    scorer = bundle.scorer
    if not isinstance(scorer, KMeansScorer):
        raise ModelError("champion", "a clustering", bundle.manifest.kind, "promote another")
    shown = Shown.of(bundle.manifest.recipe)
    cells = range(len(scorer.model.centroids) * 3)
    cut = Cut(scorer.model, {cell: shown.segment(cell) for cell in cells})
    return cuts.guesses(cut.segments(first), first.spent, cut.segments(later))
