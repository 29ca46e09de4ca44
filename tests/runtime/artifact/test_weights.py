"""The layers of a finished file, from the scores backwards."""

import pytest

import onnxcam
from onnxcam.artifact import wire
from onnxcam.artifact.graph import Graph, Node, Tensor, main_graph
from onnxcam.artifact.weights import _layers, weighted_layers


def names(path):
    return [layer.name for layer in weighted_layers(path)]


@pytest.mark.parametrize("name", ["toy", "plain", "pooled", "flat"])
def test_the_last_layer_comes_first(data, name):
    assert names(data / f"{name}.onnx") == ["fc_weight", "conv_weight"]


def test_the_default_model_from_the_classifier_to_the_stem():
    found = names(onnxcam.default_model())
    assert len(found) == 50
    assert found[:3] == ["network._fc.weight", "network._conv_head.weight", "network._blocks.15._project_conv.weight"]
    assert found[-1].endswith("network._conv_stem.weight")


def test_large_weights_are_stored_once_and_small_ones_in_each_branch():
    layers = weighted_layers(onnxcam.default_model())
    (large,), (small,) = layers[0].weights, layers[-1].weights
    assert (len(large), len(small)) == (1, 2)
    content = onnxcam.default_model().read_bytes()
    first, second = (content[weight.start : weight.end] for weight in small)
    assert first == second


def node(operator, inputs, output):
    return Node(operator, tuple(inputs.split()), (output,), {})


def stored(*names_of):
    return {name: Tensor(name, 1, (index, index + 4)) for index, name in enumerate(names_of)}


def test_what_is_no_weight_of_the_scores_is_left_out():
    nodes = (
        node("Conv", "image w1 bias", "a"),
        node("Transpose", "w2", "w2_t"),
        node("MatMul", "a w2_t", "scores"),
        node("MatMul", "scores w3", "elsewhere"),
        node("MatMul", "a a", "product"),
    )
    graph = Graph(nodes, stored("w1", "w2", "w3", "bias"), ("scores",))
    assert [[weight.name for weight in layer] for layer in _layers("scores", (graph,))] == [["w2"], ["w1"]]


def test_a_shared_weight_belongs_to_the_last_layer_that_has_it():
    nodes = (node("Conv", "image w", "a"), node("Conv", "a v", "b"), node("Conv", "b w", "scores"))
    graph = Graph(nodes, stored("w", "v"), ("scores",))
    assert [[weight.name for weight in layer] for layer in _layers("scores", (graph,))] == [["w"], ["v"]]


def test_what_is_no_graph_is_damaged():
    for content in (b"", b"\x00", wire.field(8, b"x"), b"\xff" * 20):
        with pytest.raises(wire.DamagedError):
            main_graph(content)
