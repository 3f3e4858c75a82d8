"""The three findings and their evidence, and how they differ.

- data drift: the inputs moved away from the reference (a feature, all together, or the scores);
- model drift: outcomes no longer depend on the inputs as they did, while the inputs did not move;
- model degradation: the model does worse than its reference allows, realised or estimated.

Performance and outcomes must be off in two chunks in a row; a changed dependence is over when it
is clearly below the level that was needed to find it. Inputs fluctuate: drift takes one chunk
far beyond a limit, four in a row, or a smaller shift that persists. Chunks that are too small, or
that are still filling, are not judged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from lakehouse.domain import Words
from monitoring.analysis import evidence
from monitoring.analysis.verdicts import ChunkVerdict

FindingName = Literal["data_drift", "model_drift", "model_degradation"]
State = Literal["ok", "found", "unknown"]

FAR = 1.5
DRIFT_RUN, RUN = 4, 2
WORDS = Words("Model", "row", "positives", "positive")


class Episode(msgspec.Struct, frozen=True):
    """Consecutive chunks in which a finding held; `open` while it still holds in the latest one."""

    first: str
    last: str
    start: str
    end: str
    chunks: int
    open: bool


class Finding(msgspec.Struct, frozen=True):
    """One of the three findings over a period, and its evidence."""

    name: FindingName
    state: State
    since: str | None
    evidence: tuple[str, ...]
    episodes: tuple[Episode, ...]


Explain = Callable[[Sequence[ChunkVerdict]], list[str]]


def find(
    verdicts: Sequence[ChunkVerdict], words: Words = WORDS
) -> tuple[Finding, Finding, Finding]:
    """Data drift, model drift and model degradation over these chunks."""
    reliable = [verdict for verdict in verdicts if verdict.reliable]
    known = [verdict for verdict in reliable if verdict.labelled]
    moved = _episodes(reliable, _has_moved, _is_sure_of_drift)
    concept = [v for v in known if v.is_steady and not _within(v, moved)]
    changed = _episodes(concept, _is_concept, lasts=lambda verdict: verdict.association_lasts)
    worse = _episodes(reliable, lambda verdict: verdict.is_worse)
    degraded = _finding("model_degradation", reliable, worse, evidence.of_degradation)
    if degraded.state == "ok":
        signs = evidence.of_first_sign(reliable[-1])
        degraded = msgspec.structs.replace(degraded, evidence=tuple(signs))
    drift = _finding(
        "data_drift",
        reliable,
        moved,
        lambda within: evidence.of_drift(within, degraded.state == "found"),
    )
    if drift.state == "ok" and moved:
        ended = evidence.of_ended_drift(reliable, moved[-1].start, moved[-1].end)
        drift = msgspec.structs.replace(drift, evidence=tuple(ended))
    return (
        drift,
        _finding(
            "model_drift", concept, changed, lambda within: evidence.of_concept(within, words)
        ),
        degraded,
    )


def _has_moved(verdict: ChunkVerdict) -> bool:
    return verdict.drift > 1 or bool(verdict.cusum_ratios)


def _is_sure_of_drift(run: Sequence[ChunkVerdict]) -> bool:
    return len(run) >= DRIFT_RUN or any(v.drift > FAR or v.cusum_ratios for v in run)


def _is_concept(verdict: ChunkVerdict) -> bool:
    return verdict.association_changed or verdict.is_overestimated


def _within(verdict: ChunkVerdict, episodes: Sequence[Episode]) -> bool:
    return any(e.start <= verdict.end and verdict.start <= e.end for e in episodes)


def _episodes(
    verdicts: Sequence[ChunkVerdict],
    alarmed: Callable[[ChunkVerdict], bool],
    is_sure: Callable[[Sequence[ChunkVerdict]], bool] = lambda run: len(run) >= RUN,
    lasts: Callable[[ChunkVerdict], bool] = lambda _: False,
) -> tuple[Episode, ...]:
    """Runs of alarmed chunks that are too long for chance.

    Once that is certain, chunks in which the alarm still `lasts` belong to the run too.
    """
    runs: list[list[ChunkVerdict]] = [[]]
    for verdict in verdicts:
        if alarmed(verdict) or (lasts(verdict) and is_sure(runs[-1])):
            runs[-1].append(verdict)
        else:
            runs.append([])
    return tuple(
        Episode(first.key, last.key, first.start, last.end, len(run), last is verdicts[-1])
        for run in runs
        if run and is_sure(run)
        for first, last in [(run[0], run[-1])]
    )


def _finding(
    name: FindingName,
    verdicts: Sequence[ChunkVerdict],
    episodes: tuple[Episode, ...],
    explain: Explain,
) -> Finding:
    if not verdicts:
        return Finding(name, "unknown", None, ("no complete chunk has enough rows to judge",), ())
    latest = episodes[-1] if episodes else None
    if latest is None or not latest.open:
        return Finding(name, "ok", None, (), episodes)
    within = [v for v in verdicts if latest.start <= v.start and v.end <= latest.end]
    return Finding(name, "found", latest.start, tuple(explain(within)), episodes)
