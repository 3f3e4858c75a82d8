"""The Open Inference Protocol, version 2: a tensor of each feature, by its name.

See https://github.com/kserve/open-inference-protocol. Tensors come as JSON or in the protocol's
binary extension; answers are JSON. The outputs are `probability` (FP64) and `prediction` (INT32).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lakehouse.models.forest import Floats
from serving.rest.answers import Scored, encode
from serving.rest.door import Door
from serving.rest.errors import RestError
from serving.rest.exchange import Exchange
from serving.rest.records import require_columns, require_count
from serving.rest.routes import number, parse
from serving.rest.v2_messages import (
    InferAnswer,
    InferRequest,
    Input,
    Live,
    ModelMetadata,
    ModelReady,
    Ready,
    ServerMetadata,
    Tensor,
    TensorMetadata,
)
from serving.served import LoadedModel

_BINARY = b"inference-header-content-length"
_SIZE = "binary_data_size"
_TYPES = {
    "FP64": "<f8", "FP32": "<f4", "INT64": "<i8", "INT32": "<i4", "INT16": "<i2", "INT8": "i1",
    "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "BOOL": "?",
}  # fmt: skip
_OUTPUTS = ("probability", "prediction")


async def server(_: Door, exchange: Exchange) -> None:
    """What this server is."""
    await exchange.answer(encode(ServerMetadata()))


async def live(_: Door, exchange: Exchange) -> None:
    """The process answers."""
    await exchange.answer(encode(Live(live=True)))


async def ready(door: Door, exchange: Exchange) -> None:
    """200 with a model in service, else 503."""
    is_ready = door.models.ready()
    await exchange.answer(encode(Ready(is_ready)), 200 if is_ready else 503)


async def model_ready(door: Door, exchange: Exchange) -> None:
    """200 if the model, or one version of it, can answer."""
    model = await _chosen(door, exchange)
    await exchange.answer(encode(ModelReady(model.name, ready=True)))


async def metadata(door: Door, exchange: Exchange) -> None:
    """The model's inputs and outputs."""
    model = await _chosen(door, exchange)
    found = ModelMetadata(
        model.name,
        [str(model.version)],
        "cdrlake",
        [TensorMetadata(name, "FP64", [-1]) for name in model.features],
        [TensorMetadata("probability", "FP64", [-1]), TensorMetadata("prediction", "INT32", [-1])],
    )
    await exchange.answer(encode(found))


async def infer(door: Door, exchange: Exchange) -> None:
    """Score the records that the tensors describe."""
    body = await exchange.body(door.settings.max_body_kib * 1024)
    model = await _chosen(door, exchange)
    head, tail = _split(body, exchange.header(_BINARY))
    asked: InferRequest = parse(head, InferRequest)
    wanted = _wanted(asked)
    scored = door.score(model, _rows(asked, tail, model, door.settings.max_records))
    exchange.mark("score")
    found = InferAnswer(
        model.name, str(model.version), asked.id or exchange.request_id, _outputs(scored, wanted)
    )
    await exchange.answer(encode(found))
    door.record(scored, exchange.request_id, "v2")


async def _chosen(door: Door, exchange: Exchange) -> LoadedModel:
    version = exchange.path.get("version")
    return await door.choose(exchange.path["name"], None if version is None else number(version))


def _split(body: bytes, header: str) -> tuple[bytes, bytes]:
    """The JSON and the binary tensors behind it, as the header says."""
    if not header:
        return body, b""
    length = number(header) if header.isdigit() and len(header) < 10 else -1
    if not 0 <= length <= len(body):
        raise RestError(400, "Inference-Header-Content-Length is not a length within the body.")
    return body[:length], body[length:]


def _wanted(asked: InferRequest) -> tuple[str, ...]:
    if asked.outputs is None:
        return _OUTPUTS
    for output in asked.outputs:
        if output.name not in _OUTPUTS:
            raise RestError(422, f"There is no output {output.name!r:.80}.", "outputs")
    return tuple(output.name for output in asked.outputs)


def _rows(asked: InferRequest, tail: bytes, model: LoadedModel, most: int) -> Floats:
    require_columns([one.name for one in asked.inputs], model.features)
    columns, place = {}, 0
    for one in asked.inputs:
        size = one.parameters.get(_SIZE)
        if size is None:
            columns[one.name] = _from_json(one)
            continue
        if not isinstance(size, int) or not 0 <= size <= len(tail) - place:
            raise _refused(one, f"a {_SIZE} within the body")
        columns[one.name] = _from_bytes(one, tail[place : place + size])
        place += size
    counts = {len(column) for column in columns.values()}
    if len(counts) != 1:
        raise RestError(422, "All inputs must have the same number of records.", "inputs")
    require_count(counts.pop(), most)
    rows = np.stack([columns[name] for name in model.features], axis=1)
    if not np.isfinite(rows).all():
        name = model.features[int(np.argwhere(~np.isfinite(rows))[0][1])]
        raise RestError(422, f"Input {name!r:.80} must hold finite numbers.", name)
    return np.ascontiguousarray(rows)


def _from_json(one: Input) -> Floats:
    _require_type(one)
    data: list[Any] = one.data or []
    flat = [each for row in data for each in row] if _is_nested(data) else data
    return _shaped(one, np.array(flat, dtype=np.float64))


def _from_bytes(one: Input, data: bytes) -> Floats:
    kind = np.dtype(_require_type(one))
    if len(data) % kind.itemsize:
        raise _refused(one, f"whole values of the type {one.datatype}")
    return _shaped(one, np.frombuffer(data, kind).astype(np.float64))


def _shaped(one: Input, values: Floats) -> Floats:
    if one.shape not in ([len(values)], [len(values), 1]):
        raise _refused(one, f"the shape [{len(values)}] or [{len(values)}, 1]")
    return values


def _is_nested(data: list[Any]) -> bool:
    return bool(data) and isinstance(data[0], list)


def _require_type(one: Input) -> str:
    if one.datatype not in _TYPES:
        raise _refused(one, f"one of the types {', '.join(_TYPES)}")
    return _TYPES[one.datatype]


def _refused(one: Input, needed: str) -> RestError:
    return RestError(422, f"Input {one.name!r:.80} must have {needed}.", one.name[:80])


def _outputs(scored: Scored, wanted: tuple[str, ...]) -> list[Tensor]:
    shape = [len(scored.rows)]
    made = {
        "probability": Tensor("probability", "FP64", shape, [*scored.probabilities]),
        "prediction": Tensor("prediction", "INT32", shape, [*scored.predictions]),
    }
    return [made[name] for name in wanted]
