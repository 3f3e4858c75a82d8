"""Why a finding was made, in sentences for the reader."""

from __future__ import annotations

from collections.abc import Sequence

from monitoring.analysis.values import SCORE
from monitoring.analysis.verdicts import ChunkVerdict

SHOWN = 5


def of_drift(verdicts: Sequence[ChunkVerdict]) -> list[str]:
    """Which columns moved most, and whether it hurts."""
    worst: dict[str, float] = {}
    for verdict in verdicts:
        for column, strength in verdict.drifted.items():
            worst[column] = max(worst.get(column, 0.0), strength)
    ranked = sorted(worst.items(), key=lambda item: -item[1])
    lines = [
        f"{_named(column)}: up to {strength:.1f} times the limit"
        for column, strength in ranked[:SHOWN]
    ]
    if len(ranked) > SHOWN:
        lines.append(f"{len(ranked) - SHOWN} more columns beyond their limits")
    lasting = verdicts[-1].lasting
    slow = sorted(lasting.keys() - worst.keys(), key=lambda column: -lasting[column])
    if slow:
        others = f" and {len(slow) - 1} more" if len(slow) > 1 else ""
        lines.append(
            f"{_named(slow[0])}{others}: within the limit ({lasting[slow[0]]:.2f} of it), but for "
            "too long"
        )
    together = max(verdict.reconstruction for verdict in verdicts)
    if together > 1:
        lines.append(f"all features together: up to {together:.1f} times the limit")
    hurt = any(verdict.worse_estimated or verdict.worse_realised for verdict in verdicts)
    lines.append("it hurts: performance is below its limit" if hurt else
                 "it does not hurt so far: performance is within its limits")  # fmt: skip
    return lines


def _named(column: str) -> str:
    return "scores" if column == SCORE else column


def of_concept(verdicts: Sequence[ChunkVerdict]) -> list[str]:
    """How what came true departs from what the inputs say."""
    latest = verdicts[-1]
    lines = ["the inputs did not move"]
    if latest.relation is not None and latest.relation_changed:
        feature, deviations = latest.relation
        side = "higher" if deviations > 0 else "lower"
        lines.append(
            f"churners have {side} {feature} than the scores told, by {abs(deviations):.1f} "
            "standard errors"
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
