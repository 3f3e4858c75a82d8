"""What is wrong with a SQL file is said in one sentence with its place, and nothing starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest
from pyspark.sql import SparkSession

from lakehouse.domains.clicks import CLICKS
from lakehouse.errors import ModelError
from lakehouse.models.inputs import Inputs
from lakehouse.settings import ROOT
from pyspark_jobs.sql import predict, sql_file
from pyspark_jobs.sql.catalog import Catalog
from pyspark_jobs.sql.check import check
from pyspark_jobs.sql.live_models import RegistryPlace

CATALOG = Catalog.of(CLICKS)
BOT = Inputs(("country=PL", "platform=Linux", "views", "orders"))
SINK = "-- topic: t\n-- key: user_id\n"
WINDOWS = "GROUP BY user_id, window(ts, '10 minutes', '2 minutes')"
DELAY = "WATERMARK ts DELAY OF INTERVAL 30 SECONDS"


def inputs_of(name: str) -> Inputs | None:
    if name.partition("$")[0] != "Bot Detector":
        raise ModelError.sentence(
            f"there is no model called {name!r}; did you mean 'Bot Detector'?"
        )
    return BOT


def problems(spark: SparkSession, folder: Path, texts: Mapping[str, str]) -> list[str]:
    predict.register(spark, RegistryPlace("sqlite:////nowhere.db", "/nowhere"))
    for name, text in texts.items():
        (folder / f"{name}.sql").write_text(text, encoding="utf-8")
    try:
        files = sql_file.read_folder(folder)
    except sql_file.SqlError as error:
        return [str(error)]
    return [str(one) for one in check(spark, files, CATALOG, inputs_of)]


WRONG = {
    "unknown column": (
        {"a": "SELECT user_id,\n  usr_id FROM events"},
        "a.sql, line 2, column 3: there is no column called 'usr_id'; did you mean 'user_id'?",
    ),
    "wrong type": (
        {"a": "SELECT user_id FROM events\nWHERE event + array(1)"},
        'a.sql, line 2, column 7: Cannot resolve "(event + array(1))" due to data type mismatch: '
        "the left and right operands of the binary operator have incompatible types "
        '("STRING" and "ARRAY<INT>").',
    ),
    "missing watermark": (
        {"a": f"{SINK}SELECT user_id, count(*) AS n FROM events {WINDOWS}"},
        "a.sql, line 3, column 1: rows are grouped without a watermark, so no group would ever "
        "end; write `FROM stream WATERMARK time DELAY OF INTERVAL 30 SECONDS`.",
    ),
    "cycle": (
        {"a": "SELECT * FROM b", "b": "SELECT *\nFROM c", "c": "SELECT *\nFROM\n a"},
        "c.sql, line 3, column 2: the files read each other in a circle: a, b, c, a.",
    ),
    "two writers": (
        dict.fromkeys(("a", "b"), f"{SINK}SELECT user_id FROM events"),
        "b.sql, line 1, column 1: the topic t is written by a.sql already.",
    ),
    "unknown model": (
        {"a": "SELECT\n predict('Bot Detectr', array(event), array(1)) AS p FROM events"},
        "a.sql, line 2, column 2: there is no model called 'Bot Detectr'; did you mean "
        "'Bot Detector'?",
    ),
    "wrong arity": (
        {"a": "SELECT predict('Bot Detector$1', array(event, event), array(1)) AS p FROM events"},
        "a.sql, line 1, column 8: 'Bot Detector$1' takes 2 numbers (views, orders), and gets 1.",
    ),
    "arguments of other types": (
        {"a": "SELECT predict('Bot Detector', event) AS p FROM events"},
        f"a.sql, line 1, column 8: predict cannot take string, string; {predict.USAGE}.",
    ),
    "forbidden statement": (
        {"a": "-- away with it\nDROP TABLE users"},
        "a.sql, line 2, column 1: DROP is not allowed; a file holds one SELECT and changes "
        "nothing else.",
    ),
    "forbidden statement behind a name": (
        {"a": "WITH x AS (SELECT 1 AS id) INSERT INTO users SELECT * FROM x"},
        "a.sql, line 1, column 1: WITH is not allowed; a file holds one SELECT and changes "
        "nothing else.",
    ),
    "forbidden function": (
        {"a": "SELECT reflect('java.lang.System', 'exit', 1) FROM events"},
        "a.sql, line 1, column 8: the function reflect is not allowed.",
    ),
    "forbidden function in quotes": (
        {"a": "SELECT\n `reflect`('java.lang.System', 'exit', 0) AS x FROM events"},
        "a.sql, line 2, column 2: the function reflect is not allowed.",
    ),
    "forbidden function by a text": (
        {"a": "WITH x AS (SELECT IDENTIFIER('java_method')('java.lang.Math', 'abs', 1) AS n) "
              "SELECT * FROM x"},
        "a.sql, line 1, column 19: the function java_method is not allowed.",
    ),
    "forbidden function in a query inside": (
        {"a": "SELECT * FROM users\n WHERE id = (SELECT CAST(try_reflect('java.lang.Math', 'abs', "
              "1) AS INT))"},
        "a.sql, line 2, column 26: the function try_reflect is not allowed.",
    ),
    "forbidden statement in a text": (
        {"a": "-- away with it\nEXECUTE IMMEDIATE 'DROP VIEW events'"},
        "a.sql, line 2, column 1: EXECUTE is not allowed; a file holds one SELECT and changes "
        "nothing else.",
    ),
    "a path": (
        {"a": "SELECT value\nFROM text.`/etc/passwd`"},
        "a.sql, line 2, column 6: there is no stream, table or file called 'text./etc/passwd'; "
        "known are: a, bot_detection_results, events, users",
    ),
    "no SQL": (
        {"a": "SELECT user_id FROM\n events WHRE x = 1"},
        "a.sql, line 2, column 14: the SQL does not go on like this: 'x'.",
    ),
    "two statements": (
        {"a": "SELECT 1;\nSELECT 2"},
        "a.sql, line 2, column 1: the SQL does not go on like this: 'SELECT'.",
    ),
    "unknown stream": (
        {"a": "SELECT *\nFROM evnts"},
        "a.sql, line 2, column 6: there is no stream, table or file called 'evnts'; did you mean "
        "'events'?",
    ),
    "unknown function": (
        {"a": "SELECT predct(user_id) FROM events"},
        "a.sql, line 1, column 8: there is no function called 'predct'; predict is ours.",
    ),
    "key that is no column": (
        {"a": "-- topic: t\n-- key: userid\nSELECT user_id FROM events"},
        "a.sql, line 2, column 1: there is no column called 'userid'; did you mean 'user_id'?",
    ),
    "no key": (
        {"a": "-- topic: t\nSELECT user_id FROM events"},
        "a.sql, line 1, column 1: rows that go somewhere need a key; write `-- key: ...`.",
    ),
    "unknown setting": (
        {"a": "-- topik: t\nSELECT user_id FROM events"},
        "a.sql, line 1, column 1: there is no setting 'topik'; did you mean 'topic'?",
    ),
    "no stream": (
        {"a": "-- topic: t\n-- key: id\nSELECT id FROM users"},
        "a.sql, line 1, column 1: it reads no stream, so no row ever comes.",
    ),
    "table of other columns": (
        {"a": "-- table: silver.users\n-- key: user_id\nSELECT user_id FROM events"},
        "a.sql, line 1, column 1: silver.users has int for id, and the query gives nothing.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("texts", "sentence"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_one_sentence_with_line_and_column(
    spark: SparkSession, tmp_path: Path, texts: dict[str, str], sentence: str
) -> None:
    found = problems(spark, tmp_path, texts)
    assert sentence in found
    assert spark.streams.active == []


def test_a_table_of_nobody_cannot_be_read_by_a_function(
    spark: SparkSession, tmp_path: Path
) -> None:
    pl.DataFrame({"a": [1]}).write_delta(tmp_path / "other")
    query = f"SELECT *\nFROM table_changes_by_path('{tmp_path}/other', 0)"
    assert problems(spark, tmp_path, {"a": query}) == [
        "a.sql, line 2, column 6: only streams, tables and other files of the pipeline can be read."
    ]


def test_files_may_stand_in_any_order_and_comments_hide_what_they_say(
    spark: SparkSession, tmp_path: Path
) -> None:
    texts = {
        "a": f"{SINK}/* DROP TABLE x; */ SELECT user_id, n FROM b; -- reflect(1)",
        "b": f"SELECT user_id, count(*) AS n, 'DROP' AS w FROM c {WINDOWS}",
        "c": f"SELECT * FROM events {DELAY}",
    }
    assert problems(spark, tmp_path, texts) == []
    assert {view.name for view in spark.catalog.listTables()} & {*texts, "events", "users"} == set()


def test_the_pipeline_of_the_project_is_right(spark: SparkSession) -> None:
    predict.register(spark, RegistryPlace("sqlite:////nowhere.db", "/nowhere"))
    files = sql_file.read_folder(ROOT / "conf" / "pipelines" / "clicks")
    assert check(spark, files, CATALOG, lambda _: None) == []
