"""A run over a Delta table: what it finds, what it computes again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from deltalake import DeltaTable

from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.names import table_uri
from monitoring.analysis import fitted as fitted_module
from monitoring.chunks import Period
from monitoring.errors import ConflictError, NotFoundError, NotReadyError
from monitoring.monitor import Monitor, Request
from monitoring.report import Report
from monitoring.site import sites
from tests.integration import monitoring_data as made
from tests.integration.monitoring_data import ANALYSIS_START, FakeRegistry

DAY = timedelta(days=1)
RUN_ID = "20260701T120000Z-000000"


pytestmark = pytest.mark.usefixtures("fits_once")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return made.settings_in(tmp_path)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many chunks each evaluation computed."""
    counts: list[int] = []
    original = fitted_module.Fitted.evaluate

    def counting(self: Any, rows: pl.DataFrame, chunks: Any) -> Any:
        counts.append(len(chunks))
        return original(self, rows, chunks)

    monkeypatch.setattr(fitted_module.Fitted, "evaluate", counting)
    yield counts


def monitor(settings: Settings, registry: FakeRegistry | None = None) -> Monitor:
    (site,) = sites(settings, [CHURN])
    return Monitor(settings, site, registry or FakeRegistry(), made.clock(), lambda rows: rows)


def keys(report: Report) -> list[str]:
    return [chunk.values.key for chunk in report.chunks]


def test_a_run_speaks_of_what_came_after_the_reference(settings: Settings) -> None:
    made.append(settings, made.rows(ANALYSIS_START, 3, seed=2))
    report = monitor(settings).run(Request(), RUN_ID)
    assert (report.start_date, report.end_date) == ("2026-05-18", "2026-05-20")
    assert report.reference.end < report.start_date
    assert (report.rows, report.labelled, report.model_version) == (1800, 1800, 1)
    assert set(report.performance.realised) >= {"roc_auc", "f1", "accuracy", "calibration_error"}
    assert report.performance.estimate_error is not None


def test_a_producer_a_day_ahead_does_not_make_half_a_day_a_whole_one(settings: Settings) -> None:
    today = made.NOW.date()
    made.append(settings, made.rows(today - 5 * DAY, 5, seed=2))
    made.append(settings, made.rows(today, 1, per_day=300, seed=2, change=a_morning))
    made.append(settings, made.rows(today + DAY, 1, per_day=5, seed=2, change=a_morning))
    report = monitor(settings).run(Request(), RUN_ID)
    assert [chunk.verdict.complete for chunk in report.chunks] == [True] * 5 + [False] * 2
    assert report.verdicts["data_drift"] == "ok"
    assert f"{today}, {today + DAY} are still filling and are not judged yet" in report.quality


def a_morning(x: dict[str, Any]) -> None:
    """What there is of a day by noon."""
    for name in ("calls", "seconds", "volume"):
        x[name] = x[name] * 0.3


def test_a_new_day_costs_one_chunk(settings: Settings, computed: list[int]) -> None:
    looking = monitor(settings)
    made.append(settings, made.rows(ANALYSIS_START, 5, seed=2))
    looking.run(Request(), RUN_ID)
    made.append(settings, made.rows(ANALYSIS_START + 5 * DAY, 1, seed=2))
    looking.run(Request(), RUN_ID)
    looking.run(Request(), RUN_ID)
    assert computed == [5, 1]


def test_values_outlive_the_process_and_are_the_same(
    settings: Settings, computed: list[int]
) -> None:
    made.append(settings, made.rows(ANALYSIS_START, 4, seed=2))
    first = monitor(settings).run(Request(), RUN_ID)
    second = monitor(settings).run(Request(), RUN_ID)
    assert computed == [4]
    assert msgspec.json.encode(first.chunks) == msgspec.json.encode(second.chunks)


def test_rows_of_a_day_already_seen_are_seen(settings: Settings, computed: list[int]) -> None:
    looking = monitor(settings)
    made.append(settings, made.rows(ANALYSIS_START, 3, seed=2))
    looking.run(Request(), RUN_ID)
    made.append(settings, made.rows(ANALYSIS_START, 1, per_day=200, seed=3))
    report = looking.run(Request(), RUN_ID)
    assert computed == [3, 1]
    assert [chunk.values.rows for chunk in report.chunks] == [800, 600, 600]


