from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from cdrlake import cli, cli_model, console, jobs, runs
from cdrlake.waiting import patiently
from lakehouse.clock import FixedClock
from lakehouse.domains.cdr import CDR
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.errors import ModelError, SettingsError
from lakehouse.ledger import Ledger
from lakehouse.registry import Registry
from lakehouse.registry.stores import MemoryStore
from lakehouse.settings.model import LakeSettings, ModelSettings

MakeBundle = Callable[..., tuple[Path, str]]
Run = Callable[..., str]


@pytest.fixture
def registry(tmp_path: Path, make_bundle: MakeBundle) -> Registry:
    """A champion and a second version of the same model, which nobody has judged."""
    made = Registry(
        MemoryStore(tmp_path / "registry"), FixedClock(datetime(2026, 6, 1, tzinfo=UTC))
    )
    for _ in range(2):
        made.register(*make_bundle())
    made.promote(1, "first model")
    return made


@pytest.fixture
def run(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `cdrlake model ...` on that registry; what it prints."""
    settings = Settings(
        lake=LakeSettings(uri=str(tmp_path / "lake")), model=ModelSettings(require_approval=True)
    )
    monkeypatch.setattr(cli_model, "load", lambda: settings)
    monkeypatch.setattr(cli_model, "open_registry", lambda *_: registry)

    def command(*words: str) -> str:
        result = CliRunner().invoke(cli.app, ["model", *words], catch_exceptions=False)
        assert result.exit_code == 0
        return result.stdout

    return command


def test_the_list_shows_who_decides_and_how_good_each_is(run: Run) -> None:
    shown = run("list")
    assert "champion" in shown and "0.800 [0.780, 0.820]" in shown and "2026-03-06" in shown


def test_slow_commands_say_at_once_what_they_do(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal; what is slow here is what MLflow and the counting are."""
    terminal, said = io.StringIO(), list[str]()
    screen = Console(file=terminal, force_terminal=True, force_interactive=True)
    monkeypatch.setattr(console, "ERRORS", screen)
    settings = Settings(state_dir=str(tmp_path), lake=LakeSettings(uri=str(tmp_path / "lake")))

    def slow(word: str) -> Any:
        patiently(lambda: word in terminal.getvalue(), f"the words {word!r}", 3)
        said.append(word)

    monkeypatch.setattr(cli_model, "load", lambda: settings)
    monkeypatch.setattr(cli_model, "open_registry", lambda *_: registry)
    monkeypatch.setattr(registry, "champion", lambda: slow("Opening the registry"))
    monkeypatch.setattr("lakehouse.registry.open_registry", lambda *_: registry)
    counting = "Counting the rows at every station"
    monkeypatch.setattr("lakehouse.audit.audit", lambda *_: slow(counting) or Ledger(()))
    CliRunner().invoke(cli.app, ["model", "list"], catch_exceptions=False)
    runs.ledger(settings, CDR)
    assert said == ["Opening the registry", counting]


def test_a_version_is_shown_with_card_verdicts_and_place(run: Run, registry: Registry) -> None:
    shown = run("show", "1")
    assert shown.startswith("# card") and "- promoted: first model" in shown
    assert str(registry.load(registry.version(1)).folder) in shown


def test_two_versions_are_compared_in_points_and_money(run: Run) -> None:
    assert "+0.0 points [+0.0, +0.0] on the same 2 rows, saves 0 a day" in run("compare", "2", "1")


def test_an_approval_lets_the_gates_judge(run: Run, registry: Registry) -> None:
    assert "approved by Ada; promoted: +0.0 points" in run("approve", "2", "--by", "Ada")
    assert registry.champion() == registry.version(2)


def test_a_rollback_goes_back_to_the_champion_before(run: Run, registry: Registry) -> None:
    run("promote", "2", "--reason", "a hunch")
    assert registry.version(2).verdicts[-1] == "promoted: by hand: a hunch"
    assert "version 1 is champion" in run("rollback")


def test_a_champion_that_may_score_earlier_days_says_how_they_are_scored(
    run: Run, registry: Registry, make_bundle: MakeBundle
) -> None:
    registry.register(*make_bundle(score_from=date(2026, 2, 1)))
    said = run("promote", "3", "--reason", "a hunch")
    assert "`cdrlake model backfill 3 --first 2026-02-01 --last 2026-03-05`" in said
    assert "backfill" not in run("promote", "2", "--reason", "as before")


@pytest.mark.parametrize(
    ("words", "reason"),
    [(("--domain", "cdrs"), "did you mean 'cdr'"), (("--model", "nobody"), "a model of cdr")],
)
def test_an_unknown_domain_or_model_is_refused_by_name(
    run: Run, words: tuple[str, str], reason: str
) -> None:
    with pytest.raises(SettingsError, match=reason):
        run("list", *words)


def test_domain_and_model_may_be_named(run: Run) -> None:
    assert run("list", "--domain", "cdr", "--model", CHURN.model) == run("list")


def test_a_shadow_begins_and_ends(run: Run, registry: Registry) -> None:
    assert "version 2 scores" in run("challenge", "2")
    assert registry.challenger() == registry.version(2)
    assert "nobody scores" in run("challenge")
    assert registry.challenger() is None


def test_an_unknown_version_is_an_error_that_names_the_known_ones(run: Run) -> None:
    with pytest.raises(ModelError, match="one of the versions 1, 2, but got 9"):
        run("show", "9")


def test_a_backfill_names_version_and_days_to_its_job(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(jobs, "run", lambda *words: asked.append(words))
    run("backfill", "2", "--first", "2026-03-01", "--last", "2026-03-05")
    days = ("--first=2026-03-01", "--last=2026-03-05")
    assert asked == [("cdr_backfill", "--version=2", *days)]
