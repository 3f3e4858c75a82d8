from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from lakehouse.errors import ModelError
from lakehouse.models import onnx_file
from lakehouse.models.calibration import Calibration
from lakehouse.models.forest import LEAF, from_nodes
from lakehouse.models.forest_model import ForestModel, Naming
from lakehouse.models.forest_scorer import ForestScorer

L = LEAF


def model() -> ForestModel:
    """Two trees over two features, one deeper than the other."""
    forest = from_nodes(
        roots=np.array([0, 5]),
        feature=np.array([0, 1, 0, 0, 0, 1, 0, 0]),
        threshold=np.array([0.5, -1.25, 0, 0, 0, 2.0, 0, 0]),
        children=np.array([[1, 2], [3, 4], [L, L], [L, L], [L, L], [6, 7], [L, L], [L, L]]),
        value=np.array([0.4, 0.3, 0.8, 0.1, 0.45, 0.5, 0.05, 0.95]),
    )
    return ForestModel(("days_silent", "calls"), forest, Calibration(1.3, -0.7), 0.25)


def test_the_file_reads_back_as_the_same_model() -> None:
    written = model()
    read = onnx_file.decode(onnx_file.encode(written))
    assert (read.features, read.threshold) == (written.features, written.threshold)
    assert read.calibration == written.calibration
    for name in ("roots", "feature", "threshold", "left", "value"):
        assert np.array_equal(getattr(read.forest, name), getattr(written.forest, name)), name


def test_an_onnx_runtime_scores_the_file_as_the_kernel_does() -> None:
    rows = np.random.default_rng(0).normal(scale=2, size=(1_000, 2))
    session = onnxruntime.InferenceSession(onnx_file.encode(model()))
    prediction, probability, votes = session.run(None, {"features": rows})
    scores = ForestScorer(model()).score(rows)
    assert np.abs(votes[:, 1] - scores.raw).max() < 1e-12
    assert np.abs(probability[:, 1] - scores.probability).max() < 1e-12
    assert np.array_equal(prediction[:, 0], scores.prediction)
    assert np.abs(probability.sum(axis=1) - 1).max() < 1e-12


def test_the_file_passes_the_checker_of_onnx() -> None:
    onnx.checker.check_model(onnx.load_model_from_string(onnx_file.encode(model())))


def trees(file: onnx.ModelProto) -> dict[str, onnx.AttributeProto]:
    return {entry.name: entry for entry in file.graph.node[0].attribute}


def tensor(file: onnx.ModelProto, name: str) -> onnx.TensorProto:
    return next(one for one in file.graph.initializer if one.name == name)


def out_of_bounds_child(file: onnx.ModelProto) -> None:
    trees(file)["nodes_truenodeids"].ints[0] = 10**9


def negative_feature(file: onnx.ModelProto) -> None:
    trees(file)["nodes_featureids"].ints[0] = -1


def unknown_feature(file: onnx.ModelProto) -> None:
    trees(file)["nodes_featureids"].ints[0] = 2


def root_out_of_bounds(file: onnx.ModelProto) -> None:
    trees(file)["tree_roots"].ints[0] = 77


def circle(file: onnx.ModelProto) -> None:
    trees(file)["nodes_truenodeids"].ints[0] = 0
    trees(file)["nodes_trueleafs"].ints[0] = 0


def shared_leaf(file: onnx.ModelProto) -> None:
    trees(file)["nodes_truenodeids"].ints[1] = trees(file)["nodes_falsenodeids"].ints[1]


def not_a_number(file: onnx.ModelProto) -> None:
    values = np.full(len(model().forest.value), np.nan)
    tensor(file, "node_values").CopyFrom(numpy_helper.from_array(values, "node_values"))


def infinite_threshold(file: onnx.ModelProto) -> None:
    splits = numpy_helper.from_array(np.array([np.inf, 0.0, 1.0]), "nodes_splits")
    trees(file)["nodes_splits"].t.CopyFrom(splits)


def external_data(file: onnx.ModelProto) -> None:
    constant = tensor(file, "node_values")
    onnx.external_data_helper.set_external_data(constant, "../../etc/passwd")
    constant.data_location = TensorProto.EXTERNAL


def external_splits(file: onnx.ModelProto) -> None:
    trees(file)["nodes_splits"].t.data_location = TensorProto.EXTERNAL


