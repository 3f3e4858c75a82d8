"""Records as callers send them, by feature name, to rows as models score them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import msgspec
import numpy as np

from lakehouse.models.forest import Floats
from serving.rest.errors import RestError

_AT = re.compile(r"(?s)(.*) - at `\$(?:\[(\d+)\])?\.?(.*)`")
_MISSING = re.compile(r"(?s)Object missing required field `(.*)`")
_UNKNOWN = re.compile(r"(?s)Object contains unknown field `(.*)`")
_EXPECTED = re.compile(r"Expected `(\w+)(?: \| \w+)*`, got `(\w+)`")
_TYPES = {
    "float": "a number",
    "int": "a whole number",
    "str": "a string",
    "bool": "true or false",
    "null": "null",
    "object": "an object",
    "array": "a list",
}
_SHOWN = 80


class RecordReader:
    """Reads the records of a model with these features; `lax` takes numbers as strings, too.

    `record` is the type of one record: a struct with the features as its keys.
    """

    def __init__(self, features: tuple[str, ...], lax: bool = False) -> None:
        self.features = features
        self.record = record_type("Record", features)
        self._one = msgspec.json.Decoder(self.record, strict=not lax)
        self._many = msgspec.json.Decoder(list[self.record], strict=not lax)  # type: ignore[name-defined]

    def values(self, body: bytes) -> tuple[float, ...]:
        """One record's values in order, not yet known to be finite; raises `RestError` as `one`."""
        found: tuple[float, ...] = msgspec.structs.astuple(decoded(self._one.decode, body))
        return found

    def one(self, body: bytes | msgspec.Raw) -> Floats:
        """One record as a matrix of one row; raises `RestError` for anything else."""
        return self._rows([msgspec.structs.astuple(decoded(self._one.decode, body))])

    def many(self, body: bytes | msgspec.Raw, most: int) -> Floats:
        """A list of 1 to `most` records as a matrix; raises `RestError` for anything else."""
        records = decoded(self._many.decode, body)
        require_count(len(records), most)
        return self._rows(list(map(msgspec.structs.astuple, records)))

    def table(self, columns: Sequence[str], data: list[list[float]], most: int) -> Floats:
        """Rows whose values are in the order of `columns`; raises `RestError` for others."""
        require_columns(columns, self.features)
        require_count(len(data), most)
        for number, row in enumerate(data):
            if len(row) != len(columns):
                text = f"Record {number} has {len(row)} values for {len(columns)} columns."
                raise RestError(422, text, record=number)
        order = [columns.index(name) for name in self.features]
        return self._rows([tuple(row[place] for place in order) for row in data])

    def _rows(self, values: list[tuple[float, ...]]) -> Floats:
        shape = len(values), len(self.features)
        rows = np.fromiter(chain.from_iterable(values), np.float64).reshape(shape)
        require_finite(rows, self.features)
        return rows


def record_type(name: str, features: tuple[str, ...]) -> type[msgspec.Struct]:
    """A struct called `name` with the features as its keys, each a number."""
    keys = [f"f{number}" for number in range(len(features))]
    return msgspec.defstruct(
        name,
        [(key, float) for key in keys],
        rename=dict(zip(keys, features, strict=True)),
        forbid_unknown_fields=True,
        frozen=True,
        gc=False,
    )


@lru_cache(maxsize=256)
def reader(features: tuple[str, ...], lax: bool = False) -> RecordReader:
    """The reader of records with these features."""
    return RecordReader(features, lax)


def require_finite(rows: Floats, features: tuple[str, ...]) -> None:
    """Raise `RestError` for a value that is not finite."""
    if np.isfinite(rows).all():
        return
    record, place = np.argwhere(~np.isfinite(rows))[0].tolist()
    name, got = features[place], str(rows[record, place])
    text = f"Field {name!r:.{_SHOWN}} must be a finite number, and is {got}."
    raise RestError(422, text, name, record)


def require_count(count: int, most: int) -> None:
    """Raise `RestError` for a list without records or with more than `most`."""
    if not 0 < count <= most:
        raise RestError(422, f"A list may have 1 to {most:,} records, and this one has {count:,}.")


def require_columns(columns: Sequence[str], features: tuple[str, ...]) -> None:
    """Raise `RestError` unless `columns` are the features, each once, in any order."""
    for name in features:
        if name not in columns:
            raise RestError(422, f"Field {name!r:.{_SHOWN}} is missing.", name)
    for name in columns:
        if name not in features:
            raise RestError(422, f"Field {name!r:.{_SHOWN}} is not known to this model.", name)
    if len(columns) > len(features):
        raise RestError(422, "A column appears twice.")


def decoded(decode: Callable[[Any], Any], body: bytes | msgspec.Raw) -> Any:
    """What `decode` makes of a body.

    Raises `RestError`: 400 for what is not JSON, 422 naming the field for JSON of another form.
    """
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    except msgspec.DecodeError as error:
        raise RestError(400, f"The body is not JSON: {_sentence(str(error))}") from None
    except UnicodeDecodeError:
        raise RestError(400, "The body is not JSON: it is not valid UTF-8.") from None
    except RecursionError:
        raise RestError(400, "The body is nested too deeply.") from None


def _invalid(message: str) -> RestError:
    """A message of msgspec as a sentence of ours, with the field and the record."""
    at = _AT.fullmatch(message)
    record = int(at[2]) if at and at[2] else None
    said, place = (at[1], at[3]) if at else (message, "")
    where = "" if record is None else f" of record {record}"
    if found := _MISSING.fullmatch(said):
        name = found[1]
        return RestError(422, f"Field {name!r:.{_SHOWN}}{where} is missing.", name, record)
    if found := _UNKNOWN.fullmatch(said):
        name = found[1]
        text = f"Field {name!r:.{_SHOWN}}{where} is not known here."
        return RestError(422, text, name[:_SHOWN], record)
    subject = f"Field {place!r:.{_SHOWN}}{where}" if place else f"The body{where}"
    if found := _EXPECTED.match(said):
        wanted, got = (_TYPES.get(word, word) for word in found.groups())
        return RestError(422, f"{subject} must be {wanted}, and is {got}.", place or None, record)
    text = f"{subject} is not as required: {_sentence(said)}"
    return RestError(422, text, place or None, record)


def _sentence(text: str) -> str:
    return f"{text[:1].lower()}{text[1:200].rstrip('.')}."
