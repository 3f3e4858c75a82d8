"""What monitoring costs: a million new predictions at once, and a new day beside all of them again.

Both measure a run as the service makes it: read, judge, draw, write, record.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from bench.measure import ROUNDS, Figure, Measurement, Size, compare, hold, seconds
from bench.monitor_world import (
    ANALYSIS_FROM,
    COSTS,
    FEATURES,
    Installation,
    look,
    look_alone,
    scored,
)
from bench.opponents import nannyml_again
from bench.stand import Stand, scratch
from monitoring.monitor import Request

DAY = timedelta(days=1)
REFERENCE_ROWS = {"small": 200, "full": 17_800}
MILLION = {"small": 1_000, "full": 100_000}
DAYS = {"small": 3, "full": 10}
BAR_S, BAR_MIB = 20.0, 500
EXACT = 1e-9


def run(size: Size, _: Stand) -> list[Measurement]:
    """Both figures. Raises `AssertionError` where ours and NannyML's values differ."""
    with scratch() as folder:
        return [_million(size, folder / "a"), _again(size, folder / "b")]


def _installation(folder: Path, size: Size) -> Installation:
    folder.mkdir()
    made = Installation(folder)
    made.make(REFERENCE_ROWS[size])
    return made


def _million(size: Size, folder: Path) -> Measurement:
    made = _installation(folder, size)
    made.append(ANALYSIS_FROM, 1, REFERENCE_ROWS[size])
    for number in range(DAYS[size]):
        made.append(ANALYSIS_FROM + (number + 1) * DAY, 1, MILLION[size])
    runs: list[dict[str, float]] = []

    def ours() -> float:
        runs.append(look(made) if size == "small" else look_alone(made))
        return runs[-1]["looking"]

    found = hold(_of_a_million(size), BAR_S, ours, ROUNDS[size], warm=False)
    peak, learning = (max(one[name] for one in runs) for name in ("peak_mib", "learning"))
    note = (
        f"a run in a fresh process, plots and tables included; peak memory {peak:,.0f} MiB (bar "
        f"{BAR_MIB}); the reference ({14 * REFERENCE_ROWS[size]:,} rows), learnt once per "
        f"champion, took {learning:.1f} s more, imports and a first run included"
    )
    return _with_note(found, note)


def _of_a_million(size: Size) -> Figure:
    rows = DAYS[size] * MILLION[size]
    data = f"{rows:,} new labelled predictions, {len(FEATURES)} features, {DAYS[size]} days"
    return Figure("monitor_million_rows_s", "s", False, data)


def _again(size: Size, folder: Path) -> Measurement:
    """Days 10, 11, ... as they come: ours looks at the new one, NannyML at all up to it."""
    made, per_day = _installation(folder, size), MILLION[size] // 4
    service, took, day = made.service(), list[float](), [0]

    def next_day() -> float:
        made.append(ANALYSIS_FROM + day[0] * DAY, 1, per_day)
        day[0] += 1
        took.append(seconds(lambda: service.run(Request())))
        return took[-1]

    for _ in range(DAYS[size] - 1):
        next_day()

    def everything() -> float:
        rows = scored(ANALYSIS_FROM, day[0], per_day)
        reference = pl.read_parquet(made.reference)
        values: list[dict[str, float]] = []
        cost = seconds(lambda: values.extend(nannyml_again.run(reference, rows, FEATURES, COSTS)))
        _require_equal(service.latest, values)
        return cost

    data = f"{per_day:,} predictions a day, day {DAYS[size]} on, {len(FEATURES)} features"
    figure = Figure("monitor_vs_full_nannyml", "s", False, data)
    found = compare(figure, "NannyML over everything again", next_day, everything, ROUNDS[size])
    note = (
        f"ours includes plots, tables and records, theirs is fit and calculate only; all values "
        f"equal to {EXACT:g}; our run number 2 took {took[1]:.2f} s, number {DAYS[size]} took "
        f"{took[DAYS[size] - 1]:.2f} s"
    )
    return _with_note(found, note)


def _require_equal(report: Any, expected: list[dict[str, float]]) -> None:
    for chunk, wanted in zip(report.chunks, expected, strict=True):
        ours = nannyml_again.flat(chunk.values)
        for name, value in wanted.items():
            assert abs(ours[name] - value) <= EXACT, (chunk.values.key, name, ours[name], value)


def _with_note(found: Measurement, note: str) -> Measurement:
    return msgspec.structs.replace(found, note=note)
