"""How a job goes to the cluster, and when a demo has taken too much memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdrlake import jobs, main_job, submit
from cdrlake.services import spark
from cdrlake.services.process import Child, Command
from lakehouse.domains.settings import Settings
from lakehouse.errors import ServiceError
from lakehouse.settings import ROOT

GIB = 1024**3


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate(
        {
            "state_dir": str(tmp_path),
            "spark": {"options": {"spark.my.password": "hidden"}, "shuffle_partitions": 3},
            "cluster": {"port": 17999, "workers": 3},
        }
    )


def shipped(settings: Settings) -> Path:
    folder = settings.state / "spark" / "shipped"
    folder.mkdir(parents=True)
    return folder


def test_a_job_is_submitted_with_the_archive_and_one_executor_for_each_worker(
    settings: Settings,
) -> None:
    folder = shipped(settings)
    made = submit.command(settings, "cdr_score", "--once")
    line = " ".join(made.args)
    assert "--master spark://127.0.0.1:17999" in line
    assert f"--py-files {folder}/cdrlake.zip" in line
    assert "--total-executor-cores 3" in line
    assert line.endswith(f"{ROOT}/pyspark_jobs/jobs/cdr_score.py --once")
    assert made.stops_by_child
    assert dict(made.env or {})["PYSPARK_PYTHON"] == f"{folder}/python/bin/python"


def test_properties_of_the_settings_come_last_and_stay_off_the_command_line(
    settings: Settings,
) -> None:
    folder = shipped(settings)
    made = submit.command(settings, "cdr_score")
    path = folder / "cluster.properties"
    last = dict(line.split(maxsplit=1) for line in path.read_text().splitlines() if " " in line)
    assert last["spark.sql.shuffle.partitions"] == "3"
    assert last["spark.my.password"] == "hidden"
    assert "hidden" not in " ".join(made.args)
    assert path.stat().st_mode & 0o077 == 0


def test_a_job_goes_to_the_cluster_only_while_its_master_runs(settings: Settings) -> None:
    shipped(settings)
    assert "spark-submit" not in " ".join(jobs.command(settings, "cdr_train").args)
    master = Child(Command(spark.MASTER, ["sleep", "60"]), settings.state)
    try:
        assert "spark-submit" in " ".join(jobs.command(settings, "cdr_train").args)
    finally:
        master.stop(5)


def test_a_demo_that_took_more_memory_than_promised_fails() -> None:
    main_job.require_memory(6 * GIB)
    with pytest.raises(ServiceError, match=r"6\.1 GiB of memory and may take 6 GiB"):
        main_job.require_memory(int(6.1 * GIB))
