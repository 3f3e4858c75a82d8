"""Every main of a job explains itself on `--help`, and refuses what it does not know."""

from __future__ import annotations

import importlib

import pytest

from lakehouse.settings import ROOT
from pyspark_jobs.engine import runtime
from pyspark_jobs.ingest import fast_json

JOBS = sorted(
    path.stem for path in (ROOT / "pyspark_jobs" / "jobs").glob("*.py") if path.stem != "__init__"
)


@pytest.fixture(autouse=True)
def _nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def started(*_: object, **__: object) -> None:
        raise AssertionError("the job began instead of reading its command line")

    monkeypatch.setattr(runtime, "job", started)
    monkeypatch.setattr(fast_json, "compile_ahead", started)


def test_there_are_mains_to_look_at() -> None:
    assert {"cards_pipeline", "cdr_pipeline", "fraud_pipeline", "segments_pipeline"} <= set(JOBS)


@pytest.mark.parametrize("job", JOBS)
def test_help_says_what_the_job_does_and_starts_nothing(
    job: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main = importlib.import_module(f"pyspark_jobs.jobs.{job}").main
    with pytest.raises(SystemExit) as asked:
        main(["--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert asked.value.code == 0 and main.__doc__.split(";")[0] in told


@pytest.mark.parametrize("job", JOBS)
def test_an_unknown_option_is_refused_before_anything_starts(
    job: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as asked:
        importlib.import_module(f"pyspark_jobs.jobs.{job}").main(["--nonsense"])
    told = capsys.readouterr().err
    assert asked.value.code == 2
    assert "--nonsense" in told or "are required" in told
