"""How early, and how rightly, monitoring says what the simulator did: docs/monitoring-quality.md.

Each day is judged with what was known on that day: labels mature a horizon later.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from statistics import fmean, median

import msgspec
import polars as pl

from bench.churn_world import ANALYSIS_DAYS, DRIFT_FROM, HORIZON, ScoredWorld, day
from bench.measure import Size
from flaskapp.world.drift import PLANS
from lakehouse.settings import ROOT
from monitoring.analysis import findings, limits, verdicts
from monitoring.analysis.fitted import Fitted, fit
from monitoring.analysis.values import ChunkValues
from monitoring.analysis.verdicts import ChunkVerdict, Yardstick
from monitoring.chunks import Day, Period, batches, plan

PAGE = ROOT / "docs" / "monitoring-quality.md"
SEEDS, FEW_SEEDS = 10, 2
SUBSCRIBERS = 6_000
BATCH_ROWS = 60_000
MIN_ROWS, MIN_ROC_AUC = 200, 0.6


@dataclass
class Outcome:
    """What was found of one plan over the seeds: delay in days and name, or None for nothing."""

    plan: str
    delays: list[int | None] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)


@dataclass
class Steady:
    """What was found where there was nothing to find."""

    chunks: int = 0
    episodes: int = 0
    estimate_errors: list[float] = field(default_factory=list)


def measure(seeds: int) -> tuple[list[Outcome], Steady]:
    """All plans over `seeds` worlds."""
    outcomes, steady = [Outcome(name) for name in PLANS], Steady()
    for seed in range(1, seeds + 1):
        world = ScoredWorld(seed, SUBSCRIBERS)
        fitted = fit(world.model, world.reference, Period.parse("D"))
        _add_steady(steady, fitted, _values(fitted, world.analysis(None)))
        for outcome in outcomes:
            values = _values(fitted, world.analysis(outcome.plan))
            delay, name = _first_finding(fitted, values)
            outcome.delays.append(delay)
            outcome.names.append(name)
            print(f"seed {seed} {outcome.plan}: {name} after {delay} days", flush=True)
    return outcomes, steady


def _values(fitted: Fitted, rows: pl.DataFrame) -> list[ChunkValues]:
    counts = rows.group_by("Date").len().sort("Date").rows()
    chunks = plan([Day(date_, count, "") for date_, count in counts], fitted.period)
    found: list[ChunkValues] = []
    for batch in batches(chunks, BATCH_ROWS):
        part = rows.filter(pl.col("Date").is_between(batch[0].start, batch[-1].end))
        found += fitted.evaluate(part, batch)
    return found


def _judged(fitted: Fitted, values: Sequence[ChunkValues]) -> list[ChunkVerdict]:
    learnt = limits.learn(fitted.chunks, MIN_ROC_AUC)
    yardstick = Yardstick(fitted.chunks, learnt, fitted.effects, MIN_ROWS)
    return verdicts.judge(values, yardstick)


def _add_steady(steady: Steady, fitted: Fitted, values: list[ChunkValues]) -> None:
    found = findings.find(_judged(fitted, values))
    steady.chunks += len(values)
    steady.episodes += sum(len(finding.episodes) for finding in found)
    steady.estimate_errors += [
        abs(chunk.estimated["roc_auc"].value - chunk.realised["roc_auc"].value) for chunk in values
    ]


def _first_finding(fitted: Fitted, values: list[ChunkValues]) -> tuple[int | None, str | None]:
    """Days from the first drifted one to the first finding, and its name."""
    known = _judged(fitted, values)
    unknown = _judged(fitted, [_unlabelled(chunk) for chunk in values])
    for today in _days():
        matured = today - timedelta(days=HORIZON + 1)
        seen = [
            a if a.end <= matured else b
            for a, b in zip(known, unknown, strict=True)
            if b.end <= today
        ]
        names = [f.name for f in findings.find(seen) if f.state == "found"]
        if names:
            return (today - day(DRIFT_FROM)).days, " + ".join(names)
    return None, None


def _days() -> Iterator[date]:
    last = ANALYSIS_DAYS // 2 + HORIZON + 1
    return (day(DRIFT_FROM + number) for number in range(last))


def _unlabelled(chunk: ChunkValues) -> ChunkValues:
    return msgspec.structs.replace(
        chunk, labelled=0, positives=0, expected=0.0, realised={}, relations={}
    )


def page(outcomes: Sequence[Outcome], steady: Steady, seeds: int) -> str:
    """The results as Markdown."""
    rows = "\n".join(_row(outcome) for outcome in outcomes)
    rate = 100 * steady.episodes / steady.chunks
    return f"""# How early, and how rightly, monitoring speaks

Made by `make bench PART=monitor`. {seeds} worlds of {SUBSCRIBERS:,} subscribers, a forest
trained in each, its test window as the reference, then {ANALYSIS_DAYS} daily chunks; the plan holds
from the {ANALYSIS_DAYS // 2 + 1}st on. Each day is judged with what was known on that day: labels
mature {HORIZON} days later.

| plan | found | median delay, days | longest | named first |
| --- | --- | --- | --- | --- |
{rows}

- Without drift: {steady.episodes} false findings in {steady.chunks} chunks ({rate:.2f} in 100;
  at most 1 is allowed).
- Estimated against realised ROC-AUC without drift: mean absolute error
  {fmean(steady.estimate_errors):.3f} (at most 0.030 is allowed).

`price_shock` counts as early when it is found before day {HORIZON + 1}, when the first labels of
drifted days mature. `concept_flip` cannot be found before that day: only outcomes show it.
"""


def _row(outcome: Outcome) -> str:
    found = [delay for delay in outcome.delays if delay is not None]
    named = {name for name in outcome.names if name is not None}
    names = ", ".join(
        f"{name.replace('_', ' ')} ({outcome.names.count(name)})" for name in sorted(named)
    )
    share = f"{len(found)} of {len(outcome.delays)}"
    middle, longest = (f"{median(found):.0f}", str(max(found))) if found else ("-", "-")
    return f"| `{outcome.plan}` | {share} | {middle} | {longest} | {names or '-'} |"


def run(size: Size) -> None:
    """Measure; the page is written at full size only."""
    seeds = SEEDS if size == "full" else FEW_SEEDS
    text = page(*measure(seeds), seeds)
    print(text)
    if size == "full":
        PAGE.write_text(text, encoding="utf-8")
