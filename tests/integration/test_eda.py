"""The analysis says what is there, skips what is not, and finds a planted leak."""

from __future__ import annotations

import json
import logging
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from deltalake import write_deltalake

import eda
from eda import association, profile, source
from eda.config import read as read_config
from eda.proposal import propose
from lakehouse import mysql
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import LABEL, MEASURE_NAMES
from lakehouse.domains.settings import Settings
from lakehouse.errors import SourceError
from lakehouse.names import table_uri

START = date(2026, 5, 4)
DAYS, USERS = 12, 150


def usage(seed: int = 1) -> pl.DataFrame:
    """Rows of usage; churners make fewer calls, and nothing else differs."""
    rng = np.random.default_rng(seed)
    churns = np.arange(USERS) % 5 == 0
    days = []
    for number in range(DAYS):
        rate = np.where(churns, 2.0, 6.0)
        columns: dict[str, Any] = {
            name: rng.poisson(4, USERS).astype(float) for name in MEASURE_NAMES
        }
        columns["DP_MOC_COUNT"] = rng.poisson(rate).astype(float)
        days.append(
            pl.DataFrame(
                {
                    "id": np.arange(USERS) + USERS * number,
                    "Date": [START + timedelta(days=number)] * USERS,
                    "DP_DATE": [
                        datetime(2026, 5, 4 + number, user % 24, tzinfo=UTC).replace(tzinfo=None)
                        for user in range(USERS)
                    ],
                    "DP_MSISDN": [f"9990000{user:04d}" for user in range(USERS)],
                    **columns,
                    LABEL: churns.astype(np.int8),
                }
            )
        )
    return pl.concat(days)


def lake_of(rows: pl.DataFrame, folder: Path) -> Settings:
    """An installation whose bronze tables hold these rows."""
    settings = Settings.model_validate(
        {
            "state_dir": str(folder / "state"),
            "lake": {"uri": str(folder / "lake")},
            "monitoring": {"output_dir": str(folder / "output")},
        }
    )
    event_id = pl.format("t:{}", pl.int_range(pl.len()))
    moment = pl.col("DP_DATE").dt.replace_time_zone("UTC").dt.cast_time_unit("us")
    events = rows.drop(LABEL).with_columns(moment, event_id=event_id)
    write_deltalake(table_uri(settings.lake_uri, names.BRONZE_EVENTS), events.to_arrow())
    known = rows.filter(pl.col(LABEL).is_not_null())
    outcomes = known.select("DP_MSISDN", pl.col("Date").alias("date"), LABEL).unique()
    told = outcomes.with_columns(
        known_at="date",
        kafka_timestamp=pl.lit(datetime(2026, 7, 1, tzinfo=UTC)),
        offset=pl.int_range(pl.len()),
    )
    uri = table_uri(settings.lake_uri, names.BRONZE_OUTCOMES)
    write_deltalake(uri, told.to_arrow())
    return settings


def config(folder: Path, **values: Any) -> Path:
    last = START + timedelta(days=DAYS - 1)
    path = folder / "query_params.json"
    content = {"start_date": str(START), "end_date": str(last), "source": "lake"} | values
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_an_analysis_leaves_a_plot_for_each_column_and_one_page(tmp_path: Path) -> None:
    result = eda.run(config(tmp_path), lake_of(usage(), tmp_path))
    plots = {path.name for path in result.report.parent.glob("*_vs_PSEUDO_CHURNED.png")}
    expected = (*MEASURE_NAMES, "DP_HOUR", "DP_WEEKDAY")
    assert plots == {f"{name}_vs_{LABEL}.png" for name in expected}
    assert result.plotted[0] == "DP_MOC_COUNT", "the telling column comes first"
    page = result.report.read_text(encoding="utf-8")
    assert "20.0 % of them are of subscribers who churned" in page
    assert "docs/features.md" in page and "out_calls_sum_7d" in page
    assert "http://" not in page and "https://" not in page


