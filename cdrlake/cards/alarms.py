"""Fraud alarms as a process: each flagged transaction is told once, through every channel.

Mail has the subject and the attached report that its readers know.
"""

from __future__ import annotations

import csv
import json
import logging
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cdrlake.cards import chores
from lakehouse.clock import SystemClock
from lakehouse.display import csv_cell, printable
from lakehouse.domains.cards import names
from lakehouse.domains.cards.messages import read_decision
from lakehouse.domains.settings import Settings, load
from lakehouse.http import server
from monitoring.alarms import Alarm, AlarmBook, Alarms, AlarmService, Outlet
from monitoring.channels import ApprisedChannel, channels

LOG = logging.getLogger("cdrlake.cards.alarms")
SUBJECT = "Security alert - Fraud detected"
REPORT = "fraud_detection_report.csv"
TOLD = (
    "trans_num", "trans_date_trans_time", "cc_num", "merchant", "category", "amt", "score",
    "decision", "expected_loss", "model_version",
)  # fmt: skip
LINES = 20


def read(raw: bytes) -> Alarm | None:
    """The alarm in a decision; None if it is not flagged, or no decision at all."""
    try:
        row = read_decision(raw)
    except ValueError:
        return None  # the lake puts it into quarantine
    if row.is_fraud != 1:
        return None
    return Alarm(row.trans_num, json.dumps({name: getattr(row, name) for name in TOLD}))


def text(alarms: Sequence[Alarm]) -> str:
    """What a message about these alarms says, a line for each; the subject is its first line."""
    rows = [_shown(one, printable) for one in alarms]
    lines = [
        f"{row['decision']}: {row['amt']:.2f} at {row['merchant']}, card ending in "
        f"{row['cc_num'][-4:]}, {row['trans_date_trans_time']}, score {row['score']:.2f} "
        f"({row['trans_num']})"
        for row in rows[:LINES]
    ]
    rest = [f"and {len(rows) - LINES} more"] if len(rows) > LINES else []
    return "\n".join([SUBJECT, *lines, *rest])


def _shown(alarm: Alarm, show: Callable[[str], str]) -> dict[str, Any]:
    """The values that are told. Their texts come from whoever sent the transaction."""
    row = json.loads(alarm.text)
    return {name: show(value) if isinstance(value, str) else value for name, value in row.items()}


def outlets(settings: Settings) -> list[Outlet]:
    """Where alarms are told: the log always, and every channel of monitoring."""
    folder = settings.state / "cards" / "alarms"
    ways: dict[str, Callable[[Sequence[Alarm]], None]] = {"log": _log}
    ways |= {one.name: partial(_send, one) for one in channels(settings)}
    return [Outlet(AlarmBook(folder / f"{name}.db"), tell) for name, tell in ways.items()]


def _log(alarms: Sequence[Alarm]) -> None:
    for one in alarms:
        LOG.info("fraud alarm %s", one.id)


def _send(channel: ApprisedChannel, alarms: Sequence[Alarm]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / REPORT
        with report.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, TOLD)
            writer.writeheader()
            writer.writerows(_shown(one, csv_cell) for one in alarms)
        channel.tell(text(alarms), SUBJECT, report if channel.name == "mail" else None)


def serve(settings: Settings, stop: threading.Event) -> None:
    """Tell until `stop`; the chores, which tell of drift, are done beside."""
    clock = SystemClock()
    beside = threading.Thread(
        target=chores.run, args=(settings, clock, stop), name="chores", daemon=True
    )
    beside.start()
    alarms = Alarms(names.GROUP_ALARMS, names.TOPIC_DECISIONS, names.TOPIC_ALARMS, read)
    AlarmService(alarms, settings.kafka, outlets(settings), clock).run(stop)


def main() -> int:
    """Tell until SIGTERM or Ctrl-C; returns 0 then, or 1 if something is refused."""
    return server.run(load, serve)


if __name__ == "__main__":
    sys.exit(main())
