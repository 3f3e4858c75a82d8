from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake
from typer.testing import CliRunner

from cdrlake import cli, cli_trace
from lakehouse.clock import FixedClock
from lakehouse.domains.cdr import CDR, names
from lakehouse.domains.cdr.contracts import LABEL
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.errors import ModelError, SettingsError
from lakehouse.models.scoring import score_frame
from lakehouse.names import table_uri
from lakehouse.registry import Registry
from lakehouse.registry.stores import MemoryStore
from lakehouse.settings.model import LakeSettings
from lakehouse.trace import Trace, trace

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = date(2026, 3, 20)
USER, OTHER = "49170000001", "49170000002"
MakeBundle = Callable[..., tuple[Path, str]]


def moment(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 9, tzinfo=UTC)


def event(user: str, days_ago: int, offset: int) -> dict[str, object]:
    day = DAY - timedelta(days=days_ago)
    return {
        "DP_DATE": moment(day), "DP_MSISDN": user, "DP_MOC_COUNT": 3, "DP_MOC_DURATION": 61.0,
        "DP_MTC_COUNT": 1, "DP_MTC_DURATION": 10.0, "DP_MOSMS_COUNT": 0, "DP_MTSMS_COUNT": 0,
        "DP_DATA_COUNT": 2, "DP_DATA_VOLUME": 5.5, "event_id": f"world:{offset}",
        "emitted_at": moment(day), "Date": day, "topic": "cdr-events", "partition": 1,
        "offset": offset, "kafka_timestamp": moment(day), "ingested_at": moment(day),
    }  # fmt: skip


def daily(user: str, days_ago: int) -> dict[str, object]:
    row = event(user, days_ago, 0)
    sums = {key: value for key, value in row.items() if key.startswith("DP_") and "DATE" not in key}
    sums.pop("DP_MSISDN")
    return {"Date": row["Date"], "User": user, **sums, "events": 1, "last_emitted_at": NOW}


def outcome(known_at: date, offset: int, label: int) -> dict[str, object]:
    return {
        "DP_MSISDN": USER, "date": DAY, LABEL: label, "known_at": known_at,
        "kafka_timestamp": NOW, "offset": offset,
    }  # fmt: skip


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation whose lake holds two subscribers; the older one's window begins on day 30."""
    made = Settings(state_dir=str(tmp_path), lake=LakeSettings(uri=str(tmp_path / "lake")))
    tables: dict[str, list[dict[str, object]]] = {
        names.BRONZE_EVENTS: [
            event(USER, 0, 12), event(USER, 29, 7), event(USER, 30, 6), event(OTHER, 0, 13),
        ],
        names.SILVER_DAILY: [daily(USER, 0), daily(USER, 29), daily(USER, 30), daily(OTHER, 0)],
        names.GOLD_FEATURES: [
            {"User": user, "Date": DAY, "days_silent": 4.0, "calls": 0.1 + 0.2,
             "last_emitted_at": NOW} for user in (USER, OTHER)
        ],
    }  # fmt: skip
    for name, rows in tables.items():
        write_deltalake(table_uri(made.lake_uri, name), pl.DataFrame(rows).to_arrow())
    return made


@pytest.fixture
def registry(settings: Settings, tmp_path: Path, make_bundle: MakeBundle) -> Registry:
    """A champion that has scored both subscribers."""
    made = Registry(MemoryStore(tmp_path / "registry"), FixedClock(NOW))
    version = made.promote(made.register(*make_bundle()).number, "first model")
    gold = pl.read_delta(table_uri(settings.lake_uri, names.GOLD_FEATURES))
    scored = score_frame(made.load(version).scorer, gold, CHURN).with_columns(
        label=pl.lit(None, pl.Int32), model_version=pl.lit(version.number, pl.Int32),
        run_id=pl.lit(version.run_id), scored_at=pl.lit(NOW),
    )  # fmt: skip
    write_deltalake(table_uri(settings.lake_uri, names.PREDICTIONS), scored.to_arrow())
    return made


def traced(settings: Settings, registry: Registry, user: str = USER) -> Trace:
    return trace(settings, registry, CDR, CDR.scored[0], user, DAY)


def test_a_prediction_is_followed_to_its_messages_and_days(
    settings: Settings, registry: Registry
) -> None:
    found = traced(settings, registry)
    assert [(row["partition"], row["offset"]) for row in found.hops["events"]] == [(1, 7), (1, 12)]
    assert [row["Date"] for row in found.hops["days"]] == [DAY - timedelta(days=29), DAY]
    assert found.features is not None and found.features["days_silent"] == 4.0
    assert found.outcome is None