def test_both_ends_of_the_dates_count(tmp_path: Path) -> None:
    last = START + timedelta(days=2)
    chosen = config(tmp_path, end_date=str(last))
    page = eda.run(chosen, lake_of(usage(), tmp_path)).report.read_text(encoding="utf-8")
    assert f"{3 * USERS} rows of {USERS} subscribers on 3 days" in page


def test_an_unusable_column_is_skipped_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    rows = usage().with_columns(
        pl.lit(None, pl.Float64).alias("DP_MTSMS_COUNT"), pl.lit(0.0).alias("DP_MOSMS_COUNT")
    )
    result = eda.run(config(tmp_path), lake_of(rows, tmp_path))
    assert result.skipped == {
        "DP_MTSMS_COUNT": "all values are missing",
        "DP_MOSMS_COUNT": "all values are the same",
    }
    assert "DP_MTSMS_COUNT" not in result.plotted
    assert "skipping DP_MTSMS_COUNT: all values are missing" in caplog.messages


def test_days_without_any_outcome_are_told_so(tmp_path: Path) -> None:
    rows = usage().with_columns(pl.lit(None, pl.Int8).alias(LABEL))
    result = eda.run(config(tmp_path), lake_of(rows, tmp_path))
    assert result.plotted == ()
    assert "No row of these days has a known outcome yet" in result.report.read_text("utf-8")


def test_an_analysis_can_be_repeated(tmp_path: Path) -> None:
    settings = lake_of(usage(), tmp_path)
    first = eda.run(config(tmp_path), settings).report.read_bytes()
    assert eda.run(config(tmp_path), settings).report.read_bytes() == first
    assert not list((settings.state).iterdir()), "no scratch is left"


def test_a_column_that_knows_the_outcome_is_suspected() -> None:
    leaking = usage().with_columns(
        DP_DATA_VOLUME=pl.col(LABEL) * 10.0 + pl.col("DP_DATA_COUNT") / 9
    )
    suspects = association.leak_suspects(leaking, MEASURE_NAMES)
    assert [one.name for one in suspects] == ["DP_DATA_VOLUME"]
    assert association.leak_suspects(usage(), MEASURE_NAMES) == []


def test_the_same_value_for_all_rows_of_a_day_is_seen() -> None:
    daily = usage().with_columns(DP_DATA_VOLUME=pl.col("Date").dt.day().cast(pl.Float64))
    found = profile.profile(profile.with_time(daily.lazy()))
    assert [c.name for c in found.columns if c.constant] == ["DP_DATA_VOLUME", profile.WEEKDAY]


def test_profile_figures_are_right() -> None:
    rows = usage()
    found = profile.profile(profile.with_time(rows.lazy()))
    calls = next(column for column in found.columns if column.name == "DP_MOC_COUNT")
    assert (found.rows, found.subscribers, found.churned) == (
        DAYS * USERS,
        USERS,
        DAYS * USERS // 5,
    )
    assert calls.mean == pytest.approx(rows["DP_MOC_COUNT"].mean())
    stayed, churned = (one for one in found.classes if one.name == "DP_MOC_COUNT")
    of_churners = rows.filter(pl.col(LABEL) == 1)["DP_MOC_COUNT"]
    assert (stayed.label, churned.label, churned.known) == (0, 1, len(of_churners))
    assert (churned.total, churned.high) == (of_churners.sum(), of_churners.max())
    assert churned.variance == pytest.approx(of_churners.var())
    assert churned.skew == pytest.approx(of_churners.skew())
    assert found.days["DP_MOC_COUNT.sum"].sum() == pytest.approx(rows["DP_MOC_COUNT"].sum())
    names_ = [*found.usable, LABEL]
    place = names_.index("DP_MOC_COUNT"), names_.index(LABEL)
    expected = rows.select(pl.corr("DP_MOC_COUNT", LABEL)).item()
    assert found.correlation[place] == pytest.approx(expected)


