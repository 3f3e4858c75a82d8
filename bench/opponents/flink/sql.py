"""Flink SQL from Kafka to Parquet, run by a Python of its own: it needs other versions than ours.

Reads one line a job from standard input, the job's name and the folder that it writes into, and
answers with the seconds that it took. Arguments: broker, topic. The connectors' jars are in
`HADOOP_CLASSPATH`.
"""

from __future__ import annotations

import sys
import time

from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment

MEASURES = {
    "DP_MOC_COUNT": "BIGINT",
    "DP_MOC_DURATION": "DECIMAL(18, 3)",
    "DP_MTC_COUNT": "BIGINT",
    "DP_MTC_DURATION": "DECIMAL(18, 3)",
    "DP_MOSMS_COUNT": "BIGINT",
    "DP_MTSMS_COUNT": "BIGINT",
    "DP_DATA_COUNT": "BIGINT",
    "DP_DATA_VOLUME": "DECIMAL(18, 3)",
}
TYPED = ", ".join(f"{name} {kind}" for name, kind in MEASURES.items())
EVENT = f"id BIGINT, DP_MSISDN STRING, {TYPED}, event_id STRING, emitted_at STRING"
PLAIN = f"{EVENT}, DP_DATE STRING"
# An event of the next day closes a window: each partition has a watermark of its own, and in each
# the days come in order.
TIMED = f"{EVENT}, DP_DATE TIMESTAMP_LTZ(3), WATERMARK FOR DP_DATE AS DP_DATE"
SUMS = ", ".join(f"SUM({name})" for name in MEASURES)
DAILY = f"""
SELECT DP_MSISDN, window_start, COUNT(*), {SUMS}
FROM TABLE(TUMBLE(TABLE timed, DESCRIPTOR(DP_DATE), INTERVAL '1' DAY))
GROUP BY DP_MSISDN, window_start, window_end
"""
# A sum of decimals is as wide as a decimal can be.
SUMMED = f"DP_MSISDN STRING, `Date` TIMESTAMP(3), events BIGINT, {TYPED.replace('18', '38')}"
JOBS = {"rows": (PLAIN, "SELECT * FROM plain"), "daily_sums": (SUMMED, DAILY)}
SLOTS = 2


def main() -> None:
    """Open one environment, then run one job a line."""
    broker, topic = sys.argv[1:]
    environment = StreamExecutionEnvironment.get_execution_environment()
    environment.set_parallelism(SLOTS)
    environment.enable_checkpointing(5_000)
    tables = StreamTableEnvironment.create(environment)
    tables.get_config().set_local_timezone("UTC")
    # In memory, the default, a task's state may have 5 MB: windows of a slow moment have more. The
    # job then starts again from its last checkpoint, and a source with an end never reaches it.
    tables.get_config().set("execution.checkpointing.storage", "filesystem")
    for name, columns in (("plain", PLAIN), ("timed", TIMED)):
        tables.execute_sql(f"""
            CREATE TABLE {name} ({columns}) WITH (
              'connector' = 'kafka', 'topic' = '{topic}', 'format' = 'json',
              'json.timestamp-format.standard' = 'ISO-8601',
              'properties.bootstrap.servers' = '{broker}', 'scan.startup.mode' = 'earliest-offset',
              'scan.bounded.mode' = 'latest-offset')""")
    print("ready", flush=True)
    for number, line in enumerate(sys.stdin):
        job, _, folder = line.strip().partition(" ")
        columns, query = JOBS[job]
        tables.get_config().set("execution.checkpointing.dir", f"file://{folder}/checkpoints")
        tables.execute_sql(f"""
            CREATE TABLE out{number} ({columns}) WITH (
              'connector' = 'filesystem', 'format' = 'parquet', 'path' = 'file://{folder}')""")
        start = time.perf_counter()
        tables.execute_sql(f"INSERT INTO out{number} {query}").wait()
        print("took", time.perf_counter() - start, flush=True)


main()