def test_labels_that_mature_later_turn_estimates_into_figures(
    settings: Settings, computed: list[int]
) -> None:
    looking = monitor(settings)
    scored = made.rows(ANALYSIS_START, 3, seed=2)
    made.append(settings, scored.with_columns(pl.lit(None, pl.Int32).alias("label")))
    before = looking.run(Request(), RUN_ID)
    assert before.performance.realised == {} and before.verdicts["model_drift"] == "unknown"
    uri = table_uri(settings.lake_uri, names.PREDICTIONS)
    known = made.predictions(scored.filter(pl.col("Date") == ANALYSIS_START))
    source = known.select("User", "Date", "label").to_arrow()
    DeltaTable(uri).merge(
        source, "t.User = s.User AND t.Date = s.Date", source_alias="s", target_alias="t"
    ).when_matched_update({"label": "s.label"}).execute()
    after = looking.run(Request(), RUN_ID)
    assert computed == [3, 1]
    assert [chunk.values.labelled for chunk in after.chunks] == [600, 0, 0]
    assert after.chunks[0].values.estimated == before.chunks[0].values.estimated


def test_a_table_made_anew_is_read_anew(settings: Settings, computed: list[int]) -> None:
    looking = monitor(settings)
    made.append(settings, made.rows(ANALYSIS_START, 3, seed=2))
    looking.run(Request(), RUN_ID)
    uri = Path(table_uri(settings.lake_uri, names.PREDICTIONS))
    uri.rename(uri.with_name("gone"))
    made.append(settings, made.rows(ANALYSIS_START, 2, seed=4))
    assert len(looking.run(Request(), RUN_ID).chunks) == 2
    assert computed == [3, 2]


def test_an_emptied_table_is_a_sentence_and_not_a_crash(settings: Settings) -> None:
    looking = monitor(settings)
    made.append(settings, made.rows(ANALYSIS_START, 2, seed=2))
    looking.run(Request(), RUN_ID)
    DeltaTable(table_uri(settings.lake_uri, names.PREDICTIONS)).delete()
    with pytest.raises(NotFoundError, match="rows of model version 1"):
        looking.run(Request(), RUN_ID)
    made.append(settings, made.rows(ANALYSIS_START, 2, seed=3))
    assert len(looking.run(Request(), RUN_ID).chunks) == 2


@pytest.mark.parametrize(("period", "chunks"), [("D", 9), ("W", 2), ("1000", 6)])
def test_periods_cut_the_same_rows(settings: Settings, period: str, chunks: int) -> None:
    made.append(settings, made.rows(ANALYSIS_START, 9, seed=2))
    report = monitor(settings).run(Request(period=Period.parse(period)), RUN_ID)
    assert (len(report.chunks), report.rows) == (chunks, 5400)
    assert len(set(keys(report))) == chunks


def test_a_span_of_dates_is_looked_at_alone(settings: Settings) -> None:
    made.append(settings, made.rows(ANALYSIS_START, 5, seed=2))
    span = Request(start=ANALYSIS_START + DAY, end=ANALYSIS_START + 2 * DAY)
    assert keys(monitor(settings).run(span, RUN_ID)) == ["2026-05-19", "2026-05-20"]


def test_a_span_that_meets_the_reference_is_refused(settings: Settings) -> None:
    made.append(settings, made.rows(ANALYSIS_START - DAY, 3, seed=2))
    with pytest.raises(ConflictError, match="a date after the reference, which ends on 2026-05-17"):
        monitor(settings).run(Request(start=ANALYSIS_START - DAY), RUN_ID)


def test_scored_rows_of_the_reference_days_never_count(settings: Settings) -> None:
    made.append(settings, made.rows(ANALYSIS_START - 3 * DAY, 5, seed=2))
    assert keys(monitor(settings).run(Request(), RUN_ID)) == ["2026-05-18", "2026-05-19"]


def test_what_is_missing_is_named(settings: Settings) -> None:
    with pytest.raises(NotReadyError, match="There is no champion yet"):
        monitor(settings, FakeRegistry(number=None)).run(Request(), RUN_ID)
    with pytest.raises(NotReadyError, match="a table of predictions"):
        monitor(settings).run(Request(), RUN_ID)
    made.append(settings, made.rows(ANALYSIS_START, 1, seed=2))
    with pytest.raises(NotFoundError, match="one of 1, but got 7"):
        monitor(settings).run(Request(model_version=7), RUN_ID)
    with pytest.raises(NotFoundError, match="rows of model version 1"):
        monitor(settings).run(Request(start=ANALYSIS_START + 99 * DAY), RUN_ID)
