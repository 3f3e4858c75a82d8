"""The steps of the images, run in a clean folder as the image builder runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse.children import die_with_parent

ROOT = Path(__file__).resolve().parents[2]
STEPS = ROOT / "docker" / "steps"
pytestmark = pytest.mark.integration


def run(script: str, *words: str, **env: str) -> None:
    bin_folder = str(Path(sys.executable).parent)
    path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [str(STEPS / script), *words],
        env=os.environ | env | {"PATH": path},
        capture_output=True,
        text=True,
        preexec_fn=die_with_parent(),
    )
    assert done.returncode == 0, done.stderr


def test_the_jars_of_spark_come_through_ivy(tmp_path: Path) -> None:
    cache = str(ROOT / ".cache" / "ivy")
    run("jars.sh", str(ROOT / "conf"), str(tmp_path / "jars"), IVY_CACHE_DIR=cache)
    assert {path.name for path in tmp_path.glob("jars/*")} == {"spark"}
    found = {path.name for path in (tmp_path / "jars" / "spark").iterdir()}
    assert "delta-spark_4.2_2.13-4.4.0.jar" in found
    assert "spark-sql-kafka-0-10_2.13-4.2.0.jar" in found
    assert "hadoop-aws-3.5.0.jar" in found


def test_the_services_start_from_their_image_without_spark(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    uv = [str(Path(sys.executable).parent / "uv"), "cache", "dir"]
    told = subprocess.run(
        uv, capture_output=True, text=True, check=True, preexec_fn=die_with_parent()
    )
    cache = told.stdout.strip()
    run("python.sh", str(venv), "delta-spark", "py4j", "pyspark", UV_CACHE_DIR=cache)
    for module in ("flaskapp", "mirror", "monitoring", "eda"):
        assert imports(venv, f"{module}.__main__") == "", module
    assert imports(venv, "cdrlake.cli") == ""
    assert "No module named 'pyspark'" in imports(venv, "pyspark")


def imports(venv: Path, module: str) -> str:
    """What Python says on standard error when it imports `module` from the project's folder."""
    command = [str(venv / "bin" / "python"), "-c", f"import {module}"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, preexec_fn=die_with_parent()
    )
    return done.stderr
