"""Why a finding was made, in sentences for the reader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean, stdev

from lakehouse.domain import Words
from monitoring.analysis.values import SCORE
from monitoring.analysis.verdicts import ChunkVerdict

SHOWN = 5
# A column has not come back while it is this much closer to its limit than before the drift.
DISPLACED, DEVIATIONS = 0.15, 2.0
AFTER, BEFORE, LEAST = 7, 14, 3
# For so many chunks after its end, a drift is spoken of.
REMEMBERED = 30


def of_drift(verdicts: Sequence[ChunkVerdict], is_degraded: bool) -> list[str]:
    """Which columns moved most, and whether performance suffers."""
    worst: dict[str, float] = {}
    for verdict in verdicts:
        for column, ratio in verdict.drifted.items():
            worst[column] = max(worst.get(column, 0.0), ratio)
    ranked = sorted(worst.items(), key=lambda item: -item[1])
    lines = [
        f"{_named(column)}: up to {ratio:.1f} times the limit" for column, ratio in ranked[:SHOWN]
    ]
    if len(ranked) > SHOWN:
        lines.append(f"{len(ranked) - SHOWN} more columns beyond their limits")
    persistent = verdicts[-1].cusum_ratios
    slow = sorted(persistent.keys() - worst.keys(), key=lambda column: -persistent[column])
    if slow:
        others = f" and {len(slow) - 1} more" if len(slow) > 1 else ""
        lines.append(
            f"{_named(slow[0])}{others}: within the limit ({persistent[slow[0]]:.2f} of it), but "
            "for too long"
        )
    together = max(verdict.reconstruction for verdict in verdicts)
    if together > 1:
        lines.append(f"all features together: up to {together:.1f} times the limit")
    lines.append(_harm(verdicts, is_degraded))
    return lines


def _harm(verdicts: Sequence[ChunkVerdict], is_degraded: bool) -> str:
    """The effect of the drift on performance, in the same terms as the degradation finding."""
    if is_degraded:
        return "it hurts: performance is below its limit"
    if any(verdict.is_worse for verdict in verdicts):
        return "performance has been below its limit at times, but not for two chunks in a row"
    return "it does not hurt so far: performance is within its limits"


def of_concept(verdicts: Sequence[ChunkVerdict], words: Words) -> list[str]:
    """How outcomes deviate from what the inputs predict."""
    latest = verdicts[-1]
    lines = ["the inputs did not move"]
    if latest.association is not None and latest.association_changed:
        feature, deviations = latest.association
        side = "higher" if deviations > 0 else "lower"
        lines.append(
            f"{words.positives} have {side} {feature} than the scores predict, by "
            f"{abs(deviations):.1f} standard errors"
        )
    if latest.is_overestimated:
        lines.append(
            f"realised ROC-AUC is {latest.overestimated:.1f} standard errors below its estimate"
        )
    return lines


def of_degradation(verdicts: Sequence[ChunkVerdict]) -> list[str]:
    """Which metrics fell below their limits, and how far."""
    lines = []
    for kind in ("realised", "estimated"):
        low: dict[str, float] = {}
        for verdict in verdicts:
            found = verdict.worse_realised if kind == "realised" else verdict.worse_estimated
            for name, value in found.items():
                low[name] = min(low.get(name, value), value)
        lines += [
            f"{kind} {name} down to {value:.3f}, below its limit" for name, value in low.items()
        ]
    return lines


def of_first_sign(latest: ChunkVerdict) -> list[str]:
    """The note on a single chunk below a limit, which is not a finding yet."""
    if not latest.is_worse:
        return []
    return [*of_degradation([latest]), "a second chunk in a row would make this a finding"]


def of_ended_drift(verdicts: Sequence[ChunkVerdict], start: str, end: str) -> list[str]:
    """What is known once the drift from `start` to `end` is over: it need not be all clear.

    Features over a window of days show a change as a jump and then adapt to it, so the end of the
    alarms alone does not mean that the inputs are back to normal. Columns that are further from the
    reference than before the drift show it; without one the question stays open for a while.
    """
    before = [verdict for verdict in verdicts if verdict.end < start][-BEFORE:]
    since = [verdict for verdict in verdicts if verdict.start > end]
    after = since[-AFTER:]
    during = [verdict for verdict in verdicts if start <= verdict.start and verdict.end <= end]
    moved = {column for verdict in during for column in (*verdict.drifted, *verdict.cusum_ratios)}
    displaced = sorted(_displaced(moved, before, after), key=lambda found: found[1] - found[2])
    if displaced:
        column, usual, now = displaced[0]
        others = f", and {len(displaced) - 1} more columns moved too" if len(displaced) > 1 else ""
        return [
            f"the new normal: {_named(column)} has stayed at {now:.2f} of its limit, against "
            f"{usual:.2f} before {start}{others}"
        ]
    if len(since) > REMEMBERED:
        return []
    return [
        f"the inputs are within their limits again since {end}, but features over a window get "
        "used to a lasting change: make sure that the cause is gone"
    ]


def _displaced(
    columns: set[str], before: Sequence[ChunkVerdict], after: Sequence[ChunkVerdict]
) -> Iterator[tuple[str, float, float]]:
    for column in columns:
        then = [
            verdict.limit_ratios[column] for verdict in before if column in verdict.limit_ratios
        ]
        now = [verdict.limit_ratios[column] for verdict in after if column in verdict.limit_ratios]
        if min(len(then), len(now)) < LEAST:
            continue
        usual, lately = fmean(then), fmean(now)
        if lately - usual > max(DISPLACED, DEVIATIONS * stdev(then)):
            yield column, usual, lately


def _named(column: str) -> str:
    return "scores" if column == SCORE else column