def foreign_operator(file: onnx.ModelProto) -> None:
    file.graph.node[1].op_type = "MatMul"


def custom_domain(file: onnx.ModelProto) -> None:
    file.graph.node[1].domain = "com.example.evil"
    file.opset_import.append(helper.make_opsetid("com.example.evil", 1))


def function(file: onnx.ModelProto) -> None:
    file.functions.append(onnx.FunctionProto(name="f", domain="local"))


def another_output(file: onnx.ModelProto) -> None:
    file.graph.output.append(helper.make_tensor_value_info("x", TensorProto.DOUBLE, [1]))


def rewired(file: onnx.ModelProto) -> None:
    file.graph.node[3].input[0] = "votes"


def no_features(file: onnx.ModelProto) -> None:
    del file.metadata_props[:]


def features_that_are_code(file: onnx.ModelProto) -> None:
    file.metadata_props[0].value = "__import__('os').system('true')"


def missing_threshold(file: onnx.ModelProto) -> None:
    tensor(file, "threshold").name = "other"


def other_leaf_weight(file: onnx.ModelProto) -> None:
    weights = numpy_helper.from_array(np.full(5, 0.9), "leaf_weights")
    trees(file)["leaf_weights"].t.CopyFrom(weights)


def constant(name: str, value: float) -> Callable[[onnx.ModelProto], None]:
    def harm(file: onnx.ModelProto) -> None:
        tensor(file, name).CopyFrom(numpy_helper.from_array(np.array(value), name))

    harm.__name__ = f"{name}_{value:g}"
    return harm


def renamed(old: str, new: str) -> Callable[[onnx.ModelProto], None]:
    """Another name of a tensor, wherever it is read or written."""

    def harm(file: onnx.ModelProto) -> None:
        for node in file.graph.node:
            for names in (node.input, node.output):
                names[:] = [new if name == old else name for name in names]

    harm.__name__ = f"{old}_is_{new}"
    return harm


def votes_beyond_one(file: onnx.ModelProto) -> None:
    values = np.where(model().forest.left == LEAF, 7.0, 0.5)
    tensor(file, "node_values").CopyFrom(numpy_helper.from_array(values, "node_values"))
    weights = numpy_helper.from_array(np.full(5, 7.0), "leaf_weights")
    trees(file)["leaf_weights"].t.CopyFrom(weights)


HOSTILE: list[Callable[[onnx.ModelProto], None]] = [
    out_of_bounds_child, negative_feature, unknown_feature, root_out_of_bounds, circle, shared_leaf,
    not_a_number, infinite_threshold, external_data, external_splits, foreign_operator,
    custom_domain, function, another_output, rewired, no_features, features_that_are_code,
    missing_threshold, other_leaf_weight, votes_beyond_one,
    *(constant("slope", value) for value in (np.nan, np.inf, -1.0, 0.0)),
    *(constant("offset", value) for value in (np.nan, -np.inf)),
    *(constant("threshold", value) for value in (np.nan, -0.1, 1.1, np.inf)),
    renamed("positive", "odds"), renamed("positive", "one"), renamed("negative", "x; rm"),
]  # fmt: skip


@pytest.mark.parametrize("harm", HOSTILE, ids=lambda harm: harm.__name__)
def test_any_other_graph_is_refused(harm: Callable[[onnx.ModelProto], None]) -> None:
    file = onnx.load_model_from_string(onnx_file.encode(model()))
    harm(file)
    with pytest.raises(ModelError):
        onnx_file.decode(file.SerializeToString())


@pytest.mark.parametrize("data", [b"", b"not a model", b"\x80\x04cos\nsystem\n."], ids=repr)
def test_bytes_that_are_no_model_are_refused(data: bytes) -> None:
    with pytest.raises(ModelError):
        onnx_file.decode(data)


def test_a_file_of_other_names_is_the_same_model_and_is_written_back_as_it_was() -> None:
    named = replace(model(), naming=Naming("old_forest", "stay", "leave"))
    read = onnx_file.decode(onnx_file.encode(named))
    assert read.naming == named.naming
    assert onnx_file.encode(read) == onnx_file.encode(named) != onnx_file.encode(model())
    rows = np.random.default_rng(0).normal(scale=2, size=(100, 2))
    assert np.array_equal(ForestScorer(read).score(rows).raw, ForestScorer(model()).score(rows).raw)
