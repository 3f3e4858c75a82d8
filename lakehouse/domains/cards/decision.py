"""Approve, review or block: from what a wrong decision costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Decision = Literal["approve", "review", "block"]


@dataclass(frozen=True)
class Policy:
    """What decisions cost, in the currency of the amounts.

    `threshold` is the score from which a transaction is flagged. A model's threshold is set where
    a review pays, but not below what the investigators can look at; so it belongs to the version,
    and a decision depends on nothing but the row and the version.
    """

    threshold: float
    cost_false_block: float
    cost_review: float

    def decide(self, score: float, amount: float) -> Decision:
        """The decision on a transaction of `amount` that is a fraud with probability `score`.

        A flagged one is blocked at once if that is expected to cost less than to have it reviewed:
        blocking turns away a genuine customer with probability 1 - `score`, and until the review
        is done the amount is at risk.

        >>> policy = Policy(threshold=0.2, cost_false_block=50.0, cost_review=5.0)
        >>> [policy.decide(score, 100.0) for score in (0.1, 0.25, 0.9)]
        ['approve', 'review', 'block']
        """
        if score < self.threshold:
            return "approve"
        blocked = (1.0 - score) * self.cost_false_block
        reviewed = self.cost_review + score * amount
        return "block" if blocked < reviewed else "review"


def alert_threshold(scores: list[float], alerts: int, cost_optimal: float) -> float:
    """The lowest score that is flagged so that at most `alerts` of `scores` are.

    Never below `cost_optimal`, where a review stops to pay.

    >>> alert_threshold([0.1, 0.5, 0.9, 0.8], 2, 0.2)
    0.8
    >>> alert_threshold([0.1, 0.5], 5, 0.2)
    0.2
    """
    if alerts >= len(scores):
        return cost_optimal
    ranked = sorted(scores, reverse=True)
    allowed = [score for score in ranked[:alerts] if score > ranked[alerts]]
    lowest = allowed[-1] if allowed else 1.0
    return max(cost_optimal, lowest)
