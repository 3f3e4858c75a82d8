"""Two ways of one piece of work, taken in turns on the same data, and what their times say."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Literal

import msgspec
import psutil

Size = Literal["small", "full"]
Name = Literal[
    "ingest_vs_spark_plain",
    "ingest_extra_vs_plain",
    "ingest_vs_polars_delta_rs",
    "ingest_vs_flink",
    "ingest_vs_pathway",
    "path_events_per_second",
    "daily_sums_vs_flink",
    "daily_sums_vs_pathway",
    "day_vs_everything_again",
    "freshness_bronze_p99_s",
    "freshness_silver_p95_s",
    "freshness_prediction_p95_s",
    "score_vs_mllib",
    "score_vs_sklearn",
    "score_one_row_us",
    "score_rows_per_second",
    "score_grid_vs_onnx",
    "score_grid_vs_nvforest",
    "transform_two_vs_one_worker",
    "score_two_vs_one_worker",
    "train_vs_sklearn",
    "train_two_vs_one_worker",
    "monitor_vs_full_nannyml",
    "monitor_million_rows_s",
    "world_rows_per_second",
    "loader_rows_per_second",
    "relay_rows_per_second",
    "procedure_five_million_rows_s",
    "cost_growth_batch_200",
    "startup_first_number_s",
    "alarm_p50_ms",
    "alarm_p99_ms",
    "alarm_vs_spark_micro_batch",
    "latency_stateless_p99_ms",
    "latency_count_p99_ms",
    "latency_join_p99_ms",
    "cards_quality_vs_attainable",
    "will_spend_k7_auc",
    "will_spend_k7_brier",
    "segments_r2_next_28_days",
    "hst_vs_river",
    "fraud_events_per_second",
    "fraud_pr_auc",
    "fraud_recall_at_half_percent",
    "fraud_unlabelled_roc_auc",
    "fraud_vs_attainable",
    "serving_vs_fastapi",
    "serving_vs_flask",
    "serving_vs_mlflow",
    "serving_vs_ray",
    "serving_list_vs_fastapi",
    "serving_p99_ms",
    "serving_overload_goodput",
    "predict_vs_pandas_udf",
    "predict_vs_mllib",
    "clicks_window_to_document_p95_s",
]
ROUNDS = {"small": 1, "full": 5}


class Measurement(msgspec.Struct, frozen=True):
    """One figure beside another; `ratio` above 1 means that ours is better.

    `ours` and `theirs` are medians in `unit`; `against` names the other way, or the bar where there
    is none. `spread` is the distance between the quartiles of the rounds' ratios; `size` describes
    the data. `note` says what a reader must know to judge the figure.
    """

    name: Name
    against: str
    ours: float
    theirs: float
    unit: str
    ratio: float
    spread: float
    rounds: int
    size: str
    machine: str
    note: str = ""


class Figure(msgspec.Struct, frozen=True):
    """What is measured: its fixed name, its unit, and whether more of it is better."""

    name: Name
    unit: str
    more_is_better: bool
    size: str
    note: str = ""


def compare(
    figure: Figure,
    against: str,
    ours: Callable[[], float],
    theirs: Callable[[], float],
    rounds: int,
) -> Measurement:
    """Run ours and theirs in turns; both return the figure.

    Where there are several rounds, one unmeasured turn of each comes first.
    """
    if rounds > 1:
        ours(), theirs()
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    return _measurement(figure, against, pairs)


def hold(
    figure: Figure, bar: float, ours: Callable[[], float], rounds: int, warm: bool = True
) -> Measurement:
    """Run ours alone, beside the bar that it is held to; `warm` as `compare` does."""
    if warm and rounds > 1:
        ours()
    return held(figure, bar, [ours() for _ in range(rounds)])


def held(figure: Figure, bar: float, rounds: Sequence[float]) -> Measurement:
    """What rounds that are over have given, beside the bar."""
    return _measurement(figure, "the bar", [(ours, bar) for ours in rounds])


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def machine() -> str:
    """The machine in one line: processor, cores, memory, Python."""
    memory = psutil.virtual_memory().total / 2**30
    cores = len(os.sched_getaffinity(0))
    return f"{_processor()}, {cores} cores, {memory:.0f} GiB, Python {platform.python_version()}"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123
            names = (line.partition(":")[2] for line in lines if line.startswith("model name"))
            return next(names).strip()
    except (OSError, StopIteration):
        return platform.machine()


def _measurement(figure: Figure, against: str, pairs: list[tuple[float, float]]) -> Measurement:
    ratios = sorted(a / b if figure.more_is_better else b / a for a, b in pairs)
    return Measurement(
        figure.name,
        against,
        median(a for a, _ in pairs),
        median(b for _, b in pairs),
        figure.unit,
        median(ratios),
        _quartiles_apart(ratios),
        len(pairs),
        figure.size,
        machine(),
        figure.note,
    )


def _quartiles_apart(values: list[float]) -> float:
    last = len(values) - 1
    return values[round(last * 0.75)] - values[round(last * 0.25)]
