"""Flink SQL from Kafka to Parquet, in a virtual environment of its own.

There is no Delta sink that its current version loads, so it writes Parquet, which is less work.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyspark

from cdrlake.services import jars
from lakehouse import names
from lakehouse.errors import ServiceError
from lakehouse.settings import ROOT
from lakehouse.settings.model import KafkaSettings

HERE = Path(__file__).parent
CACHE = ROOT / ".cache"


@contextmanager
def ready(kafka: KafkaSettings) -> Iterator[Callable[[Path], float]]:
    """A running Flink; called with a folder it writes the topic of events there, in seconds."""
    command = [str(_python()), str(HERE / "sql.py"), kafka.bootstrap_servers, names.TOPIC_EVENTS]
    environment = os.environ | {"HADOOP_CLASSPATH": _classpath()}
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as flink:
        try:
            _answer(flink, "ready")
            yield lambda folder: _run(flink, folder)
        finally:
            flink.terminate()


def _run(flink: subprocess.Popen[str], folder: Path) -> float:
    assert flink.stdin is not None
    flink.stdin.write(f"{folder}\n")
    flink.stdin.flush()
    return float(_answer(flink, "took "))


def _answer(flink: subprocess.Popen[str], prefix: str) -> str:
    for line in flink.stdout or ():
        if line.startswith(prefix):
            return line.removeprefix(prefix)
    raise ServiceError("Flink", "an answer", "its end", f"run {HERE / 'sql.py'} by hand")


def _python() -> Path:
    """The interpreter of Flink's environment, made once."""
    python = CACHE / "flink" / "bin" / "python"
    if not (CACHE / "flink" / "complete").exists():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run(
            [uv, "venv", "-q", "--clear", "-p", sys.executable, CACHE / "flink"], check=True
        )
        subprocess.run(
            [uv, "pip", "install", "-q", "--python", python, "--no-deps", "--require-hashes",
             "-r", HERE / "requirements.txt"], check=True,
        )  # fmt: skip
        (CACHE / "flink" / "complete").touch()
    return python


def _classpath() -> str:
    """Flink's connectors, and of the jars that pyspark bundles those for Hadoop's file formats."""
    own = jars.resolve_extra("flink", CACHE, ROOT / "conf", jars.find_java(), print)
    bundled = Path(pyspark.__file__).parent / "jars"
    found = [*own.glob("*.jar"), *bundled.glob("hadoop-client-*.jar"), *bundled.glob("slf4j-api*")]
    return os.pathsep.join(map(str, found))
