"""The steps of the images, run in a clean folder as the image builder runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cdrlake.services import jars
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


def test_jars_come_through_ivy_to_where_they_are_looked_for(tmp_path: Path) -> None:
    cache = str(ROOT / ".cache" / "ivy")
    run("jars.sh", str(ROOT / "conf"), str(tmp_path), IVY_CACHE_DIR=cache)
    assert {path.name for path in tmp_path.glob("jars/*")} == {"spark"}
    found = {path.name for path in (tmp_path / "jars" / "spark").iterdir()}
    assert "delta-spark_4.2_2.13-4.4.0.jar" in found
    assert "spark-sql-kafka-0-10_2.13-4.2.0.jar" in found
    assert "hadoop-aws-3.5.0.jar" in found

    fetched: list[str] = []
    folder = jars.resolve_extra(
        "connect", tmp_path, ROOT / "conf", jars.find_java(), fetched.append
    )
    assert fetched == []
    assert {"debezium-connector-mysql-3.4.1.Final.jar"} <= {path.name for path in folder.iterdir()}


def test_the_services_start_from_their_image_without_spark(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    uv = [str(Path(sys.executable).parent / "uv"), "cache", "dir"]
    told = subprocess.run(
        uv, capture_output=True, text=True, check=True, preexec_fn=die_with_parent()
    )
    cache = told.stdout.strip()
    run("python.sh", str(venv), "delta-spark", "py4j", "pyspark", UV_CACHE_DIR=cache)
    started = list(of_the_services_image())
    assert len(started) > 12
    assert loads(venv, *started, "cdrlake.cli") == ""
    assert "No module named pyspark" in loads(venv, "pyspark")


def of_the_services_image() -> Iterator[str]:
    """What Python runs in the containers of that image: modules and scripts."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    for service in yaml.safe_load(text)["services"].values():
        dockerfile = service.get("build", {}).get("dockerfile", "")
        if "services" in dockerfile and service["command"][0] == "python":
            words = service["command"][1:]
            yield words[1] if words[0] == "-m" else words[0]


LOAD = """
import runpy, sys
for name in sys.argv[1:]:
    (runpy.run_path if name.endswith(".py") else runpy.run_module)(name)
"""


def loads(venv: Path, *names: str) -> str:
    """What Python says on standard error when it loads the mains of modules, and scripts."""
    done = subprocess.run(
        [str(venv / "bin" / "python"), "-c", LOAD, *names],
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=die_with_parent(),
    )
    return done.stderr
