"""Compiled loops on borrowed arrays: they count no references, and cannot make an array."""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt
import pytest
from numba.core.errors import NumbaError

from lakehouse.compiled import compiled_on_borrowed

Bytes = npt.NDArray[np.uint8]


def total(data: Bytes) -> int:
    found = 0
    for k in range(len(data)):
        found += data[k:][0]
    return found


def through_an_own_array(data: Bytes) -> int:
    own = np.zeros(3, np.uint8)
    own[0] = data[0]
    return int(own[0])


def test_the_arrays_are_the_callers_before_and_after() -> None:
    data = np.arange(10, dtype=np.uint8)
    before = sys.getrefcount(data)
    assert compiled_on_borrowed(total)(data) == 45
    assert sys.getrefcount(data) == before


def test_a_function_that_makes_an_array_is_refused() -> None:
    with pytest.raises(NumbaError):
        compiled_on_borrowed(through_an_own_array)(np.zeros(3, np.uint8))
