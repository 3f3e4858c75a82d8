"""The model file: one ONNX graph that holds forest, calibration and threshold, and nothing else.

Any ONNX runtime can score with it. Reading accepts only this one graph: the same operators in the
same order, all numbers inside the file, every index in bounds. So a file either describes a model
or is refused, and can never reach for another file, run code, or index outside an array.
"""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lakehouse.errors import ModelError
from lakehouse.models.calibration import VOTE_MIN, Calibration
from lakehouse.models.forest import LEAF, Floats, Forest, Integers, from_nodes
from lakehouse.models.forest_model import ForestModel, Naming

_OPSETS = {"": 21, "ai.onnx.ml": 5}
_IR_VERSION = 10
_BRANCH_LEQ = 0
_SUM = 1
_NODE_VALUES, _VOTES = "node_values", "_votes"
_NAME = re.compile(r"[a-z]+(_[a-z]+)?")
_OPERATORS = (
    "TreeEnsemble", "Sub", "Concat", "Div", "Clip", "Sub", "Div", "Log", "Mul", "Add", "Sigmoid",
    "Sub", "Concat", "GreaterOrEqual", "Cast",
)  # fmt: skip


def encode(model: ForestModel) -> bytes:
    """The model as an ONNX file.

    Input `features` (rows x features, double). Outputs `prediction` (0 or 1), `probability` and
    `votes` (rows x 2, double; the second column is the positive class).
    """
    graph = helper.make_graph(
        [_tree_ensemble(model), *_decision(model.naming)],
        model.naming.graph,
        [
            helper.make_tensor_value_info(
                "features", TensorProto.DOUBLE, [None, len(model.features)]
            )
        ],
        [
            helper.make_tensor_value_info("prediction", TensorProto.INT64, [None, 1]),
            helper.make_tensor_value_info("probability", TensorProto.DOUBLE, [None, 2]),
            helper.make_tensor_value_info("votes", TensorProto.DOUBLE, [None, 2]),
        ],
        [numpy_helper.from_array(value, name) for name, value in _constants(model).items()],
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSETS.items()]
    file = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)
    helper.set_model_props(file, {"features": json.dumps(model.features)})
    return bytes(file.SerializeToString(deterministic=True))


def decode(data: bytes) -> ForestModel:
    """The model that `encode` wrote. Raises `ModelError` for any other file."""
    try:
        file = onnx.load_model_from_string(data)
        return _read(file)
    except ModelError:
        raise
    except Exception as error:  # a hostile file fails in the parser's own ways
        raise _refused(f"{type(error).__name__}: {error}") from None


def _constants(model: ForestModel) -> dict[str, Any]:
    """Numbers of the graph apart from the trees, by name."""
    return {
        "trees": np.array(float(model.forest.trees)),
        "one": np.array(1.0),
        "vote_min": np.array(VOTE_MIN),
        "vote_max": np.array(1 - VOTE_MIN),
        "slope": np.array(model.calibration.slope),
        "offset": np.array(model.calibration.offset),
        "threshold": np.array(model.threshold),
        _NODE_VALUES: model.forest.value,
    }


def _decision(naming: Naming) -> list[onnx.NodeProto]:
    """From votes to probabilities and a prediction, in the terms of `Calibration`."""
    no, yes = naming.negative, naming.positive
    no_votes, yes_votes = f"{no}{_VOTES}", f"{yes}{_VOTES}"
    steps: list[tuple[str, list[str], str, dict[str, Any]]] = [
        ("Sub", ["trees", yes_votes], no_votes, {}),
        ("Concat", [no_votes, yes_votes], "votes", {"axis": 1}),
        ("Div", [yes_votes, "trees"], "vote", {}),
        ("Clip", ["vote", "vote_min", "vote_max"], "clipped", {}),
        ("Sub", ["one", "clipped"], "complement", {}),
        ("Div", ["clipped", "complement"], "odds", {}),
        ("Log", ["odds"], "log_odds", {}),
        ("Mul", ["log_odds", "slope"], "scaled", {}),
        ("Add", ["scaled", "offset"], "shifted", {}),
        ("Sigmoid", ["shifted"], yes, {}),
        ("Sub", ["one", yes], no, {}),
        ("Concat", [no, yes], "probability", {"axis": 1}),
        ("GreaterOrEqual", [yes, "threshold"], "reached", {}),
        ("Cast", ["reached"], "prediction", {"to": TensorProto.INT64}),
    ]
    return [helper.make_node(kind, inputs, [out], **more) for kind, inputs, out, more in steps]


def _tree_ensemble(model: ForestModel) -> onnx.NodeProto:
    """The trees in the terms of ONNX: inner nodes and leaves are numbered apart."""
    forest = model.forest
    inner = forest.left != LEAF
    number = np.where(inner, np.cumsum(inner) - 1, np.cumsum(~inner) - 1)
    left, right = forest.left[inner], forest.left[inner] + 1
    if not inner[forest.roots].all():
        raise ModelError(
            "forest", "trees that ask at least one question", "a lone leaf", "train on more rows"
        )
    return helper.make_node(
        "TreeEnsemble",
        ["features"],
        [f"{model.naming.positive}{_VOTES}"],
        domain="ai.onnx.ml",
        aggregate_function=_SUM,
        n_targets=1,
        post_transform=0,
        tree_roots=number[forest.roots].tolist(),
        nodes_featureids=forest.feature[inner].tolist(),
        nodes_modes=_tensor("nodes_modes", np.full(inner.sum(), _BRANCH_LEQ, np.uint8)),
        nodes_splits=_tensor("nodes_splits", forest.threshold[inner]),
        nodes_truenodeids=number[left].tolist(),
        nodes_trueleafs=(~inner[left]).astype(int).tolist(),
        nodes_falsenodeids=number[right].tolist(),
        nodes_falseleafs=(~inner[right]).astype(int).tolist(),
        leaf_targetids=[0] * int((~inner).sum()),
        leaf_weights=_tensor("leaf_weights", forest.value[~inner]),
    )


