"""Jobs on the cluster: the project as an archive, the libraries as a Python of their own.

An executor gets the project from the archive that the driver ships and from nowhere else, as on
machines that have no checkout: its Python knows the libraries of this environment without the
project, and it starts in a folder of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

from cdrlake.services import spark
from cdrlake.services.process import Command
from lakehouse import files, object_store
from lakehouse.children import die_with_parent
from lakehouse.domains.settings import Settings
from lakehouse.errors import ServiceError
from lakehouse.settings import ROOT

ARCHIVE = "cdrlake.zip"


def prepare(settings: Settings) -> None:
    """Build the archive of the project and the executors' Python, below the state folder."""
    folder = _folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    _build_archive(folder)
    _build_python(folder / "python")


def command(settings: Settings, job: str, *options: str, name: str = "") -> Command:
    """`spark-submit` of `pyspark_jobs/jobs/<job>.py` to the cluster of the settings.

    Properties go through a file, because some hold secrets. Needs `prepare`.
    """
    folder, cluster = _folder(settings), settings.cluster
    properties = folder / "cluster.properties"
    _write_properties(properties, settings)
    jars = object_store.spark_jars(settings)
    cores = cluster.workers
    submit = [str(spark.home() / "bin" / "spark-submit"), "--master", cluster.master]
    submit += ["--properties-file", str(properties), "--deploy-mode", "client"]
    submit += ["--driver-memory", cluster.driver_memory]
    submit += ["--executor-memory", cluster.executor_memory, "--executor-cores", "1"]
    submit += ["--total-executor-cores", str(cores), "--jars", ",".join(jars)]
    submit += ["--py-files", str(folder / ARCHIVE)]
    args = [*submit, str(ROOT / "pyspark_jobs" / "jobs" / f"{job}.py"), *options]
    return Command(name or job, args, env=_env(folder), cwd=ROOT, stops_by_child=True)


def _folder(settings: Settings) -> Path:
    return settings.state / "spark" / "shipped"


def _env(folder: Path) -> dict[str, str]:
    """The driver's environment: that of the caller, settings and secrets included."""
    return os.environ | {
        "SPARK_HOME": str(spark.home()),
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "PYSPARK_PYTHON": str(folder / "python" / "bin" / "python"),
    }


def _write_properties(path: Path, settings: Settings) -> None:
    """The project's properties with those of this installation after them, where they win."""
    work = settings.state / "spark"
    own = {
        "spark.driver.host": settings.cluster.host,
        "spark.driver.extraJavaOptions": f"{spark.LOGGING} -XX:+UseParallelGC",
        "spark.executor.extraJavaOptions": f"{spark.LOGGING} -XX:+UseSerialGC",
        "spark.sql.shuffle.partitions": str(settings.spark.shuffle_partitions),
        "spark.sql.warehouse.dir": str(work / "warehouse"),
        "spark.local.dir": str(work / "scratch"),
        **settings.spark.options,
    }
    text = (ROOT / "conf" / "spark-defaults.conf").read_text(encoding="utf-8")
    lines = [f"{key} {value}" for key, value in own.items()]
    files.replace(path, "\n".join([text, *lines, ""]).encode(), files.PRIVATE)


def _build_archive(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place]
        done = subprocess.run(
            build, cwd=ROOT, capture_output=True, text=True, preexec_fn=die_with_parent()
        )
        wheels = list(Path(place).glob("*.whl"))
        if done.returncode or not wheels:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise ServiceError.sentence(
                f"The project's wheel could not be built: {last.rstrip('.')}; run `make setup`."
            )
        # By its own name Spark hands a wheel to executors without putting it on their path.
        wheels[0].replace(folder / ARCHIVE)


def _build_python(folder: Path) -> None:
    """A virtual environment that sees the libraries here, but not the project beside them."""
    if (folder / "bin" / "python").exists():
        return
    venv.create(folder, symlinks=True)
    # A folder named by a .pth file is searched; .pth files inside of it, ours among them, are not.
    own = next(folder.glob("lib/python*/site-packages"))
    (own / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