def test_the_version_it_names_gives_the_stored_number_again(
    settings: Settings, registry: Registry
) -> None:
    (one,) = traced(settings, registry).predictions
    assert (one.model_version, one.run_id, one.prediction) == (1, "run-1", 1)
    assert one.probability == pytest.approx(0.9) and one.recomputed == one.probability
    assert one.features == {"days_silent": 4.0, "calls": 0.1 + 0.2}
    assert one.reasons[0] == {"feature": "days_silent", "value": 4.0, "direction": "raises"}
    assert one.is_reproduced


@pytest.mark.parametrize(("by", "reproduced"), [(5e-10, True), (2e-9, False)])
def test_a_number_that_was_changed_afterwards_is_noticed(
    settings: Settings, registry: Registry, by: float, reproduced: bool
) -> None:
    stored = DeltaTable(table_uri(settings.lake_uri, names.PREDICTIONS))
    stored.update(updates={"probability_1": f"probability_1 + {by}"})
    (one,) = traced(settings, registry).predictions
    assert one.is_reproduced is reproduced


def test_the_features_are_those_of_the_scoring_not_of_today(
    settings: Settings, registry: Registry
) -> None:
    DeltaTable(table_uri(settings.lake_uri, names.GOLD_FEATURES)).update({"days_silent": "0.0"})
    found = traced(settings, registry)
    assert found.features is not None and found.features["days_silent"] == 0.0
    assert found.predictions[0].features["days_silent"] == 4.0
    assert found.predictions[0].is_reproduced


def test_the_truth_is_the_last_word_of_the_outcomes(settings: Settings, registry: Registry) -> None:
    known_at = DAY + timedelta(days=31)
    rows = [outcome(known_at, 9, 0), outcome(known_at, 3, 1), outcome(DAY, 20, 1)]
    uri = table_uri(settings.lake_uri, names.BRONZE_OUTCOMES)
    write_deltalake(uri, pl.DataFrame(rows).to_arrow())
    assert traced(settings, registry).outcome == 0


def test_nobody_and_nothing_to_trace_is_said_so(settings: Settings, registry: Registry) -> None:
    with pytest.raises(ModelError, match="nothing of 49179999999 on 2026-03-20"):
        traced(settings, registry, "49179999999")


@pytest.fixture
def run(
    settings: Settings, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Run `cdrlake trace` on that installation; what it prints."""
    monkeypatch.setattr(cli_trace, "load", lambda: settings)
    monkeypatch.setattr(cli_trace, "open_registry", lambda *_: registry)

    def command(*options: str) -> str:
        asked = ["trace", "--user", USER, "--date", DAY.isoformat(), *options]
        result = CliRunner().invoke(cli.app, asked, catch_exceptions=False)
        assert result.exit_code == 0
        return result.stdout

    return command


def test_the_command_prints_the_way_from_message_to_score(run: Callable[..., str]) -> None:
    shown = run()
    assert re.search(r"2026-03-20 09:00:00 .* 1 .* 12 ", shown)
    assert "Messages, last 10 of 2" in shown
    assert re.search(r"version 1 .*: probability 0\.(9|8999)\d*, the same again", shown)
    assert "days_silent = 4 raises it" in shown
    assert "outcome: not known yet" in shown


def test_a_model_that_the_domain_does_not_have_is_refused_by_name() -> None:
    assert cli_trace.scored_by(CDR, None) == CDR.scored[0]
    assert cli_trace.scored_by(CDR, CHURN.model) == CHURN
    with pytest.raises(SettingsError, match=CHURN.model):
        cli_trace.scored_by(CDR, f"{CHURN.model}s")


def test_the_command_gives_everything_as_json(run: Callable[..., str]) -> None:
    found = json.loads(run("--json"))
    assert list(found) == ["user", "date", "events", "days", "features", "predictions", "outcome"]
    assert (found["user"], found["date"]) == (USER, DAY.isoformat())
    assert [row["offset"] for row in found["events"]] == [7, 12]
    assert found["predictions"][0]["probability"] == found["predictions"][0]["recomputed"]


def test_a_prediction_that_is_not_reproduced_says_so(
    settings: Settings, registry: Registry, run: Callable[..., str]
) -> None:
    DeltaTable(table_uri(settings.lake_uri, names.PREDICTIONS)).update({"probability_1": "0.5"})
    assert "NOT reproduced" in run()


def test_a_table_that_is_not_there_yet_leaves_a_gap_and_no_error(
    settings: Settings, registry: Registry, tmp_path: Path
) -> None:
    bare = settings.model_copy(update={"lake": LakeSettings(uri=str(tmp_path / "bare"))})
    gold = pl.read_delta(table_uri(settings.lake_uri, names.GOLD_FEATURES))
    write_deltalake(table_uri(bare.lake_uri, names.GOLD_FEATURES), gold.to_arrow())
    found = traced(bare, registry)
    assert replace(found, features=None) == Trace(
        USER, DAY, {"events": [], "days": []}, None, [], None
    )
