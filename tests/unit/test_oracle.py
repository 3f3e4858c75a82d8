from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from deltalake import write_deltalake

from cdrlake.cdr import oracle
from flaskapp.cdr.world import World
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import MEASURE_NAMES
from lakehouse.domains.cdr.settings import SourceSettings, WorldSettings
from lakehouse.domains.settings import Settings
from lakehouse.models import bundle
from lakehouse.models.bundle import Bundle
from lakehouse.names import table_uri
from lakehouse.settings.model import LakeSettings

START = date(2026, 2, 2)
WORLD = WorldSettings(seed=3, subscribers=400)
TEST_DAYS = (30, 31)  # 2026-03-04 and 05, as in the papers of the small bundle
MakeBundle = Callable[..., tuple[Path, str]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation whose lake begins on the first day of the world."""
    made = Settings(lake=LakeSettings(uri=str(tmp_path / "lake")), world=WORLD)
    days = pl.DataFrame({"Date": [START, date(2026, 4, 1)], "User": ["1", "2"]})
    days = days.with_columns(pl.lit(1).alias(name) for name in MEASURE_NAMES)
    write_deltalake(table_uri(made.lake_uri, names.SILVER_DAILY), days.to_arrow())
    return made


def judged(make_bundle: MakeBundle, flip: bool = False) -> Bundle:
    """A model that knows what the oracle knows, or the opposite; labels are who is silent."""
    world = World(WORLD, START)
    rows = pl.concat(
        world.oracle_probability(number).with_columns(Date=pl.lit(world.date_of(number)))
        for number in TEST_DAYS
    )
    after = world.days(TEST_DAYS[1] + 1, TEST_DAYS[1] + 30)
    active = pl.concat(after)["DP_MSISDN"].unique()
    reference = rows.select(
        "Date",
        User="DP_MSISDN",
        days_silent=0.0,
        calls=0.0,
        label=(~pl.col("DP_MSISDN").is_in(active.implode())).cast(pl.Int32),
        prediction=0,
        probability_1=(1 - pl.col("probability")) if flip else pl.col("probability"),
    )
    return bundle.load(*make_bundle(reference=reference))


def test_a_model_that_knows_all_has_all_of_the_edge(
    settings: Settings, make_bundle: MakeBundle
) -> None:
    found = oracle.beside(judged(make_bundle), settings)
    assert found is not None
    share, roc_auc = found.oracle.share, found.oracle.metrics["roc_auc"]
    assert (share.low, share.value, share.high) == (1.0, 1.0, 1.0)
    assert 0.9 < roc_auc.low <= roc_auc.value <= 1


def test_a_model_that_knows_the_opposite_has_less_than_nothing(
    settings: Settings, make_bundle: MakeBundle
) -> None:
    found = oracle.beside(judged(make_bundle, flip=True), settings)
    assert found is not None and found.oracle.share.value == pytest.approx(-1.0)


def test_without_the_world_s_events_in_the_lake_there_is_no_attainable_bound(
    settings: Settings, make_bundle: MakeBundle
) -> None:
    found = oracle.beside(judged(make_bundle), settings)
    assert found is not None and found.attainable is None
    assert [bound.name for bound in found] == ["oracle"]


def test_with_the_world_s_events_in_the_lake_both_bounds_are_told(
    settings: Settings, make_bundle: MakeBundle
) -> None:
    usage = pl.concat(World(WORLD, START).days(0, TEST_DAYS[1])).with_columns(
        pl.col("DP_DATE").dt.date().alias("Date"), User="DP_MSISDN"
    )
    lines = usage.group_by("User", "Date").agg(pl.col(name).sum() for name in MEASURE_NAMES)
    uri = table_uri(settings.lake_uri, names.SILVER_DAILY)
    write_deltalake(uri, lines.to_arrow(), mode="overwrite", schema_mode="overwrite")
    made = judged(make_bundle)
    seen = made.reference().filter(pl.col("User").is_in(lines["User"].unique().implode()))
    found = oracle.beside(bundle.load(*make_bundle(reference=seen)), settings)
    assert found is not None and found.attainable is not None
    assert found.attainable.metrics["roc_auc"].value < found.oracle.metrics["roc_auc"].value
    assert str(found.attainable).startswith("ROC-AUC 0.")
    assert "of its edge over chance" in str(found.attainable)


def test_data_from_files_or_of_other_subscribers_has_no_oracle(
    settings: Settings, make_bundle: MakeBundle, tmp_path: Path
) -> None:
    made = judged(make_bundle)
    files = SourceSettings(files=(tmp_path / "RawData.csv",))
    assert oracle.beside(made, settings.model_copy(update={"source": files})) is None
    strangers = bundle.load(*make_bundle())
    assert oracle.beside(strangers, settings) is None
    empty = LakeSettings(uri=str(tmp_path / "nowhere"))
    assert oracle.beside(made, settings.model_copy(update={"lake": empty})) is None
