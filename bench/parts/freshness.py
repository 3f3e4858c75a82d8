"""How old an event is when silver holds it, and when its prediction does, at a steady rate.

The whole pipeline runs as in service, in a process of its own. A table's rows count as readable
from the moment at which the commit that brought them appears in the table's log.
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
from confluent_kafka import Producer

from bench.champion import crown
from bench.driver import driver, in_service, waiting_for
from bench.events import events, fill, messages
from bench.measure import ROUNDS, Figure, Measurement, Name, Size, held
from bench.stand import Stand
from lakehouse import kafka, store
from lakehouse.clock import SystemClock, today
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.names import table_uri
from lakehouse.registry import open_registry

RATE, PULSE_S = 1_000, 0.02
SILVER_BAR_S, PREDICTION_BAR_S = 5.0, 10.0
HISTORY_DAYS, USERS = 40, {"small": 500, "full": 5_000}
WARM_S = {"small": 2, "full": 20}
ROUND_S = {"small": 5, "full": 60}
PATIENCE_S = 180.0


@dataclass(frozen=True)
class Sent:
    """What was produced: subscriber and moment of each event, in microseconds since 1970."""

    users: list[str]
    moments: list[int]


def run(size: Size, stand: Stand) -> list[Measurement]:
    """95th percentiles of the age, in seconds, at a thousand events a second."""
    clock, users = SystemClock(), USERS[size]
    with stand.site() as settings:
        day = today(clock, "UTC")
        count = fill(settings, users, HISTORY_DAYS, day - timedelta(days=1))
        crown(open_registry(settings, CHURN), settings, day)
        log = Path(os.environ.get("CDRLAKE_BENCH_LOG", f"{settings.state_dir}/pipeline.log"))
        with driver(settings, log, gently=True):
            waiting_for(lambda: in_service(settings), "the service")
            sent = _produce(settings, users, WARM_S[size] + ROUNDS[size] * ROUND_S[size], count)
            waiting_for(lambda: _counted(settings) == count + len(sent.users), "silver")
            waiting_for(lambda: _scored_until(settings) >= sent.moments[-1], "the predictions")
        ages = {table: _ages(settings, table, sent, WARM_S[size]) for table in _TABLES}
    text = f"{RATE:,} events/s, {users:,} subscribers, {HISTORY_DAYS} days"
    return [_measurement(table, ages[table], RATE * ROUND_S[size], text) for table in _TABLES]


_TABLES = (names.SILVER_DAILY, names.PREDICTIONS)


def _measurement(table: str, ages: pl.Series, in_round: int, text: str) -> Measurement:
    p50, p99, most = (_quantile(ages, q) for q in (0.5, 0.99, 1.0))
    note = (
        f"the median of the rounds' p95, a round being {in_round:,} events in a row of one run; of "
        f"all events p50 {p50:.2f} s, p99 {p99:.2f} s, most {most:.2f} s"
    )
    silver = table == names.SILVER_DAILY
    name: Name = "freshness_silver_p95_s" if silver else "freshness_prediction_p95_s"
    bar = SILVER_BAR_S if silver else PREDICTION_BAR_S
    figure = Figure(name, "s", False, text, note)
    rounds = ages.to_frame("age").iter_slices(in_round)
    return held(figure, bar, [_quantile(one["age"], 0.95) for one in rounds])


def _quantile(ages: pl.Series, share: float) -> float:
    return float(ages.quantile(share) or 0)


def _produce(settings: Settings, users: int, seconds: int, first_id: int) -> Sent:
    """Send events that happen as they are sent, each subscriber in turn."""
    clock, stop = SystemClock(), threading.Event()
    frame = events(users, today(clock, "UTC"), 1, name="live")
    templates = [json.loads(line) for line in messages(frame)]
    producer, sent = Producer(kafka.client_options(settings.kafka) | {"linger.ms": 5}), Sent([], [])
    began, total = clock.monotonic(), RATE * seconds
    while len(sent.users) < total:
        due = min(total, int((clock.monotonic() - began) * RATE))
        for number in range(len(sent.users), due):
            now = clock.now()
            stamp = now.isoformat(timespec="microseconds").replace("+00:00", "Z")
            record = templates[number % users] | {
                "id": first_id + number,
                "DP_DATE": stamp,
                "event_id": f"live:{number}",
                "emitted_at": stamp,
            }
            user = record["DP_MSISDN"]
            producer.produce(names.TOPIC_EVENTS, json.dumps(record, separators=(",", ":")), user)
            sent.users.append(user)
            sent.moments.append(int(now.timestamp() * 1e6))
        producer.poll(0)
        clock.wait(stop, PULSE_S)
    producer.flush(PATIENCE_S)
    return sent


def _ages(settings: Settings, table: str, sent: Sent, warm_s: int) -> pl.Series:
    """Seconds from each event, those of the first `warm_s` left out, to its commit."""
    asked = pl.DataFrame(
        {"User": sent.users, "moment": pl.from_epoch(pl.Series(sent.moments), "us")}
    ).slice(warm_s * RATE)
    states = _states(Path(table_uri(settings.lake_uri, table))).sort("last", "committed")
    first = states.with_columns(pl.col("committed").reverse().cum_min().reverse().over("User"))
    found = asked.sort("moment").join_asof(
        first, left_on="moment", right_on="last", by="User", strategy="forward",
        check_sortedness=False,
    )  # fmt: skip
    missing = found["committed"].null_count()
    if missing:
        raise RuntimeError(f"{table}: {missing} of {len(found)} events did not arrive")
    return (found["committed"] - found["moment"]).dt.total_microseconds() / 1e6


def _states(table: Path) -> pl.DataFrame:
    """The latest event of each subscriber in each commit, and when the commit appeared."""
    states = []
    for entry in sorted((table / "_delta_log").glob("*.json")):
        moment = datetime.fromtimestamp(entry.stat().st_mtime, UTC).replace(tzinfo=None)
        actions = [json.loads(line) for line in entry.read_text(encoding="utf-8").splitlines()]
        files = [table / one["add"]["path"] for one in actions if "add" in one]
        if files:
            rows = pl.scan_parquet(files, hive_partitioning=False)
            last = pl.col("last_emitted_at").max().dt.replace_time_zone(None).alias("last")
            states.append(rows.group_by("User").agg(last).collect().with_columns(committed=moment))
    return pl.concat(states).drop_nulls("last")


def _counted(settings: Settings) -> int:
    uri = table_uri(settings.lake_uri, names.SILVER_DAILY)
    return int(store.scan(uri).select(pl.col("events").sum()).collect().item())


def _scored_until(settings: Settings) -> int:
    """The latest event that a prediction knows of, in microseconds since 1970."""
    rows = store.scan(table_uri(settings.lake_uri, names.PREDICTIONS))
    latest = pl.col("last_emitted_at").max().dt.epoch("us")
    return int(rows.select(latest).collect().item() or 0)
