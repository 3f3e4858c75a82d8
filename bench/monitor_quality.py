"""How early, and how rightly, monitoring says what the simulator did: docs/monitoring-quality.md.

Each day is judged with what was known on that day: labels mature a horizon later. The rules were
made on the worlds of `TUNED` seeds; the page is about other worlds, which nobody looked at before.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean

import msgspec
import polars as pl

from bench.churn_world import ANALYSIS_DAYS, ANALYSIS_FROM, DRIFT_FROM, HORIZON, ScoredWorld, day
from bench.quality_page import TUNED, Outcome, Quality, page
from bench.usage_plans import USAGE_PLANS
from flaskapp.cdr.world.drift import PLANS as WORLD_PLANS
from lakehouse.domains.cdr.domain import CHURN
from monitoring.analysis import findings, limits, verdicts
from monitoring.analysis.findings import Finding
from monitoring.analysis.fitted import Fitted, fit
from monitoring.analysis.values import TIME, ChunkValues
from monitoring.analysis.verdicts import ReferenceBaseline
from monitoring.chunks import Bucket, Period, batches, plan
from monitoring.scored_rows import canonical

PUBLISHED = tuple(range(101, 111))
BATCH_ROWS = 60_000
MIN_ROWS, MIN_ROC_AUC = 200, 0.6
STEADY = "steady"
PLANS = (*WORLD_PLANS, *USAGE_PLANS)
ALL_CLEAR = "all clear"
# What the page says once a drift is over, and how its sentence is recognised.
_AFTERWARDS = {
    "the new normal": "the new normal",
    "over, cause to be checked": "make sure that the cause is gone",
}


class Measured(msgspec.Struct, frozen=True):
    """A world's chunk values: of the reference, and of the days after it under each plan."""

    seed: int
    subscribers: int
    reference: tuple[ChunkValues, ...]
    effects: dict[str, float]
    values: dict[str, list[ChunkValues]]


def measure(seed: int, subscribers: int, plans: Sequence[str], kept: Path | None) -> Measured:
    """Chunk values of one world, read from the folder `kept` where they lie there already."""
    file = kept / f"{subscribers}_{seed}.msgpack" if kept else None
    if file and file.exists():
        return msgspec.msgpack.decode(file.read_bytes(), type=Measured)
    world = ScoredWorld(seed, subscribers)
    fitted = fit(world.model, canonical(CHURN, world.reference), Period.parse("D"))
    values = {name: _values(fitted, canonical(CHURN, world.analysis(name))) for name in plans}
    values[STEADY] = _values(fitted, canonical(CHURN, world.analysis(None)))
    found = Measured(seed, subscribers, fitted.chunks, fitted.effects, values)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(msgspec.msgpack.encode(found))
    return found


def judge(measured: Measured) -> Quality:
    """What was found of each plan in one world, and what where there was nothing to find."""
    steady = measured.values[STEADY]
    gaps = [
        abs(chunk.estimated["roc_auc"].value - chunk.realised["roc_auc"].value) for chunk in steady
    ]
    alarms = _alarms(_looks(measured, STEADY, ANALYSIS_FROM))
    outcomes = tuple(_outcome(measured, name) for name in measured.values if name != STEADY)
    return Quality(measured.seed, measured.subscribers, outcomes, len(steady), alarms, gaps)


def judge_seed(seed: int, subscribers: int, plans: Sequence[str], kept: Path | None) -> Quality:
    """`measure` and `judge` of one world."""
    return judge(measure(seed, subscribers, plans, kept))


def judge_all(
    seeds: Sequence[int],
    subscribers: int,
    plans: Sequence[str] = PLANS,
    kept: Path | None = None,
) -> list[Quality]:
    """Worlds side by side, one process a core."""
    work = partial(judge_seed, subscribers=subscribers, plans=plans, kept=kept)
    cores = min(len(os.sched_getaffinity(0)), len(seeds))
    if cores == 1:
        return [work(seed) for seed in seeds]
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        return list(pool.map(work, seeds))


