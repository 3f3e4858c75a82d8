"""How inner loops are compiled by numba: one set of options for all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """Compile `function` at its first call, keep the code on disk, and run it without the GIL."""
    return cast(F, njit(nogil=True, cache=True)(function))


def compiled_on_borrowed(function: F) -> F:
    """As `compiled`, for a function that only works on arrays its caller holds.

    Numba counts references to arrays with an atomic operation wherever one is handed on or a part
    of it is taken; in small functions these take more time than the work itself. They are left out
    here. A function that makes an array of its own, or returns one, does not compile like this.
    """
    return cast(F, njit(nogil=True, cache=True, _nrt=False)(function))
