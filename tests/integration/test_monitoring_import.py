"""NannyML is imported without a JVM and without talking to anybody."""

from __future__ import annotations

import json
import subprocess
import sys

from lakehouse.children import die_with_parent

PROBE = """
import json, os, sys
import monitoring.analysis.nanny
import psutil
children = [child.name() for child in psutil.Process().children(recursive=True)]
print(json.dumps({
    "spark": "pyspark" in sys.modules,
    "flaml": "flaml" in sys.modules,
    "silent": os.environ["NML_DISABLE_USAGE_LOGGING"],
    "children": children,
    "finders": [type(finder).__name__ for finder in sys.meta_path],
}))
"""
LIGHT = """
import sys
import monitoring.__main__
print([name for name in ("nannyml", "sklearn", "matplotlib", "mlflow") if name in sys.modules])
"""


def probe(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        preexec_fn=die_with_parent(),
    )
    return done.stdout.strip().splitlines()[-1]


def test_nannyml_comes_without_spark_without_a_jvm_and_without_reports() -> None:
    found = json.loads(probe(PROBE))
    assert found == {
        "spark": False,
        "flaml": False,
        "silent": "1",
        "children": [],
        "finders": found["finders"],
    }
    assert "_Hide" not in found["finders"], "pyspark stays hidden from the rest of the process"


def test_the_service_answers_before_nannyml_is_there() -> None:
    assert probe(LIGHT) == "[]"
