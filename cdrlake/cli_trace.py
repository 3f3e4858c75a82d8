"""`cdrlake trace`: one prediction, from its messages to the truth."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import msgspec
from rich.table import Table

from cdrlake.console import CONSOLE
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.cdr.features import lookback_days
from lakehouse.domains.settings import load
from lakehouse.registry import open_registry
from lakehouse.trace import Trace, TracedPrediction
from lakehouse.trace import trace as follow

EVENT_COLUMNS = (
    "DP_DATE", "partition", "offset", "DP_MOC_COUNT", "DP_MTC_COUNT", "DP_DATA_COUNT",
)  # fmt: skip
DAY_COLUMNS = ("Date", "events", "DP_MOC_COUNT", "DP_MTC_COUNT", "DP_DATA_COUNT", "DP_DATA_VOLUME")
LAST = 10


def show(user: str, day: date, as_json: bool) -> None:
    """Print the trace of `user` on `day`, whole as JSON or the essentials as tables."""
    settings = load()
    lookback = lookback_days(settings.cdr.feature_windows)
    found = follow(settings, open_registry(settings, CHURN), user, day, lookback)
    if as_json:
        text = msgspec.json.format(msgspec.json.encode(asdict(found)))
        CONSOLE.print(text.decode(), markup=False, soft_wrap=True)
        return
    _tables(found)


def _tables(found: Trace) -> None:
    CONSOLE.print(
        _table(f"Messages, last {LAST} of {len(found.events)}", found.events, EVENT_COLUMNS)
    )
    CONSOLE.print(_table(f"Days, last {LAST} of {len(found.days)}", found.days, DAY_COLUMNS))
    for prediction in found.predictions:
        _prediction(prediction)
    truth = "not known yet" if found.outcome is None else str(found.outcome)
    CONSOLE.print(f"outcome: {truth}")


def _prediction(one: TracedPrediction) -> None:
    again = "the same again" if one.is_reproduced else f"NOT reproduced: {one.recomputed!r}"
    CONSOLE.print(
        f"version {one.model_version} (run {one.run_id}) scored {one.scored_at}: "
        f"probability {one.probability!r}, {again}",
        soft_wrap=True,
    )
    for reason in one.reasons:
        CONSOLE.print(f"  {reason['feature']} = {reason['value']:g} {reason['direction']} it")


def _table(title: str, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name.removeprefix("DP_"), no_wrap=True)
    for row in rows[-LAST:]:
        table.add_row(*(_cell(row[name]) for name in columns))
    return table


def _cell(value: Any) -> str:
    """Moments to the second; everything else as it is."""
    return f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else str(value)
