"""Flink SQL from Kafka to Parquet, run by a Python of its own: it needs other versions than ours.

Reads one folder a line from standard input, writes the topic into it, and answers with the seconds
that the job took. Arguments: broker, topic. The connectors' jars are in `HADOOP_CLASSPATH`.
"""

from __future__ import annotations

import sys
import time

from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment

COLUMNS = """
id BIGINT, DP_DATE STRING, DP_MSISDN STRING, DP_MOC_COUNT BIGINT, DP_MOC_DURATION DECIMAL(18, 3),
DP_MTC_COUNT BIGINT, DP_MTC_DURATION DECIMAL(18, 3), DP_MOSMS_COUNT BIGINT, DP_MTSMS_COUNT BIGINT,
DP_DATA_COUNT BIGINT, DP_DATA_VOLUME DECIMAL(18, 3), event_id STRING, emitted_at STRING
"""
SLOTS = 2


def main() -> None:
    """Open one environment, then one job a line."""
    broker, topic = sys.argv[1:]
    environment = StreamExecutionEnvironment.get_execution_environment()
    environment.set_parallelism(SLOTS)
    environment.enable_checkpointing(5_000)
    tables = StreamTableEnvironment.create(environment)
    tables.execute_sql(f"""
        CREATE TABLE events ({COLUMNS}) WITH (
          'connector' = 'kafka', 'topic' = '{topic}', 'format' = 'json',
          'properties.bootstrap.servers' = '{broker}', 'scan.startup.mode' = 'earliest-offset',
          'scan.bounded.mode' = 'latest-offset')""")
    print("ready", flush=True)
    for number, line in enumerate(sys.stdin):
        tables.execute_sql(f"""
            CREATE TABLE out{number} ({COLUMNS}) WITH (
              'connector' = 'filesystem', 'format' = 'parquet',
              'path' = 'file://{line.strip()}')""")
        start = time.perf_counter()
        tables.execute_sql(f"INSERT INTO out{number} SELECT * FROM events").wait()
        print("took", time.perf_counter() - start, flush=True)


main()
