"""The features of a subscriber's day: name, formula, unit and window, independent of any engine.

Gold's contract and docs/features.md are made from this list; the arithmetic is in
`pyspark_jobs.cdr.features`, one kernel for each family.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from lakehouse.contracts import BASE_VERSION, BUCKET, Contract, Field
from lakehouse.domains.cdr.contracts import MEASURES, PROCESSED_COLUMNS
from lakehouse.domains.cdr.names import FEATURE_CHANGES, GOLD_FEATURES

Windows = tuple[int, int, int]
Family = Literal[
    "sum",
    "mean",
    "deviation",
    "trend",
    "log",
    "active_share",
    "silent_days",
    "silence_surprise",
    "longest_gap",
    "activity_fade",
    "intensity_fade",
    "weekday_share",
    "balance",
]
KEEP_CHANGES_DAYS = 7

# Short names of the eight measures; features are called after them.
SHORT_NAMES = {
    "DP_MOC_COUNT": "out_calls",
    "DP_MOC_DURATION": "out_seconds",
    "DP_MTC_COUNT": "in_calls",
    "DP_MTC_DURATION": "in_seconds",
    "DP_MOSMS_COUNT": "out_texts",
    "DP_MTSMS_COUNT": "in_texts",
    "DP_DATA_COUNT": "data_sessions",
    "DP_DATA_VOLUME": "data_volume",
}
UNITS = dict.fromkeys(SHORT_NAMES, "count") | {
    "DP_MOC_DURATION": "seconds",
    "DP_MTC_DURATION": "seconds",
    "DP_DATA_VOLUME": "volume",
}
COUNTS = tuple(field.name for field in MEASURES if field.kind == "long")
HEAVY_TAILS = tuple(field.name for field in MEASURES if field.kind == "decimal")
BALANCES = {
    "calls": ("DP_MTC_COUNT", "DP_MOC_COUNT"),
    "seconds": ("DP_MTC_DURATION", "DP_MOC_DURATION"),
    "texts": ("DP_MTSMS_COUNT", "DP_MOSMS_COUNT"),
}
DAYS_OF_WEEK = 7


@dataclass(frozen=True)
class Feature:
    """One feature at (User, Date): computed by the kernel `family` from `measures`.

    The window is the `window` days that end with Date; x(d) is the day's sum of the measure.
    """

    name: str
    family: Family
    measures: tuple[str, ...]
    window: int
    formula: str
    unit: str


def feature_list(windows: Windows) -> tuple[Feature, ...]:
    """All features for the three window lengths (days, ascending), in gold's column order.

    >>> [f.name for f in feature_list((7, 14, 30))][:2]
    ['out_calls_sum_7d', 'out_seconds_sum_7d']
    """
    parts = _of_each_measure, _of_activity, _of_fading, _of_pairs
    return tuple(feature for part in parts for feature in part(windows))


def feature_names(windows: Windows) -> tuple[str, ...]:
    """Names of all features, in gold's column order."""
    return tuple(feature.name for feature in feature_list(windows))


