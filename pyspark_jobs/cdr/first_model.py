"""When to train for a first champion: once another attempt may end otherwise than the last."""

from __future__ import annotations

from datetime import datetime, timedelta

from lakehouse.registry import Registry, gates

# A version that the gates refused is not followed by the same one; by then there are new days.
AFTER_REFUSAL = timedelta(hours=1)


def waits_for(registry: Registry, now: datetime) -> str | None:
    """Why nothing is to be trained at the moment; None when a training is due."""
    if registry.champion() is not None:
        return "there is a champion"
    newest = max(registry.versions(), key=lambda version: version.number, default=None)
    if newest is None:
        return None
    verdict = newest.verdicts[-1] if newest.verdicts else "not evaluation_rows yet"
    said = f"version {newest.number}, {verdict}"
    if verdict.endswith(gates.AWAITS_APPROVAL) and newest.approved_by is None:
        return said
    return said if now - newest.created_at < AFTER_REFUSAL else None
