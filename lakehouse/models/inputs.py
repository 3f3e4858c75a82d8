"""From texts and numbers, as SQL has them, to the matrix of features that a scorer takes.

A feature called `country=PL` is 1 where the text `country` is `PL` and otherwise 0; any other
feature is a number of that name. A text that the model has never seen, or none, leaves all of its
features at 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.models.forest import Floats

IS = "="
Places = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Matrix:
    """Rows for a scorer; `problems` says by row why one cannot be scored, None where it can."""

    rows: Floats
    problems: pa.Array | None = None


@dataclass(frozen=True)
class Inputs:
    """What a model with these `features` is given: texts and numbers, each in the order met first.

    >>> inputs = Inputs(("country=FR", "country=PL", "orders"))
    >>> inputs.texts, inputs.numbers
    (('country',), ('orders',))
    """

    features: tuple[str, ...]

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """Names of the texts."""
        return tuple(dict.fromkeys(one.partition(IS)[0] for one in self.features if IS in one))

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """Names of the numbers."""
        return tuple(one for one in self.features if IS not in one)

    @property
    def signature(self) -> str:
        """The inputs in words, for messages."""
        return f"{_listed(self.texts, 'text')} and {_listed(self.numbers, 'number')}"

    def matrix(self, columns: Mapping[str, pa.Array]) -> Matrix:
        """The matrix of columns by name; other columns than the inputs are left alone.

        A number that is NULL makes its row impossible to score. A missing column, or one of
        another kind, does so for all rows.
        """
        count = len(next(iter(columns.values()))) if columns else 0
        missing = [name for name in (*self.texts, *self.numbers) if name not in columns]
        if missing:
            return _impossible(count, f"there is no field called {', '.join(missing[:3])}")
        rows = np.zeros((count, len(self.features)))
        absent: dict[str, Places] = {}
        try:
            for name in self.texts:
                self._fill_text(rows, name, columns[name])
            for name in self.numbers:
                column = columns[name]
                rows[:, self.features.index(name)] = _doubles(column)
                if column.null_count:
                    absent[name] = column.is_null().to_numpy(zero_copy_only=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
            return _impossible(count, f"{name} is of type {columns[name].type}")
        return Matrix(rows, _problems(count, absent))

    def from_lists(self, texts: pa.ListArray, numbers: pa.ListArray) -> Matrix:
        """The matrix of a list of texts and a list of numbers for each row, in order.

        A list of another length makes its row impossible to score.
        """
        lengths = [_lengths(lists) for lists in (texts, numbers)]
        wanted = len(self.texts), len(self.numbers)
        fits: Places = (lengths[0] == wanted[0]) & (lengths[1] == wanted[1])
        if fits.all():
            return self.matrix(self._unpacked(texts, numbers))
        problems = np.full(len(texts), None, object)
        for place in np.flatnonzero(~fits):
            got = f"{max(lengths[0][place], 0)} and {max(lengths[1][place], 0)}"
            problems[place] = f"it needs {self.signature}, but got {got}"
        rows = np.zeros((len(texts), len(self.features)))
        some = pa.array(fits)
        found = self.matrix(self._unpacked(texts.filter(some), numbers.filter(some)))
        rows[fits] = found.rows
        if found.problems is not None:
            problems[fits] = found.problems.to_numpy(zero_copy_only=False)
        return Matrix(rows, pa.array(problems, pa.string()))

    def _unpacked(self, texts: pa.ListArray, numbers: pa.ListArray) -> dict[str, pa.Array]:
        return _columns(self.texts, texts) | _columns(self.numbers, numbers)

    def _fill_text(self, rows: Floats, name: str, column: pa.Array) -> None:
        mine = [i for i, one in enumerate(self.features) if one.partition(IS)[:2] == (name, IS)]
        known = pa.array([self.features[i].partition(IS)[2] for i in mine], pa.string())
        found = pc.index_in(column.cast(pa.string()), value_set=known)
        codes = pc.fill_null(found, len(mine)).to_numpy(zero_copy_only=False)
        rows[:, mine] = np.eye(len(mine) + 1, len(mine))[codes]


def _columns(names: Sequence[str], lists: pa.ListArray) -> dict[str, pa.Array]:
    """Lists of equal length as columns."""
    flat, width = lists.flatten(), len(names)
    places = np.arange(0, len(flat), max(width, 1))
    return {name: flat.take(pa.array(places + i)) for i, name in enumerate(names)}


def _lengths(lists: pa.ListArray) -> npt.NDArray[np.int64]:
    found = pc.fill_null(pc.list_value_length(lists), -1)
    return np.asarray(found.to_numpy(zero_copy_only=False), np.int64)


def _doubles(column: pa.Array) -> Floats:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        raise pa.ArrowInvalid("a text is no number")
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)


def _problems(count: int, absent: Mapping[str, Places]) -> pa.Array | None:
    if not absent:
        return None
    problems = np.full(count, None, object)
    for name, places in reversed(list(absent.items())):
        problems[places] = f"{name} is NULL"
    return pa.array(problems, pa.string())


def _impossible(count: int, why: str) -> Matrix:
    return Matrix(np.zeros((count, 0)), pa.array([why] * count, pa.string()))


def _listed(names: Sequence[str], noun: str) -> str:
    if not names:
        return f"no {noun}"
    return f"{len(names)} {noun}{'' if len(names) == 1 else 's'} ({', '.join(names)})"
