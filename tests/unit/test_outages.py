"""An outage is told from a fault by what the libraries themselves say of it."""

from __future__ import annotations

import sqlite3
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
import sqlalchemy
from deltalake import DeltaTable

from cdrlake.services.ports import free_ports
from pyspark_jobs.engine import failures

CREDENTIALS = {
    "AWS_ALLOW_HTTP": "true",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "us-east-1",
    "max_retries": "0",
}


def raised(call: Callable[[], object]) -> str:
    with pytest.raises(Exception) as caught:
        call()
    return failures.text_of(caught.value)


@pytest.fixture
def nobody() -> str:
    """An address at which nothing listens."""
    return f"http://127.0.0.1:{free_ports(1)[0]}"


def test_an_object_store_that_is_away(nobody: str) -> None:
    options = CREDENTIALS | {"AWS_ENDPOINT_URL": nobody}
    assert failures.is_transient(
        raised(lambda: DeltaTable("s3://bucket/table", storage_options=options))
    )


def test_a_tracking_server_that_is_away(nobody: str) -> None:
    assert failures.is_transient(raised(lambda: requests.get(nobody, timeout=5)))


def test_a_registry_whose_file_another_process_writes(tmp_path: Path) -> None:
    place = tmp_path / "mlflow.db"
    with sqlite3.connect(place) as other:
        other.execute("CREATE TABLE runs (id INTEGER)")
    other.execute("BEGIN EXCLUSIVE")
    engine = sqlalchemy.create_engine(f"sqlite:///{place}", connect_args={"timeout": 0.1})
    with engine.connect() as connection:
        assert failures.is_transient(
            raised(lambda: connection.execute(sqlalchemy.text("SELECT id FROM runs")))
        )
    other.close()


def test_a_fault_is_not_taken_for_an_outage(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "mlflow.db") as own:
        assert not failures.is_transient(raised(lambda: own.execute("SELECT id FROM runs")))
    own.close()
    assert not failures.is_transient(raised(lambda: DeltaTable(str(tmp_path))))
    assert not failures.is_transient(raised(lambda: urllib.request.urlopen("no address")))


def test_the_line_shown_is_the_error_that_python_raised() -> None:
    trace = (
        "[STREAM_FAILED] Query [id = 1] terminated: An exception was raised by the Python Proxy. "
        "Return Message: Traceback (most recent call last):\n"
        '  File "a.py", line 1, in write\n    call()\n'
        "mlflow.exceptions.MlflowException: API request to http://x failed with error code 503\n"
        "\n\tat py4j.Protocol.getReturnValue(Protocol.java:476)\n"
    )
    assert failures.summary(trace).startswith("mlflow.exceptions.MlflowException: API request")
    assert failures.is_transient(trace)
