"""The section of docs/monitoring-quality.md on real rows, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from bench.real_drift import CHUNKS, RAMP, REFERENCE_CHUNKS, STEADY, Score, Trial, scores
from bench.real_rows import RealRows

Judged = Mapping[str, tuple[RealRows, Sequence[Trial]]]


def section(judged: Judged) -> str:
    """All data sets, by their titles."""
    parts = "\n".join(_of(name, rows, found) for name, (rows, found) in judged.items())
    return f"""## Drift injected into real rows

Four kinds of drift, abrupt or gradual, are injected into Monte Carlo streams of real rows
(arXiv 2606.07789): positives three times as frequent against negatives (class prior), half of the
positives changing labels with as many negatives (label swap), half of the features changing places
(feature permutation), and only rows in the upper half of one feature (feature filtering). A
logistic regression is trained on entities of its own; {REFERENCE_CHUNKS} chunks are the reference
and {CHUNKS} follow. A gradual drift takes {RAMP} chunks to reach all rows. Labels are known at
once.

The limits and rules are those above, made on simulated worlds: nothing was tuned on these rows. A
finding of any kind counts; one that begins before the drift is false. F1 is 2 hits / (2 hits +
false findings + misses), and the delay is a share of the chunks that were left when the drift began
(0: the same chunk). `make bench PART=real_drift` makes this section.

{parts}"""


def _of(name: str, rows: RealRows, found: Sequence[Trial]) -> str:
    counted = scores(found)
    lines = [_row(*key, score) for key, score in counted.items() if key[0] != STEADY]
    steady = counted.get((STEADY, "abrupt"), Score())
    chunks = CHUNKS * sum(trial.kind == STEADY for trial in found)
    table = "\n".join(lines)
    return f"""### {name}

{len(rows.features)} features, chunks of {rows.per_chunk:,} rows,
{100 * rows.stream[1].mean():.1f} % positives. Without drift: {steady.false} false findings in
{chunks:,} chunks.

| drift | onset | found | false | F1 | median delay |
| --- | --- | --- | --- | --- | --- |
{table}
"""


def _row(kind: str, onset: str, score: Score) -> str:
    delay = f"{median(score.delays):.2f}" if score.delays else "-"
    found = f"{score.hits} of {score.hits + score.misses}"
    return f"| {kind} | {onset} | {found} | {score.false} | {score.f1:.2f} | {delay} |"