def _tensor(name: str, values: Any) -> TensorProto:
    return numpy_helper.from_array(values, name)


def _read(file: onnx.ModelProto) -> ForestModel:
    graph = file.graph
    opsets = {entry.domain: entry.version for entry in file.opset_import}
    _require("these operator sets", _OPSETS, opsets)
    _require("these operators", _OPERATORS, tuple(node.op_type for node in graph.node))
    _require("no functions", 0, len(file.functions) + len(file.training_info))
    _require("no sparse numbers", 0, len(graph.sparse_initializer))
    constants = {tensor.name: _array(tensor) for tensor in graph.initializer}
    features = tuple(str(name) for name in json.loads(file.metadata_props[0].value))
    trees = {entry.name: entry for entry in graph.node[0].attribute}
    model = ForestModel(
        features,
        _forest(trees, constants[_NODE_VALUES], len(features)),
        Calibration(float(constants["slope"]), float(constants["offset"])),
        float(constants["threshold"]),
        _naming(graph),
    )
    _require_sound(model)
    if encode(model) != file.SerializeToString(deterministic=True):
        raise _refused("a graph that this program does not write")
    return model


def _naming(graph: onnx.GraphProto) -> Naming:
    """The names that a file uses; no other tensor may share one, or the meaning would change."""
    voted, counted = graph.node[0].output[0], graph.node[1].output[0]
    found = Naming(graph.name, counted.removesuffix(_VOTES), voted.removesuffix(_VOTES))
    names = (found.graph, found.negative, found.positive)
    outputs = [name for node in graph.node for name in node.output]
    tensors = [*outputs, *(tensor.name for tensor in graph.initializer), graph.input[0].name]
    if not all(map(_NAME.fullmatch, names)) or len(set(tensors)) < len(tensors):
        raise _refused("names that stand for more than one thing")
    return found


def _require_sound(model: ForestModel) -> None:
    """Refuse numbers with which the forest would rank backwards or decide nothing."""
    curve, threshold = model.calibration, model.threshold
    if not (np.isfinite([curve.slope, curve.offset]).all() and curve.slope > 0):
        raise _refused(f"a calibration of slope {curve.slope:g} and offset {curve.offset:g}")
    if not 0 <= threshold <= 1:
        raise _refused(f"a threshold of {threshold:g}, which is no probability")
    value = model.forest.value
    if not ((value >= 0) & (value <= 1)).all():
        raise _refused("votes that are no shares")


def _forest(trees: dict[str, Any], values: Floats, features: int) -> Forest:
    splits = _array(trees["nodes_splits"].t)
    weights = _array(trees["leaf_weights"].t)
    inner, leaves = len(splits), len(weights)
    _require("a value for each node", inner + leaves, len(values))
    children = np.stack(
        [_children(trees, side, inner, leaves) for side in ("true", "false")], axis=1
    )
    roots = _integers(trees["tree_roots"], inner, inner)
    feature = _integers(trees["nodes_featureids"], features, inner)
    if not (np.isfinite(splits).all() and np.isfinite(values).all() and len(roots)):
        raise _refused("numbers that are not finite, or no tree")
    leaf = np.full(leaves, LEAF, np.int64)
    ordered = from_nodes(
        roots,
        np.concatenate([feature, leaf]),
        np.concatenate([splits, np.zeros(leaves)]),
        np.concatenate([children, np.stack([leaf, leaf], axis=1)]),
        np.zeros(inner + leaves),
    )
    _require("nodes that hang together", inner + leaves, ordered.nodes)
    return Forest(ordered.roots, ordered.feature, ordered.threshold, ordered.left, values)


def _children(trees: dict[str, Any], side: str, inner: int, leaves: int) -> Integers:
    """Numbers of the children on one side, with the leaves counted on after the inner nodes."""
    is_leaf = np.array(trees[f"nodes_{side}leafs"].ints, np.int64)
    number = np.array(trees[f"nodes_{side}nodeids"].ints, np.int64)
    _require("a child of each node", (inner, inner), (len(is_leaf), len(number)))
    limit = np.where(is_leaf == 1, leaves, inner)
    if not ((number >= 0) & (number < limit)).all():
        raise _refused("a child out of bounds")
    return np.where(is_leaf == 1, number + inner, number)


def _integers(attribute: Any, limit: int, most: int) -> Integers:
    values = np.array(attribute.ints, np.int64)
    if len(values) > most or not ((values >= 0) & (values < limit)).all():
        raise _refused(f"{attribute.name} out of bounds")
    return values


def _array(tensor: TensorProto) -> Any:
    if tensor.external_data or tensor.data_location != TensorProto.DEFAULT:
        raise _refused(f"{tensor.name} in another file")
    return numpy_helper.to_array(tensor)


def _require(what: str, needed: object, got: object) -> None:
    if needed != got:
        raise _refused(f"{got} where {what} is {needed}")


def _refused(got: str) -> ModelError:
    return ModelError(
        "model file", "a forest as cdrlake writes it", got[:200], "register the model again"
    )
