"""How old an event is when silver holds it, and when its prediction does, at a steady rate.

The whole pipeline runs as in service, in a process of its own. A table's rows count as readable
from the moment at which the commit that brought them appears in the table's log.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import mean

import polars as pl
from confluent_kafka import Producer

from bench import hops
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

RATE, FAST_RATE, PULSE_S = 1_000, 10_000, 0.02
SILVER_BAR_S, PREDICTION_BAR_S, BRONZE_BAR_S = 1.0, 2.0, 1.0
HISTORY_DAYS, USERS = 40, {"small": 500, "full": 5_000}
WARM_S = {"small": 2, "full": 20}
ROUND_S = {"small": 5, "full": 60}
FAST_S = {"small": 3, "full": 30}
PATIENCE_S = 180.0


@dataclass(frozen=True)
class Sent:
    """What was produced: subscriber and moment of each event, in microseconds since 1970."""

    users: list[str]
    moments: list[int]


@dataclass(frozen=True)
class Pace:
    """How many events a second, for how long, and what their ids begin with."""

    name: str
    rate: int
    seconds: int


def run(size: Size, stand: Stand) -> list[Measurement]:
    """Percentiles of the age, in seconds: a thousand events a second, and for bronze ten."""
    clock, users = SystemClock(), USERS[size]
    with stand.site() as settings:
        day = today(clock, "UTC")
        count = fill(settings, users, HISTORY_DAYS, day - timedelta(days=1))
        crown(open_registry(settings, CHURN), settings, day)
        log = Path(os.environ.get("CDRLAKE_BENCH_LOG", f"{settings.state_dir}/pipeline.log"))
        with driver(settings, log, gently=True):
            waiting_for(lambda: in_service(settings), "the service")
            slow = Pace("live", RATE, WARM_S[size] + ROUNDS[size] * ROUND_S[size])
            sent = _produce(settings, users, slow, count)
            waiting_for(lambda: _counted(settings) == count + len(sent.users), "silver")
            waiting_for(lambda: _scored_until(settings) >= sent.moments[-1], "the predictions")
            before, fast = _in_bronze(settings), Pace("fast", FAST_RATE, FAST_S[size])
            more = len(_produce(settings, users, fast, count + len(sent.users)).users)
            waiting_for(lambda: _in_bronze(settings) == before + more, "bronze")
        span = (sent.moments[0] / 1e6 + WARM_S[size], sent.moments[-1] / 1e6)
        batches = hops.recorded(settings.lake_uri)
        print(hops.text([span], batches))
        ages = {table: _ages(settings, table, sent, WARM_S[size]) for table in _TABLES}
        bronze = _of_bronze(settings, fast)
    text = f"{RATE:,} events/s, {users:,} subscribers, {HISTORY_DAYS} days"
    told, in_round = _hops(span, batches), RATE * ROUND_S[size]
    return [bronze, *(_measurement(name, ages[name], in_round, text, told) for name in _TABLES)]


def _hops(span: hops.Span, batches: Sequence[hops.Batch]) -> str:
    """What a batch of each query took: an event waits for one and then goes through another."""
    ran = hops.within([span], batches).items()
    told = (f"{name} {mean(one.end - one.begin for one in each):.2f} s" for name, each in ran)
    return f"a batch takes: {', '.join(told)}"


_TABLES = (names.SILVER_DAILY, names.PREDICTIONS)


def _measurement(table: str, ages: pl.Series, in_round: int, text: str, told: str) -> Measurement:
    p50, p99, most = (_quantile(ages, q) for q in (0.5, 0.99, 1.0))
    note = (
        f"the median of the rounds' p95, a round being {in_round:,} events in a row of one run; of "
        f"all events p50 {p50:.2f} s, p99 {p99:.2f} s, most {most:.2f} s; {told}"
    )
    silver = table == names.SILVER_DAILY
    name: Name = "freshness_silver_p95_s" if silver else "freshness_prediction_p95_s"
    bar = SILVER_BAR_S if silver else PREDICTION_BAR_S
    figure = Figure(name, "s", False, text, note)
    rounds = ages.to_frame("age").iter_slices(in_round)
    return held(figure, bar, [_quantile(one["age"], 0.95) for one in rounds])


def _quantile(ages: pl.Series, share: float) -> float:
    return float(ages.quantile(share) or 0)


def _produce(settings: Settings, users: int, pace: Pace, first_id: int) -> Sent:
    """Send events that happen as they are sent, each subscriber in turn."""
    clock, stop = SystemClock(), threading.Event()
    frame = events(users, today(clock, "UTC"), 1, name=pace.name)
    templates = [json.loads(line) for line in messages(frame)]
    producer, sent = Producer(kafka.client_options(settings.kafka) | {"linger.ms": 5}), Sent([], [])
    began, total = clock.monotonic(), pace.rate * pace.seconds
    while len(sent.users) < total:
        due = min(total, int((clock.monotonic() - began) * pace.rate))
        for number in range(len(sent.users), due):
            now = clock.now()
            stamp = now.isoformat(timespec="microseconds").replace("+00:00", "Z")
            record = templates[number % users] | {
                "id": first_id + number,
                "DP_DATE": stamp,
                "event_id": f"{pace.name}:{number}",
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


def _of_bronze(settings: Settings, pace: Pace) -> Measurement:
    """The age of the events of `pace` at the commit that brought them to bronze."""
    table, found = Path(table_uri(settings.lake_uri, names.BRONZE_EVENTS)), []
    for entry in sorted((table / "_delta_log").glob("*.json")):
        moment = datetime.fromtimestamp(entry.stat().st_mtime, UTC)
        actions = [json.loads(line) for line in entry.read_text(encoding="utf-8").splitlines()]
        files = [
            table / one["add"]["path"] for one in actions if one.get("add", {}).get("dataChange")
        ]
        if files:
            rows = pl.scan_parquet(files).filter(pl.col("event_id").str.starts_with(pace.name))
            age = (pl.lit(moment) - pl.col("emitted_at")).dt.total_microseconds() / 1e6
            found.append(rows.select(age.alias("age")).collect()["age"])
    ages = pl.concat(found)
    note = (
        f"of {len(ages):,} events p50 {_quantile(ages, 0.5):.2f} s, most {_quantile(ages, 1):.2f} s"
    )
    text = f"{pace.rate:,} events/s for {pace.seconds} s"
    figure = Figure("freshness_bronze_p99_s", "s", False, text, note)
    return held(figure, BRONZE_BAR_S, [_quantile(ages, 0.99)])


def _in_bronze(settings: Settings) -> int:
    return store.count(table_uri(settings.lake_uri, names.BRONZE_EVENTS))


def _counted(settings: Settings) -> int:
    uri = table_uri(settings.lake_uri, names.SILVER_DAILY)
    return int(store.scan(uri).select(pl.col("events").sum()).collect().item())


def _scored_until(settings: Settings) -> int:
    """The latest event that a prediction knows of, in microseconds since 1970."""
    rows = store.scan(table_uri(settings.lake_uri, names.PREDICTIONS))
    latest = pl.col("last_emitted_at").max().dt.epoch("us")
    return int(rows.select(latest).collect().item() or 0)
