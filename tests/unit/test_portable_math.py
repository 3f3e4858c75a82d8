"""Features have the same bits on a processor with AVX-512 as on one without."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy._core._multiarray_umath import __cpu_features__ as has_feature

from lakehouse import portable_math
from lakehouse.settings import ROOT

AVX512 = "X86_V4"
# Rows of gold for some subscribers with odd amounts and gaps, as a hash of all their bytes.
GOLD = """
import hashlib, random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
import polars as pl
from lakehouse.domains.cdr.contracts import MEASURES
from lakehouse.kinds import KINDS
from pyspark_jobs.cdr.block import Span
from pyspark_jobs.cdr.features import gold_rows

random.seed(1)
def amount(kind):
    return random.randint(0, 50) if kind == "long" else Decimal(random.randint(0, 10**9)) / 1000
start = date(2026, 3, 1)
schema = {"User": pl.String(), "Date": pl.Date(), "last_emitted_at": pl.Datetime("us", "UTC")}
schema |= {field.name: KINDS[field.kind].polars for field in MEASURES}
rows = [
    {"User": f"45000{user:05}", "Date": start + timedelta(days=day),
     "last_emitted_at": datetime(2026, 3, 1, tzinfo=UTC)}
    | {f.name: amount(f.kind)
       for f in MEASURES}
    for user in range(120) for day in range(60) if random.random() < 0.6
]
silver = pl.DataFrame(rows, schema=schema)
scope = silver.select("User").unique().with_columns(since=pl.lit(start))
gold = gold_rows(silver, scope, Span(start + timedelta(days=59), start + timedelta(days=59), 7,
                                     (7, 14, 30)))
print(hashlib.sha256(gold.write_ipc(None).getvalue()).hexdigest(), len(gold))
"""


def gold_of_a_process(**environment: str) -> str:
    command = [sys.executable, "-c", GOLD]
    env = os.environ | environment
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.skipif(not has_feature.get(AVX512), reason="this processor has no AVX-512")
def test_gold_has_the_same_bits_without_avx512() -> None:
    assert gold_of_a_process() == gold_of_a_process(NPY_DISABLE_CPU_FEATURES=AVX512)


@given(st.floats(1e-300, 1e300))
def test_one_number_and_many_have_the_same_bits(value: float) -> None:
    assert portable_math.log_one(value) == portable_math.log(np.full(9, value))[4]
    small = math.remainder(value, 700)
    assert portable_math.exp_one(small) == portable_math.exp(np.full(9, small))[4]


@given(st.floats(1e-12, 1e12))
def test_the_nearest_double_is_taken(value: float) -> None:
    assert math.isclose(portable_math.log_one(value), math.log(value), rel_tol=1e-14, abs_tol=1e-15)
    assert math.isclose(portable_math.log1p([value])[0], math.log1p(value), rel_tol=1e-14)
