"""Drift injected into real rows: writes its section of docs/monitoring-quality.md at full size."""

from __future__ import annotations

from bench import real_rows
from bench.measure import Measurement, Size
from bench.quality_page import with_real_rows
from bench.real_drift import CHUNKS, REFERENCE_CHUNKS, Trial, trials
from bench.real_drift_page import section
from bench.real_rows import RealRows
from bench.stand import Stand
from lakehouse.settings import ROOT

PAGE = ROOT / "docs" / "monitoring-quality.md"
TRIALS = 10


def run(size: Size, _: Stand) -> list[Measurement]:
    """Judge the streams; their findings are no race, so no measurement comes of it.

    The small size takes one stream of each kind from made rows, whose figures mean nothing. Data
    sets that are not there are left out.
    """
    if size == "small":
        print(section({"made": _judged(real_rows.made(), 1)}))
        return []
    found = {}
    for name in real_rows.present():
        rows = real_rows.SETS[name][0]()
        found[rows.name] = _judged(rows, TRIALS)
    text = section(found)
    print(text)
    if found:
        PAGE.write_text(with_real_rows(PAGE.read_text("utf-8"), text), encoding="utf-8")
    return []


def _judged(rows: RealRows, count: int) -> tuple[RealRows, list[Trial]]:
    print(f"{rows.name}: {REFERENCE_CHUNKS} + {CHUNKS} chunks of {rows.per_chunk}", flush=True)
    return rows, list(trials(rows, count))
