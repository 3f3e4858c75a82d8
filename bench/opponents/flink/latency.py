"""Three small queries in Flink SQL from Kafka to Kafka, run by a Python of its own.

Reads one line from standard input, the query's name and a folder for checkpoints, and answers once
the job is submitted. The job runs until this process ends. Arguments: broker, topic in, topic out,
and a file of pages and their categories.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment

VIEW = "event_id STRING, page STRING, number BIGINT, amount DOUBLE, `at` BIGINT"
COLUMNS = {
    "stateless": "event_id STRING, cents BIGINT",
    "count": "page STRING, `views` BIGINT, PRIMARY KEY (page) NOT ENFORCED",
    "join": "event_id STRING, category STRING",
}
QUERIES = {
    "stateless": "SELECT event_id, CAST(ROUND(amount * 100) AS BIGINT) FROM seen",
    "count": "SELECT page, COUNT(*) FROM seen GROUP BY page",
    "join": "SELECT event_id, category FROM seen JOIN pages ON seen.page = pages.name",
}
SLOTS = 2


def main() -> None:
    """Submit one query, and let it run until standard input ends."""
    broker, topic_in, topic_out, categories = sys.argv[1:]
    environment = StreamExecutionEnvironment.get_execution_environment()
    environment.set_parallelism(SLOTS)
    environment.enable_checkpointing(5_000)
    # Each record goes on at once; by default it waits up to 100 ms for a buffer to fill.
    environment.set_buffer_timeout(0)
    tables = StreamTableEnvironment.create(environment)
    pages = json.loads(Path(categories).read_text())
    values = ", ".join(f"('{page}', '{category}')" for page, category in pages.items())
    tables.execute_sql(
        f"CREATE TEMPORARY VIEW pages AS SELECT * FROM (VALUES {values}) AS t(name, category)"
    )
    tables.execute_sql(f"""
        CREATE TABLE seen ({VIEW}) WITH (
          'connector' = 'kafka', 'topic' = '{topic_in}', 'format' = 'json',
          'properties.bootstrap.servers' = '{broker}', 'scan.startup.mode' = 'earliest-offset')""")
    print("ready", flush=True)
    query, _, folder = sys.stdin.readline().strip().partition(" ")
    tables.get_config().set("execution.checkpointing.storage", "filesystem")
    tables.get_config().set("execution.checkpointing.dir", f"file://{folder}")
    form = (
        "'connector' = 'upsert-kafka', 'key.format' = 'json', 'value.format' = 'json'"
        if query == "count"
        else "'connector' = 'kafka', 'format' = 'json'"
    )
    tables.execute_sql(f"""
        CREATE TABLE followed ({COLUMNS[query]}) WITH (
          {form}, 'topic' = '{topic_out}', 'properties.bootstrap.servers' = '{broker}')""")
    start = time.perf_counter()
    tables.execute_sql(f"INSERT INTO followed {QUERIES[query]}")
    print("took", time.perf_counter() - start, flush=True)
    sys.stdin.read()


main()
