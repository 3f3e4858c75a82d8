"""The rooms of the project: imports go down only, and modules stay small."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "cdrlake",
    "lakehouse",
    "flaskapp",
    "eda",
    "pyspark_jobs",
    "mirror",
    "monitoring",
    "serving",
)
MAX_MODULE_LINES = 250
MAX_FUNCTION_LINES = 40

ALLOWED = {
    "lakehouse": {"lakehouse"},
    "flaskapp": {"flaskapp", "lakehouse"},
    "eda": {"eda", "lakehouse"},
    "mirror": {"mirror", "lakehouse"},
    "monitoring": {"monitoring", "lakehouse"},
    "serving": {"serving", "lakehouse"},
    "pyspark_jobs": {"pyspark_jobs", "lakehouse"},
    "cdrlake": set(ROOMS),
}
SPARK = {"pyspark", "delta"}
# Floors of the jobs, from the top: mains, domains, what all domains share, the engine.
SHARED = ("ingest", "scoring", "training", "sql")
ENGINE = ("engine", "delta")


def modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)}


def floor(module: str) -> int:
    """0 for a main, 1 for a domain, 2 for what all domains share, 3 for the engine."""
    part = module.split(".")[1] if "." in module else ""
    if part == "jobs":
        return 0
    return 3 if part in ENGINE else 2 if part in SHARED else 1


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_is_below_it(room: str) -> None:
    assert modules(room), f"{room} is empty"
    for path in modules(room):
        others = roots(path) & set(ROOMS)
        assert others <= ALLOWED[room], f"{path.relative_to(ROOT)} imports {others - ALLOWED[room]}"


@pytest.mark.parametrize("room", [room for room in ROOMS if room != "pyspark_jobs"])
def test_only_the_jobs_import_spark(room: str) -> None:
    for path in modules(room):
        assert not roots(path) & SPARK, f"{path.relative_to(ROOT)} imports Spark"


def test_inside_the_jobs_imports_go_down_from_main_to_domain_to_shared_to_engine() -> None:
    for path in modules("pyspark_jobs"):
        own = floor(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for name in imported(path):
            if name.startswith("pyspark_jobs."):
                assert floor(name) >= own, f"{path.relative_to(ROOT)} imports {name}"


def test_only_the_top_floor_tests_and_bench_import_the_command_line() -> None:
    for room in set(ROOMS) - {"cdrlake"}:
        for path in modules(room):
            assert "cdrlake" not in roots(path), path.relative_to(ROOT)


@pytest.mark.parametrize("room", ROOMS)
def test_modules_and_functions_stay_small(room: str) -> None:
    for path in modules(room):
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= MAX_MODULE_LINES, path.relative_to(ROOT)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                assert length <= MAX_FUNCTION_LINES, f"{path.relative_to(ROOT)}: {node.name}"