def _values(fitted: Fitted, rows: pl.DataFrame) -> list[ChunkValues]:
    counts = rows.group_by(TIME).len().sort(TIME).rows()
    chunks = plan([Bucket(date_, count, "") for date_, count in counts], fitted.period)
    found: list[ChunkValues] = []
    for batch in batches(chunks, BATCH_ROWS):
        part = rows.filter(pl.col(TIME).is_between(batch[0].start, batch[-1].end))
        found += fitted.evaluate(part, batch)
    return found


Look = tuple[date, tuple[Finding, ...]]


def _looks(measured: Measured, name: str, first: int) -> Iterator[Look]:
    """What a run on each day would have found, until the last labels have matured."""
    learnt = limits.learn(measured.reference, MIN_ROC_AUC)
    baseline = ReferenceBaseline(measured.reference, learnt, measured.effects, MIN_ROWS)
    values = measured.values[name]
    # A verdict depends on no later chunk, so each is made twice and not anew for each day.
    known = verdicts.judge(values, baseline)
    unknown = verdicts.judge([_unlabelled(chunk) for chunk in values], baseline)
    for number in range(first, ANALYSIS_FROM + ANALYSIS_DAYS + HORIZON + 1):
        today = day(number)
        matured = today - timedelta(days=HORIZON + 1)
        seen = [
            labelled if labelled.end <= str(matured) else unlabelled
            for labelled, unlabelled in zip(known, unknown, strict=True)
            if labelled.end <= str(today)
        ]
        yield today, findings.find(seen)


def _outcome(measured: Measured, name: str) -> Outcome:
    """What was found first and when, what stands on the last day, and what the plan cost."""
    first: tuple[int, str] | None = None
    seen: set[str] = set()
    found: tuple[Finding, ...] = ()
    for today, found in _looks(measured, name, DRIFT_FROM):
        names = [finding.name for finding in found if finding.state == "found"]
        seen.update(names)
        if names and first is None:
            first = (today - day(DRIFT_FROM)).days, " + ".join(names)
    delay, named = first or (None, None)
    loss = _roc_auc(measured.values[STEADY]) - _roc_auc(measured.values[name])
    return Outcome(name, delay, named, _last(found), "model_degradation" in seen, loss)


def _last(found: Sequence[Finding]) -> str:
    """What the page says on the last day: findings that hold, what became of one, or all clear."""
    names = [finding.name for finding in found if finding.state == "found"]
    if names:
        return " + ".join(names)
    lines = [line for finding in found for line in finding.evidence]
    said = (name for name, mark in _AFTERWARDS.items() if any(mark in line for line in lines))
    return next(said, ALL_CLEAR)


def _roc_auc(values: Sequence[ChunkValues]) -> float:
    """Mean realised ROC-AUC of the days under a plan."""
    since = str(day(DRIFT_FROM))
    return fmean(
        one.realised["roc_auc"].value
        for one in values
        if one.start >= since and "roc_auc" in one.realised
    )


def _alarms(looks: Iterator[Look]) -> list[str]:
    """Every time that a finding begins."""
    before: set[str] = set()
    alarms = []
    for today, found in looks:
        now: set[str] = {finding.name for finding in found if finding.state == "found"}
        alarms += [f"{name} on {today}" for name in sorted(now - before)]
        before = now
    return alarms


def _unlabelled(chunk: ChunkValues) -> ChunkValues:
    return msgspec.structs.replace(
        chunk, labelled=0, positives=0, expected=0.0, realised={}, associations={}
    )


def main() -> None:
    """Judge the worlds that rules are made on, and print what was found in each."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(TUNED))
    parser.add_argument("--subscribers", type=int, default=6_000)
    parser.add_argument("--keep", type=Path, help="folder where chunk values stay for next time")
    options = parser.parse_args()
    found = judge_all(options.seeds, options.subscribers, kept=options.keep)
    for one in found:
        for outcome in one.outcomes:
            print(one.seed, *msgspec.structs.astuple(outcome), flush=True)
        print(one.seed, "false:", one.alarms)
    print(page([found]))


if __name__ == "__main__":
    main()
