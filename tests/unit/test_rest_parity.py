"""One row through every door gives the same bits, for every kind of model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse.models import scoring
from lakehouse.models.mlflow_flavor import _load_pyfunc
from lakehouse.models.model_kinds import MODEL_KINDS
from tests.rest.samples import FEATURES
from tests.rest.service import NAME, Running, running
from tests.toy.machines import FAILURES

VALUE = st.floats(allow_nan=False, allow_infinity=False) | st.floats(-10, 10)
ROWS = st.lists(st.tuples(*[VALUE] * len(FEATURES)), min_size=1, max_size=12)


@pytest.fixture(scope="module", params=sorted(MODEL_KINDS))
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
            ) -> Iterator[Running]:  # fmt: skip
    with running(tmp_path_factory.mktemp("parity"), kind=request.param) as made:
        yield made


def in_batch(service: Running, frame: pl.DataFrame) -> list[float]:
    """What the job that scores the lake writes."""
    scorer = service.models.served(NAME).champion.scorer
    keyed = frame.with_columns(machine=pl.lit("m1"), at=pl.datetime(2026, 1, 1, time_zone="UTC"))
    found: list[float] = scoring.score_frame(scorer, keyed, FAILURES)[FAILURES.score].to_list()
    return found


def probabilities(answer: Any) -> list[float]:
    found: list[float] = [one["probability"] for one in answer["predictions"]]
    return found


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=ROWS)
def test_every_door_gives_the_same_bits(service: Running, rows: list[tuple[float, ...]]) -> None:
    frame = pl.DataFrame(rows, schema=list(FEATURES), orient="row")
    expected, many = in_batch(service, frame), frame.to_dicts()
    inputs = [
        {"name": name, "shape": [len(rows)], "datatype": "FP64", "data": frame[name].to_list()}
        for name in FEATURES
    ]
    v2 = service.post(f"/v2/models/{NAME}/infer", {"inputs": inputs}).json()
    invoked = service.post("/invocations", {"dataframe_records": many}).json()
    pyfunc = _load_pyfunc(str(Path(service.store.folder(1))))
    found = {
        "single": [service.predict(record).json()["probability"] for record in many],
        "list": probabilities(service.predict(many).json()),
        "v2": v2["outputs"][0]["data"],
        "invocations": probabilities(invoked),
        "pyfunc": pyfunc.predict(pd.DataFrame(many))["probability"].tolist(),
    }
    assert found == dict.fromkeys(found, expected), json.dumps(many)
