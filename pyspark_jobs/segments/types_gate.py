"""Whether a clustering may become champion: limits on its figures, and the one before it."""

from __future__ import annotations

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


class TypesGate:
    """The gates of types. A clustering has no labels, so those of a classifier do not apply."""

    def __init__(
        self, registry: Registry, limits: tuple[Limit, ...], settings: ModelSettings
    ) -> None:
        self._registry, self._limits, self._settings = registry, limits, settings

    def promote(self, number: int, first: Week, later: Week) -> Verdict:
        """Judge a version on a later week, with means of the first; promote or refuse it."""
        verdict = self._judge(number, first, later)
        if verdict.promoted:
            self._registry.promote(number, verdict.reason)
        else:
            self._registry.refuse(number, verdict.reason)
            if verdict.reason.endswith(AWAITS_APPROVAL):
                self._registry.shadow(number)
        return verdict

    def _judge(self, number: int, first: Week, later: Week) -> Verdict:
        candidate = self._registry.version(number)
        bundle = self._registry.load(candidate)
        figures = bundle.manifest.figures
        for limit in self._limits:
            if (reason := limit.broken(figures)) is not None:
                return Verdict(False, reason)
        champion = self._registry.champion()
        reason = f"first model, {title(figures.ranking)} {candidate.figure}"
        if champion is not None:
            ours, theirs = (_guess(one, first, later) for one in (
                bundle, self._registry.load(champion)
            ))  # fmt: skip
            gained = cuts.gain(ours, theirs, later, self._settings.seed)
            reason = f"R2 {gained} above version {champion.number} on the same cards"
            if gained.low < 0:
                return Verdict(False, reason)
        if self._settings.require_approval and candidate.approved_by is None:
            return Verdict(False, f"{reason}, {AWAITS_APPROVAL}")
        return Verdict(True, reason)


def _guess(bundle: Bundle, first: Week, later: Week) -> Floats:
    """What the segments of a version say of each card's spending."""
    scorer = bundle.scorer
    if not isinstance(scorer, KMeansScorer):
        raise ModelError("champion", "a clustering", bundle.manifest.kind, "promote another")
    shown = Shown.of(bundle.manifest.recipe)
    cells = range(len(scorer.model.centroids) * 3)
    cut = Cut(scorer.model, {cell: shown.segment(cell) for cell in cells})
    return cuts.guesses(cut.segments(first), first.spent, cut.segments(later))