def test_an_interval_of_r2_resamples_subscribers() -> None:
    one = association.associate(usage(), "DP_MOC_COUNT")
    none = association.associate(usage(), "DP_MTC_COUNT")
    assert one is not None and none is not None
    assert 0 < one.r2_low < one.r2 < one.r2_high < 1
    assert one.effect < -1 and one.separation > 0.8
    assert none.r2_low < 0.01


def test_proposals_begin_with_the_most_telling_measure() -> None:
    found = [association.associate(usage(), name) for name in ("DP_MTC_COUNT", "DP_MOC_COUNT")]
    proposals = propose([one for one in found if one is not None], {}, (7, 14, 30))
    assert [proposal.measure for proposal in proposals] == ["DP_MOC_COUNT", "DP_MTC_COUNT"]
    assert "out_calls_trend_7d" in proposals[0].features
    assert proposals[0].reason.startswith("churners have less of it")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"start_date": "2026-05-04"}', "missing required field `end_date`"),
        ('{"start_date": "2024-25-26", "end_date": "2024-12-31"}', "start_date"),
        ('{"start_date": "2026-05-04", "end_date": "2026-05-03"}', "swap the two"),
        ('{"start_date": "2026-05-04", "end_date": "2026-05-05", "x": 1}', "unknown field `x`"),
        ('{"start_date": "2026-05-04", // first day\n}', "without comments"),
        ("[]", "dates like 2026-01-31"),
        ("", "plain JSON"),
    ],
)
def test_a_wrong_configuration_is_one_clear_sentence(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "query_params.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SourceError) as error:
        eda.run(path, Settings())
    assert says in str(error.value) and str(path) in str(error.value)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="give --config another path"):
        eda.run(tmp_path / "none.json", Settings())
    with pytest.raises(SourceError, match="rows from 2020-01-01 to 2020-01-02, but got none"):
        chosen = config(tmp_path, start_date="2020-01-01", end_date="2020-01-02")
        eda.run(chosen, lake_of(usage(), tmp_path))


@pytest.mark.integration
def test_rows_come_from_mysql_with_decimals_as_numbers(database: Settings, tmp_path: Path) -> None:
    columns = (
        "DP_DATE",
        "Date",
        "DP_MSISDN",
        *MEASURE_NAMES,
        LABEL,
        "stream_id",
        "sequence",
        "emitted_at",
    )
    statement = (
        f"INSERT INTO {names.MYSQL_RAW} ({', '.join(columns)}) "
        f"VALUES ({', '.join(['%s'] * len(columns))})"
    )
    rows = usage().head(2 * USERS)
    values = [
        (row["DP_DATE"], row["Date"], row["DP_MSISDN"], *(row[name] for name in MEASURE_NAMES),
         row[LABEL], "eda-test", number, row["DP_DATE"])
        for number, row in enumerate(rows.iter_rows(named=True))
    ]  # fmt: skip
    with mysql.connect(database.mysql) as connection, connection.cursor() as cursor:
        cursor.executemany(statement, values)
        connection.commit()
    try:
        chosen = config(tmp_path, source="mysql", end_date=str(START + timedelta(days=1)))
        output = {"output_dir": str(tmp_path / "output")}
        monitoring = database.monitoring.model_copy(update=output)
        places = {"state_dir": str(tmp_path / "state"), "monitoring": monitoring}
        here = database.model_copy(update=places)
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        found = source.scan(read_config(chosen), here, scratch).collect()
        assert found.height == 2 * USERS
        assert found["DP_DATA_VOLUME"].sum() == rows["DP_DATA_VOLUME"].sum()
        assert eda.run(chosen, here).plotted[0] == "DP_MOC_COUNT"
    finally:
        table = f"{database.mysql.database}.{names.MYSQL_RAW}"
        with mysql.connect(database.mysql, admin=True) as connection:
            connection.cursor().execute(f"DELETE FROM {table} WHERE stream_id = 'eda-test'")
            connection.commit()
