"""Parts of the subscribers: told with outcomes, and computed again once their traits are known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import polars as pl
import pytest

from lakehouse import mysql
from lakehouse.clock import FixedClock
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.errors import DatabaseError
from monitoring import compose, monitor, quality
from monitoring.analysis.limits import Limits
from monitoring.analysis.values import ENTITY, TIME, TRAIT, ChunkValues, Figure, Slice
from monitoring.cache import ChunkCache
from monitoring.chunks import Chunk, Period
from monitoring.monitor import Monitor
from monitoring.site import sites
from monitoring.traits import Traits

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
FIRST = date(2026, 5, 18)
NO_ROWS = pl.DataFrame(schema=["User", "Date", "label", "prediction", "probability_1"])


def values(number: int, rows: int = 100, slices: dict[str, Slice] | None = None) -> ChunkValues:
    day = FIRST + timedelta(days=number)
    labelled = sum(part.labelled for part in (slices or {}).values())
    return ChunkValues(
        key=str(day), start=str(day), end=str(day),
        rows=rows, labelled=labelled, positives=0, expected=0.0,
        realised={}, estimated={}, drift={}, reconstruction=Figure(0.0, 0.0), missing={},
        outside={}, distributions={}, brier=None, calibration_error=None, associations={},
        slices=slices or {},
    )  # fmt: skip


def chunk(stamp: str = "a") -> Chunk:
    return Chunk(str(FIRST), FIRST, FIRST, 0, 100, stamp)


def test_outcomes_of_a_part_are_those_of_the_latest_days_that_have_any() -> None:
    old = [values(n, slices={"segment: a": Slice(100, 0.5, 100, 0.9, 0.6)}) for n in range(3)]
    known = [values(n, slices={"segment: a": Slice(100, 0.2, 100, 0.1, 0.8)}) for n in range(3, 10)]
    recent = [
        values(n, slices={"segment: a": Slice(50, 0.3, 0, None, None)}) for n in range(10, 40)
    ]
    (part,) = compose._slices([*old, *known, *recent])
    assert part.rows == 350
    assert [part.score, part.label_rate, part.roc_auc] == pytest.approx([0.3, 0.1, 0.8])


@pytest.mark.parametrize(
    ("period", "earlier", "latest", "is_noted"),
    [("D", 5_000, 5_200, False), ("D", 5_000, 2_000, True), ("500", 500, 20, False)],
)
def test_volume_is_compared_with_the_days_before_not_with_the_reference(
    period: str, earlier: int, latest: int, is_noted: bool
) -> None:
    fitted = cast(Any, SimpleNamespace(period=Period.parse(period), chunks=[values(0, 600)]))
    counted = [*(values(n, earlier) for n in range(4)), values(4, 10 * earlier), values(5, latest)]
    notes = list(quality._of_volume(fitted, counted))
    note = f"2026-05-23: {latest:,} rows, against the usual {earlier:,}"
    assert notes == ([note] if is_noted else [])
    assert list(quality._of_volume(fitted, counted[-1:])) == []


def test_a_column_with_a_method_missing_is_no_drift() -> None:
    limits = Limits(100.0, {"calls": {"jensen_shannon": 0.1, "kolmogorov_smirnov": 0.1}}, 1.0, {})
    assert limits.limit_ratio("calls", {"jensen_shannon": 0.3, "kolmogorov_smirnov": 0.2}, 100) == 2
    assert limits.limit_ratio("calls", {"jensen_shannon": 0.3}, 100) == 0
    assert limits.limit_ratio("calls", {}, 100) == 0


def test_values_without_traits_do_until_traits_are_known(tmp_path: Path) -> None:
    cache = ChunkCache(tmp_path)
    cache.put(chunk(), values(0), has_traits=False)
    for same in (cache, ChunkCache(tmp_path)):
        assert same.get(chunk(), has_traits=False) == values(0)
        assert same.get(chunk(), has_traits=True) is None
    cache.put(chunk(), values(0), has_traits=True)
    for same in (cache, ChunkCache(tmp_path)):
        assert (
            same.get(chunk(), has_traits=False) == same.get(chunk(), has_traits=True) == values(0)
        )
        assert same.get(chunk("b"), has_traits=True) is None


@dataclass
class Database:
    """MySQL as `Traits` sees it."""

    is_away: bool = True
    asked: int = 0

    @contextmanager
    def connect(self, _settings: Any) -> Iterator[Any]:
        self.asked += 1
        if self.is_away:
            raise DatabaseError("MySQL", "a server", "none", "start it")
        rows = [("1", "business", "north", date(2020, 1, 1))]
        cursor = SimpleNamespace(execute=lambda *_: None, fetchall=lambda: rows)

        @contextmanager
        def opened() -> Iterator[Any]:
            yield cursor

        yield SimpleNamespace(cursor=opened)


def test_traits_are_asked_for_again_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    database, clock = Database(), FixedClock(NOW)
    monkeypatch.setattr(mysql, "connect", database.connect)
    assert CHURN.slices is not None
    traits = Traits(CHURN.slices, Settings().mysql, clock)
    rows = pl.DataFrame({ENTITY: ["1"], TIME: [FIRST]})
    assert traits.enrich(rows).columns == [ENTITY, TIME]
    database.is_away = False
    assert traits.enrich(rows).columns == [ENTITY, TIME], "not for each part of a run"
    clock.advance(61)
    assert traits.enrich(rows)[f"{TRAIT}segment"].to_list() == ["business"]
    assert traits.enrich(rows)[f"{TRAIT}tenure"].to_list() == ["over a year"]
    assert database.asked == 2, "known for ten minutes"
    clock.advance(601)
    database.is_away = True
    assert traits.enrich(rows)[f"{TRAIT}segment"].to_list() == ["business"]


@dataclass
class Looked:
    """A monitor whose references are not learnt, only counted."""

    folder: Path
    learnt: list[str] = field(default_factory=list)
    has_traits: bool = False

    def monitor(self) -> Monitor:
        settings = Settings.model_validate({"state_dir": str(self.folder)})
        (site,) = sites(settings, [CHURN])
        bundle = SimpleNamespace(manifest=None, reference=lambda: NO_ROWS)
        registry = cast(Any, SimpleNamespace(load=lambda _: bundle))
        return Monitor(settings, site, registry, FixedClock(NOW), self.enrich)

    def enrich(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.with_columns(pl.lit("a").alias(f"{TRAIT}segment")) if self.has_traits else rows

    def look(self, looking: Monitor, version: str, period: str = "D") -> None:
        """What a run does with its fit: use it, and keep a chunk's values."""
        fit = looking._fit(cast(Any, SimpleNamespace(run_id=version, number=1)), Period(period))
        fit.cache.put(chunk(), values(0), fit.has_traits)

    def kept(self) -> set[str]:
        root = self.folder / monitor.FOLDER / monitor.CHUNKS
        return {str(path.relative_to(root)) for path in root.glob("*/*")}