def weeks_of_norm(windows: Windows) -> int:
    """How many earlier weeks the weekday norm covers: those inside the long window, at least 1.

    >>> weeks_of_norm((7, 14, 30)), weeks_of_norm((2, 4, 7))
    (4, 1)
    """
    return max(1, (windows[2] - 1) // DAYS_OF_WEEK)


def lookback_days(windows: Windows) -> int:
    """How many days the features look at, including Date.

    >>> lookback_days((7, 14, 30)), lookback_days((2, 4, 7))
    (30, 8)
    """
    return max(windows[2], 2 * windows[0], DAYS_OF_WEEK * weeks_of_norm(windows) + 1)


def gold_contract(windows: Windows) -> Contract:
    """Contract of `gold.cdr_features` for these windows."""
    kinds = {field.name: field for field in MEASURES}
    processed = (
        Field(name, kinds[measure].kind, f"{kinds[measure].doc}, sum of the day")
        for name, measure in PROCESSED_COLUMNS.items()
    )
    features = (Field(f.name, "double", f.formula) for f in feature_list(windows))
    return Contract(
        GOLD_FEATURES,
        (
            Field("Date", "date", "calendar date"),
            Field("User", "string", "subscriber number"),
            *processed,
            *features,
            Field("last_emitted_at", "timestamp", "latest event of the day", nullable=True),
            BUCKET,
        ),
        key=("User", "Date"),
        partition_by=("Date", BUCKET.name),
        bucket_by="User",
    )


def changes_contract(windows: Windows) -> Contract:
    """Contract of `gold.cdr_feature_changes`: each row of gold as often as it was new or changed.

    Rows are only added, and `KEEP_CHANGES_DAYS` later their whole day is deleted.
    """
    gold = gold_contract(windows)
    changed = Field("changed_on", "date", "date of the change, UTC")
    return Contract(
        FEATURE_CHANGES,
        (*gold.fields, BASE_VERSION, changed),
        key=gold.key,
        partition_by=(changed.name, BUCKET.name),
        bucket_by=gold.bucket_by,
        keep_days=KEEP_CHANGES_DAYS,
    )


def features_table(windows: Windows) -> str:
    """The features as a Markdown table, for docs/features.md."""
    head = "| feature | formula | unit | window, days |\n| --- | --- | --- | --- |\n"
    rows = (f"| `{f.name}` | {f.formula} | {f.unit} | {f.window} |" for f in feature_list(windows))
    return head + "\n".join(rows) + "\n"


def _of_each_measure(windows: Windows) -> Iterator[Feature]:
    short, _, long = windows
    for measure, name in SHORT_NAMES.items():
        unit, of = UNITS[measure], (measure,)
        yield Feature(f"{name}_sum_{short}d", "sum", of, short, f"sum of {name}(d)", unit)
    for measure, name in SHORT_NAMES.items():
        unit, of = UNITS[measure], (measure,)
        text = f"sum of {name}(d) / {long}"
        yield Feature(f"{name}_mean_{long}d", "mean", of, long, text, f"{unit} per day")
    for measure, name in SHORT_NAMES.items():
        unit, of = UNITS[measure], (measure,)
        text = f"population standard deviation of {name}(d), silent days as 0"
        yield Feature(f"{name}_deviation_{long}d", "deviation", of, long, text, unit)
    for measure, name in SHORT_NAMES.items():
        text = (
            f"(a - b) / (a + b), a = sum of {name}(d) over the last {short} days, "
            f"b = over the {short} days before; 0 if both are 0"
        )
        yield Feature(f"{name}_trend_{short}d", "trend", (measure,), 2 * short, text, "-1 to 1")
    for measure in HEAVY_TAILS:
        name = SHORT_NAMES[measure]
        text = f"log(1 + sum of {name}(d))"
        yield Feature(f"{name}_log_{long}d", "log", (measure,), long, text, f"log {UNITS[measure]}")


def _of_activity(windows: Windows) -> Iterator[Feature]:
    long, weeks = windows[2], weeks_of_norm(windows)
    for days in windows:
        text = f"days with any activity / {days}"
        yield Feature(f"active_share_{days}d", "active_share", COUNTS, days, text, "0 to 1")
    text = f"days since the last day with activity, 0 = active on Date, {long} = silent throughout"
    yield Feature("days_since_active", "silent_days", COUNTS, long, text, "days")
    text = (
        f"n * ln(1 / (1 - p)), n = days_since_active, p = (a + 1) / (m + 2), a = days with any "
        f"activity among the m = {long} - n days up to the last one with activity"
    )
    yield Feature("silence_surprise", "silence_surprise", COUNTS, long, text, "nats")
    text = "longest run of silent days in the window"
    yield Feature(f"longest_gap_{long}d", "longest_gap", COUNTS, long, text, "days")
    text = (
        f"activity(Date) / (activity(Date) + mean activity on the same weekday of the last "
        f"{weeks} weeks), activity = sum of the counts; 0.5 if both are 0"
    )
    window = DAYS_OF_WEEK * weeks + 1
    yield Feature("weekday_share", "weekday_share", COUNTS, window, text, "0 to 1")


def _of_fading(windows: Windows) -> Iterator[Feature]:
    long = windows[2]
    for days in windows[:2]:
        text = f"days with any activity / {days} - days with any activity in {long} days / {long}"
        yield Feature(f"activity_fade_{days}d", "activity_fade", COUNTS, days, text, "-1 to 1")
    for days in windows[:2]:
        text = (
            f"mean of ln(sum of the counts) over the active days of {days} days, less the same of "
            f"{long} days; 0 without an active day in {days} days"
        )
        yield Feature(f"intensity_fade_{days}d", "intensity_fade", COUNTS, days, text, "log count")


def _of_pairs(windows: Windows) -> Iterator[Feature]:
    long = windows[2]
    for name, pair in BALANCES.items():
        text = f"incoming / (incoming + outgoing) {name}; 0.5 if both are 0"
        yield Feature(f"{name}_in_share_{long}d", "balance", pair, long, text, "0 to 1")
