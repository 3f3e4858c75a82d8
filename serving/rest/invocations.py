"""`GET /ping` and `POST /invocations`: what MLflow's server and SageMaker's containers speak."""

from __future__ import annotations

import csv
import io
from typing import Any

import msgspec

from lakehouse.models.forest import Floats
from serving.rest.answers import Item, encode
from serving.rest.door import Door
from serving.rest.errors import RestError
from serving.rest.exchange import Exchange
from serving.rest.records import reader
from serving.rest.routes import parse
from serving.served import LoadedModel

CSV, JSON = "text/csv", "application/json"
_MOST_COLUMNS = 4_096
_ABSENT = msgspec.Raw(b"")


class Split(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rows with the names of their columns, as `DataFrame.to_dict(orient="split")` writes them."""

    columns: list[str]
    data: list[list[float]]
    index: list[Any] | None = None


class Invocation(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Exactly one of these; records and instances are lists of objects by feature name."""

    dataframe_split: Split | None = None
    dataframe_records: msgspec.Raw = _ABSENT
    instances: msgspec.Raw = _ABSENT
    params: dict[str, Any] | None = None


_FORMS = ("dataframe_split", "dataframe_records", "instances")
_RECORDS = {"type": "array", "items": {"type": "object"}, "minItems": 1}
# What the page shows of `Invocation`.
BODY: dict[str, Any] = {
    "type": "object",
    "properties": {
        "dataframe_split": Split,
        "dataframe_records": _RECORDS,
        "instances": _RECORDS,
        "params": {"type": "object"},
    },
    "additionalProperties": False,
    "oneOf": [{"required": [name]} for name in _FORMS],
}


class Ping(msgspec.Struct, frozen=True):
    """`ok` with a model in service."""

    status: str


class Answer(msgspec.Struct, frozen=True):
    """One entry per record, in order."""

    predictions: list[Item]


async def ping(door: Door, exchange: Exchange) -> None:
    """200 with a model in service, else 503."""
    is_ready = door.models.ready()
    await exchange.answer(encode(Ping("ok" if is_ready else "no model")), 200 if is_ready else 503)


async def invocations(door: Door, exchange: Exchange) -> None:
    """Score a frame of records with the champion of `serving.invocations_model`."""
    body = await exchange.body(door.settings.max_body_kib * 1024)
    model = await door.choose(default_model(door))
    media = exchange.header(b"content-type").partition(";")[0].strip().lower()
    most = door.settings.max_records
    if media == CSV:
        rows = _from_csv(body, model, most)
    elif media in (JSON, ""):
        rows = _from_json(body, model, most)
    else:
        raise RestError(415, f"A body must be {JSON} or {CSV}, and this one is {media[:60]!r}.")
    scored = door.score(model, rows)
    exchange.mark("score")
    pairs = zip(scored.predictions, scored.probabilities, strict=True)
    await exchange.answer(encode(Answer([Item(*pair) for pair in pairs])))
    door.record(scored, exchange.request_id, "invocations")


def default_model(door: Door) -> str:
    """The model behind routes that name none."""
    chosen = door.settings.invocations_model
    if chosen is None and not door.models.names:
        raise RestError(404, "There is no model.")
    return chosen or door.models.names[0]


def _from_json(body: bytes, model: LoadedModel, most: int) -> Floats:
    asked: Invocation = parse(body, Invocation)
    split, lists = asked.dataframe_split, [asked.dataframe_records, asked.instances]
    given = [one for one in lists if bytes(one)]
    if len(given) + (split is not None) != 1:
        text = "The body must have one of dataframe_split, dataframe_records and instances."
        raise RestError(422, text)
    read = reader(model.features)
    if split is None:
        return read.many(given[0], most)
    return read.table(split.columns, split.data, most)


def _from_csv(body: bytes, model: LoadedModel, most: int) -> Floats:
    try:
        lines = csv.reader(io.StringIO(body.decode(), newline=""), strict=True)
        header = next(lines, [])
        rows = [line for line in lines if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise RestError(400, f"The body is not CSV: {str(error)[:120]}.") from None
    if not 0 < len(header) <= _MOST_COLUMNS:
        raise RestError(422, "The first line must name the features.")
    data = [
        [_number(text, name, number) for text, name in zip(row, header, strict=False)]
        + [0.0] * max(len(row) - len(header), 0)
        for number, row in enumerate(rows[: most + 1])
    ]
    return reader(model.features).table(header, data, most)


def _number(text: str, name: str, record: int) -> float:
    try:
        return float(text)
    except ValueError:
        said = f"Field {name!r:.80} of record {record} must be a number, and is {text!r:.40}."
        raise RestError(422, said, name[:80], record) from None
