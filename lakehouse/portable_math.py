"""Logarithms and exponentials that have the same bits on every x86 processor.

numpy uses different implementations of `log`, `log1p` and `exp` on processors with and without
AVX-512, and the two differ in the last bit. Features and scores must not depend on the machine that
computed them, so these are computed in the processor's extended precision (64 bits of mantissa, one
implementation everywhere) and rounded to a double once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_EXTENDED = np.longdouble


def log(values: Any) -> Floats:
    """Natural logarithm of an array, element by element.

    >>> log(np.array([1.0, 2.0])).tolist()
    [0.0, 0.6931471805599453]
    """
    return np.log(np.asarray(values, _EXTENDED)).astype(np.float64)


def log1p(values: Any) -> Floats:
    """Natural logarithm of 1 + x, exact for small x."""
    return np.log1p(np.asarray(values, _EXTENDED)).astype(np.float64)


def exp(values: Any) -> Floats:
    """Exponential of an array, element by element."""
    return np.exp(np.asarray(values, _EXTENDED)).astype(np.float64)


def log_one(value: float) -> float:
    """`log` of a single number, without an array.

    >>> bool(log_one(2.0) == log(np.array([2.0]))[0])
    True
    """
    return float(np.log(_EXTENDED(value)))


def exp_one(value: float) -> float:
    """`exp` of a single number, without an array."""
    return float(np.exp(_EXTENDED(value)))
