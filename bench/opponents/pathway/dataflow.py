"""Pathway from Kafka to a file, run by a Python of its own: it needs other versions than ours.

Reads one line a job from standard input, the job's name and the folder that it writes into, and
answers with the seconds that it took. Arguments: broker, topic.
"""

from __future__ import annotations

import sys
import time
import uuid
from datetime import timedelta
from typing import Any

import pathway as pw
from pathway.internals.parse_graph import G

# Amounts are floats and moments text, for its JSON reader knows neither decimals nor dates.
COUNTS = (
    "DP_MOC_COUNT", "DP_MTC_COUNT", "DP_MOSMS_COUNT", "DP_MTSMS_COUNT", "DP_DATA_COUNT",
)  # fmt: skip
AMOUNTS = ("DP_MOC_DURATION", "DP_MTC_DURATION", "DP_DATA_VOLUME")
TEXTS = ("DP_DATE", "DP_MSISDN", "event_id", "emitted_at")
TYPES: dict[str, type] = {
    "id": int,
    **dict.fromkeys(TEXTS, str),
    **dict.fromkeys(COUNTS, int),
    **dict.fromkeys(AMOUNTS, float),
}
MOMENT = "%Y-%m-%dT%H:%M:%S.%fZ"
# Milliseconds between two of its small batches; each changes the sums that are out already.
COMMIT_MS = 1_500


def rows(events: Any) -> Any:
    """Every event as it came."""
    return events


def daily_sums(events: Any) -> Any:
    """Number of events and sums of the measures of each subscriber and day."""
    moments = events.with_columns(moment=events.DP_DATE.dt.strptime(MOMENT))
    window = pw.temporal.tumbling(duration=timedelta(days=1))
    days = moments.windowby(moments.moment, window=window, instance=moments.DP_MSISDN)
    sums = {name: pw.reducers.sum(pw.this[name]) for name in (*COUNTS, *AMOUNTS)}
    return days.reduce(
        DP_MSISDN=pw.this._pw_instance,
        Date=pw.this._pw_window_start,
        events=pw.reducers.count(),
        **sums,
    )


JOBS = {"rows": rows, "daily_sums": daily_sums}


def main() -> None:
    """Run one job a line, each from the beginning of the topic to its present end."""
    broker, topic = sys.argv[1:]
    print("ready", flush=True)
    for line in sys.stdin:
        name, _, folder = line.strip().partition(" ")
        G.clear()  # else the jobs before would run again
        settings = {
            "bootstrap.servers": broker,
            "group.id": uuid.uuid4().hex,
            "auto.offset.reset": "earliest",
        }
        events = pw.io.kafka.read(
            settings, topic, schema=pw.schema_from_types(**TYPES), mode="static", format="json",
            autocommit_duration_ms=COMMIT_MS,
        )  # fmt: skip
        pw.io.jsonlines.write(JOBS[name](events), f"{folder}/{name}.jsonl")
        start = time.perf_counter()
        pw.run(monitoring_level=pw.MonitoringLevel.NONE)
        print("took", time.perf_counter() - start, flush=True)


main()
