"""The report from the tables of the lake and the champion of the types."""

from __future__ import annotations

from datetime import date, timedelta
from typing import cast

import polars as pl

from lakehouse import store
from lakehouse.domains.segments import names
from lakehouse.domains.segments.settings import SegmentsSettings
from lakehouse.domains.segments.structure import claim
from lakehouse.names import table_uri
from lakehouse.registry import Registry
from lakehouse.settings import Settings
from monitoring.segments import calibration, drift, shares
from monitoring.segments.report import SegmentsReport

GAP_TO_NULL = "gap_to_null"
# How far back the page looks: half a year of history before the first week that it shows.
LOOK_BACK = timedelta(days=400)


def report(settings: Settings, registry: Registry) -> SegmentsReport | None:
    """The report on the newest weeks; None before there are segments."""
    placed = _read(settings, names.GOLD_SEGMENTS, pl.lit(True))
    champion = registry.champion()
    if placed is None or placed.is_empty() or champion is None:
        return None
    last = cast(date, placed["as_of"].max())
    placed = placed.filter(pl.col("as_of") > last - LOOK_BACK).sort("as_of", "card")
    bought = _read(settings, names.BRONZE_PURCHASES, pl.col("date") > last - 2 * LOOK_BACK)
    if bought is None or bought.is_empty():
        return None
    purchases = bought.unique("event_id").select("card", "merchant", "amount", "date")
    own = cast(SegmentsSettings, settings.domain(names.NAME))
    coverage = calibration.coverage_of(purchases, own.holes)
    manifest = registry.load(champion).manifest
    movers, type_movers, flows = shares.moved(placed)
    days = sorted(set(placed["as_of"]))
    return SegmentsReport(
        as_of=last,
        cards=int((placed["as_of"] == last).sum()),
        claim=claim(manifest.figures.value(GAP_TO_NULL)),
        segments=shares.segments(placed, purchases),
        psi=shares.psi(shares.share_of(placed, days[0]), shares.share_of(placed, days[-1])),
        movers=movers,
        type_movers=type_movers,
        flows=flows,
        calibration=calibration.by_horizon(placed, purchases, coverage),
        weeks=calibration.by_week(placed, purchases, coverage),
        drift=drift.watch(purchases, manifest.score_from),
        false_alarms=drift.BUDGET,
    )


def _read(settings: Settings, name: str, wanted: pl.Expr) -> pl.DataFrame | None:
    table = store.open_table(table_uri(settings.lake_uri, name), settings.lake_options)
    return None if table is None else table.collect(table.scan().filter(wanted))