@pytest.fixture
def looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Looked:
    found = Looked(tmp_path)

    def fit(model: str, _reference: Any, period: Period, _buckets: Any) -> str:
        found.learnt.append(f"{model}/{period.text}")
        return model

    monkeypatch.setattr("monitoring.analysis.fitted.fit", fit)
    monkeypatch.setattr("monitoring.models.model_of", lambda version, _manifest: version.run_id)
    return found


def test_chunks_of_a_dropped_reference_go_with_it(looked: Looked) -> None:
    looking = looked.monitor()
    for version in ("v1", "v2", "v1", "v3", "v1", "v4", "v1"):
        looked.look(looking, version)
    assert looked.learnt == ["v1/D", "v2/D", "v3/D", "v4/D"], "what is used stays"
    assert looked.kept() == {"v1/D", "v3/D", "v4/D"}
    assert len(looking._fits) == monitor.KEPT_FITS


def test_chunks_of_an_earlier_process_stay_until_others_take_their_place(looked: Looked) -> None:
    before = looked.monitor()
    for version in ("v1", "v2", "v3"):
        looked.look(before, version)
    after = looked.monitor()
    looked.look(after, "v3")
    assert looked.kept() == {"v1/D", "v2/D", "v3/D"}
    looked.look(after, "v4")
    looked.look(after, "v4", "W")
    looked.look(after, "v3")
    assert looked.kept() == {"v3/D", "v4/D", "v4/W"}


def test_a_reference_is_learnt_again_once_traits_are_known(looked: Looked) -> None:
    looking = looked.monitor()
    looked.look(looking, "v1")
    looked.has_traits = True
    looked.look(looking, "v1")
    looked.has_traits = False
    looked.look(looking, "v1")
    assert looked.learnt == ["v1/D", "v1/D"]
