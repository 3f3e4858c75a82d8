"""docs/monitoring-quality.md: what was found of the simulator's plans, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median

import msgspec

from bench.churn_world import ANALYSIS_DAYS, HORIZON

TUNED = (1, 2, 3, 4, 5)
OTHERS = """The rules and their constants were tuned on the worlds with seeds 1 to 5;
the worlds here were evaluated once, for this page, by `make bench PART=quality`."""
THE_SAME = """The rules and their constants were tuned on these very worlds, so the
figures are too good; `make bench PART=quality` evaluates ten others, which nobody has looked at
yet, and replaces this page."""

COLUMNS = (
    "plan", "found", "median delay, days", "longest", "named first", "on the last day",
    "ROC-AUC lost", "degradation named",
)  # fmt: skip
_REAL_ROWS = "## Drift injected into real rows"
HEAD = f"| {' | '.join(COLUMNS)} |\n{'| --- ' * len(COLUMNS)}|"


class Outcome(msgspec.Struct, frozen=True):
    """What was found of a plan in one world: delay in days and name, None for nothing.

    `last` is what stood on the last day, `degraded` whether degradation was ever named, and
    `roc_auc_loss` how much realised ROC-AUC the plan cost on average.
    """

    plan: str
    delay: int | None
    named: str | None
    last: str
    degraded: bool
    roc_auc_loss: float


class Quality(msgspec.Struct, frozen=True):
    """One world: its plans, and chunks, false alarms and errors of estimates without a plan."""

    seed: int
    subscribers: int
    outcomes: tuple[Outcome, ...]
    chunks: int
    alarms: list[str]
    gaps: list[float]


def page(groups: Sequence[Sequence[Quality]]) -> str:
    """All groups of worlds, each of one size."""
    seeds = sorted({one.seed for group in groups for one in group})
    sections = "\n".join(_section(group) for group in groups)
    return f"""# How early and how reliably monitoring detects drift

Worlds with seeds {seeds[0]} to {seeds[-1]}. {OTHERS if seeds[0] > max(TUNED) else THE_SAME}

In each world a forest is trained, its test window is the reference, and {ANALYSIS_DAYS} daily
chunks follow; a plan applies from the {ANALYSIS_DAYS // 2 + 1}st on. Each day is judged
with what was known on that day: labels mature {HORIZON} days later. The delay is counted from
the first drifted day (0: the same day) to the first finding of any kind.

{sections}
The first six plans are the simulator's. The others change what is recorded: outgoing and incoming
calls swapped, weekends halved, another tariff for a fifth of the subscribers, a tenth of the rows
lost, all measures down by half a per cent a day. "All clear" on the last day is wrong wherever the
change still holds ({ANALYSIS_DAYS // 2 + HORIZON} days after its first). "The new normal" says
that inputs no longer move but have not come back; "over, cause to be checked" that they are within
their limits again, as features over a window are, too, once they have got used to a change.
ROC-AUC lost is the mean of the drifted days, against the same world without the plan.

`price_shock` counts as early when it is found before day {HORIZON + 1}, when the first labels of
drifted days mature. The inputs of `concept_flip` do not shift, so it cannot be found before its
outcomes are known, on day {HORIZON + 1} at the earliest.
"""


def with_real_rows(text: str, section: str) -> str:
    """The page with the section on real rows at its end, in place of the one that was there."""
    return f"{text.partition(_REAL_ROWS)[0].rstrip()}\n\n{section.rstrip()}\n"


def real_rows_of(text: str) -> str:
    """The section on real rows of a page; empty if it has none."""
    _, title, rest = text.partition(_REAL_ROWS)
    return title + rest if title else ""


def _section(group: Sequence[Quality]) -> str:
    plans = [outcome.plan for outcome in group[0].outcomes]
    rows = "\n".join(_row(name, group) for name in plans)
    chunks = sum(one.chunks for one in group)
    alarms = [f"seed {one.seed}: {text}" for one in group for text in one.alarms]
    rate = 100 * len(alarms) / chunks
    told = f" ({'; '.join(alarms)})" if alarms else ""
    gaps = [gap for one in group for gap in one.gaps]
    return f"""## {len(group)} worlds of {group[0].subscribers:,} subscribers

{HEAD}
{rows}

- Without drift: {len(alarms)} false findings in {chunks} chunks, {rate:.2f} in 100; at most 1 is
  allowed{told}.
- Estimated against realised ROC-AUC without drift: mean absolute error {fmean(gaps):.3f}; at most
  0.030 is allowed.
"""


def _row(name: str, group: Sequence[Quality]) -> str:
    outcomes = [outcome for one in group for outcome in one.outcomes if outcome.plan == name]
    delays = [outcome.delay for outcome in outcomes if outcome.delay is not None]
    named = [outcome.named for outcome in outcomes if outcome.named is not None]
    middle, longest = (f"{median(delays):.0f}", str(max(delays))) if delays else ("-", "-")
    share = f"{len(delays)} of {len(outcomes)}"
    lost = fmean(outcome.roc_auc_loss for outcome in outcomes)
    degraded = sum(outcome.degraded for outcome in outcomes)
    last = _counted([outcome.last for outcome in outcomes])
    return (
        f"| `{name}` | {share} | {middle} | {longest} | {_counted(named)} | {last} | {lost:.3f} "
        f"| {degraded} of {len(outcomes)} |"
    )


def _counted(names: Sequence[str]) -> str:
    found = sorted(set(names))
    return ", ".join(f"{one.replace('_', ' ')} ({names.count(one)})" for one in found) or "-"
