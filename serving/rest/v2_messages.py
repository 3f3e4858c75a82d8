"""The messages of the Open Inference Protocol, version 2."""

from __future__ import annotations

from typing import Any

import msgspec

from lakehouse.version import VERSION

Number = float | bool


class Input(msgspec.Struct, frozen=True):
    """One feature of all records: a tensor of the shape [n] or [n, 1]."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Number | list[Number]] | None = None
    parameters: dict[str, Any] = {}


class Output(msgspec.Struct, frozen=True):
    """An output that is asked for by its name."""

    name: str
    parameters: dict[str, Any] = {}


class InferRequest(msgspec.Struct, frozen=True):
    """A request of the protocol; without `outputs`, all are returned."""

    inputs: list[Input]
    id: str | None = None
    outputs: list[Output] | None = None
    parameters: dict[str, Any] = {}


class Tensor(msgspec.Struct, frozen=True):
    """An output with its values."""

    name: str
    datatype: str
    shape: list[int]
    data: list[float | int]


class InferAnswer(msgspec.Struct, frozen=True):
    """An answer of the protocol."""

    model_name: str
    model_version: str
    id: str
    outputs: list[Tensor]


class ServerMetadata(msgspec.Struct, frozen=True):
    """What this server is."""

    name: str = "cdrlake"
    version: str = VERSION
    extensions: tuple[str, ...] = ("binary_tensor_data",)


class Live(msgspec.Struct, frozen=True):
    """Whether the process answers."""

    live: bool


class Ready(msgspec.Struct, frozen=True):
    """Whether a model is in service."""

    ready: bool


class ModelReady(msgspec.Struct, frozen=True):
    """Whether this model is in service."""

    name: str
    ready: bool


class TensorMetadata(msgspec.Struct, frozen=True):
    """A tensor that a model takes or returns; -1 stands for the number of records."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(msgspec.Struct, frozen=True):
    """What a model takes and returns."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
