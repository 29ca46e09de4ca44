"""The artifact's contract (README): names, order, shapes, gates, targets; answers against PyTorch."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

import onnxcam
from onnxcam.errors import TargetError
from onnxcam_export import export
from support import reference
from support.models import written
from support.networks import small

LAYERS = ("relu", "block", "stem")
ADDED = [
    "onnxcam.scores",
    "onnxcam.class_index",
    *(f"onnxcam.{kind}/{layer}" for kind in ("activations", "gradients", "grad_cam") for layer in LAYERS),
    "onnxcam.guided_gradients",
    *(f"onnxcam.guided_grad_cam/{layer}" for layer in LAYERS),
]


def dims(value: onnx.ValueInfoProto) -> list[int | str]:
    return [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The small network by PyTorch's exporter alone."""
    return written(small(), 16, tmp_path_factory.mktemp("plain") / "plain.onnx")


def test_it_is_valid_and_plain_onnx(small_report, small_flat):
    for report in (small_report, small_flat):
        onnx.checker.check_model(str(report.path), full_check=True)
        model = onnx.load(report.path)
        assert {opset.domain for opset in model.opset_import} == {""}
        assert {node.domain for node in every_node(model.graph)} == {""}
        assert not model.functions


def test_it_leaves_nothing_to_warn_of(small_report, small_flat, capfd):
    """But for the defaults of the added inputs, which cannot be constants."""
    for report in (small_report, small_flat):
        onnxruntime.InferenceSession(report.path, providers=["CPUExecutionProvider"])
        warnings = [line for line in capfd.readouterr().err.splitlines() if "W:onnxruntime" in line]
        assert not [line for line in warnings if "appears in graph inputs" not in line]


def test_it_states_the_lowest_ir_version(small_report):
    model = onnx.load(small_report.path)
    assert model.ir_version == onnx.helper.find_min_ir_version_for(model.opset_import) == 9


def test_nodes_that_other_runtimes_misread_are_spelt_differently(small_report, small_flat):
    for report in (small_report, small_flat):
        nodes = list(every_node(onnx.load(report.path).graph))
        sigmoids = [onnx.helper.get_node_attr_value(n, "beta") for n in nodes if n.op_type == "HardSigmoid"]
        assert sigmoids
        assert all(beta != 0 for beta in sigmoids)
        slopes = [onnx.helper.get_node_attr_value(n, "alpha") for n in nodes if n.op_type == "HardSigmoid"]
        assert max(slopes) < 1e31
        constants = [onnx.helper.get_node_attr_value(node, "value") for node in nodes if node.op_type == "Constant"]
        assert all(0 not in tensor.dims for tensor in constants)


def test_inputs(small_report, small_flat):
    inputs = {value.name: value for value in onnx.load(small_report.path).graph.input}
    assert next(iter(inputs)) == "x"
    assert set(inputs) == {"x", "onnxcam.target", "onnxcam.seed", "onnxcam.level"}
    assert dims(inputs["onnxcam.seed"])[1:] == [5]
    assert dims(inputs["x"]) == ["batch", 3, 16, 16]
    assert dims(inputs["onnxcam.level"]) == []
    assert len(dims(inputs["onnxcam.target"])) == 1
    assert {value.name for value in onnx.load(small_flat.path).graph.input} == {"x", "onnxcam.target", "onnxcam.seed"}


def test_defaults_of_the_added_inputs(small_report):
    initializers = {
        tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(small_report.path).graph.initializer
    }
    assert initializers["onnxcam.level"].tolist() == 0
    assert initializers["onnxcam.target"].tolist() == [-1]
    assert initializers["onnxcam.seed"].shape == (0, 5)


def test_outputs(small_report, small_flat):
    for report in (small_report, small_flat):
        outputs = {value.name: dims(value) for value in onnx.load(report.path).graph.output}
        original, *added = outputs
        assert added == ADDED
        assert outputs[original] == ["batch", 5]
        assert outputs["onnxcam.scores"] == ["batch", 5]
        assert outputs["onnxcam.activations/block"][1:] == outputs["onnxcam.gradients/block"][1:] == [8, 8, 8]
        assert outputs["onnxcam.guided_gradients"][1:] == [3, 16, 16]


def test_gradients_state_their_rows(small_report, small_flat):
    """ONNX Runtime plans its memory by that."""
    graph = onnx.load(small_report.path).graph
    (gate,) = (node for node in graph.node if node.op_type == "If")
    explain = next(attribute.g for attribute in gate.attribute if attribute.name == "then_branch")
    for shapes in (explain.value_info, onnx.load(small_flat.path).graph.value_info):
        assert ["explained", 8, 8, 8] in [dims(value) for value in shapes if "onnxcam/" in value.name]


def test_without_the_added_inputs_it_answers_as_before(small_report, plain, run, images):
    session = onnxruntime.InferenceSession(plain, providers=["CPUExecutionProvider"])
    image = images(3)
    artifact = run(small_report.path, x=image)
    (before,) = session.get_outputs()
    assert before.name == next(iter(artifact))
    np.testing.assert_allclose(artifact[before.name], session.run(None, {"x": image})[0], rtol=1e-5, atol=1e-5)
    assert [value.name for value in session.get_inputs()] == ["x"]


def test_closed_gates_have_zero_rows(small_report, run, images):
    shapes = {"relu": (12, 4, 4), "block": (8, 8, 8), "stem": (8, 16, 16)}
    for level, rows in ((0, (0, 0, 0)), (1, (2, 2, 0)), (2, (2, 2, 2)), (3, (2, 2, 2)), (-1, (0, 0, 0))):
        answers = run(small_report.path, **{"x": images(2), "onnxcam.level": level})
        assert answers["onnxcam.scores"].shape == (2, 5)
        assert answers["onnxcam.class_index"].shape == (2,)
        for layer, shape in shapes.items():
            assert answers[f"onnxcam.activations/{layer}"].shape == (rows[0], *shape)
            assert answers[f"onnxcam.gradients/{layer}"].shape == (rows[1], *shape)
        assert answers["onnxcam.guided_gradients"].shape == (rows[2], 3, 16, 16)


def test_answers_do_not_depend_on_the_level(small_report, run, images):
    nothing, everything = (run(small_report.path, **{"x": images(2), "onnxcam.level": level}) for level in (0, 2))
    for name in ("onnxcam.scores", "onnxcam.class_index", next(iter(nothing))):
        np.testing.assert_array_equal(nothing[name], everything[name])


@pytest.mark.parametrize(("count", "target"), [(1, [3]), (3, [0, 4, 2]), (3, [1]), (1, [0, 1, 2, 3, 4]), (1, [2, 2])])
def test_targets(small_report, small_module, explain, images, count, target):
    """T = N, T = 1, and N = 1 with any T."""
    image = images(count)
    got = explain(small_report, image, target)
    each = target if len(target) >= count else target * count
    expected = reference.explain(small_module, image, each, LAYERS)
    assert got.class_index.tolist() == each
    assert reference.relative_error(got.scores, expected.scores) < 1e-5
    for layer in LAYERS:
        assert reference.relative_error(got.activations[layer], expected.activations[layer]) < 1e-5
        assert reference.relative_error(got.gradients[layer], expected.gradients[layer]) < 1e-5
    assert reference.relative_error(got.guided, expected.guided) < 1e-5


def test_ranks(small_report, explain, images):
    image = images(3)
    order = np.argsort(-explain(small_report, image, level=0).scores, axis=1)
    assert explain(small_report, image).class_index.tolist() == order[:, 0].tolist()
    assert explain(small_report, image, -2).class_index.tolist() == order[:, 1].tolist()
    assert explain(small_report, image, [-5, 2, -1]).class_index.tolist() == [order[0, 4], 2, order[2, 0]]
    assert explain(small_report, image[:1], [-1, -3, 0, -2]).class_index.tolist() == [*order[0, [0, 2]], 0, order[0, 1]]


def test_a_rank_explains_as_its_class_does(small_report, explain, images):
    ranked = explain(small_report, images(2), -2)
    named = explain(small_report, images(2), ranked.class_index.tolist())
    np.testing.assert_array_equal(ranked.guided, named.guided)
    np.testing.assert_array_equal(ranked.gradients["stem"], named.gradients["stem"])


def test_many_targets_are_each_target_alone(small_report, explain, images):
    together = explain(small_report, images(1), [4, 0, 2])
    assert together.activations["block"].shape == (1, 8, 8, 8)
    assert together.gradients["block"].shape == (3, 8, 8, 8)
    for row, target in enumerate([4, 0, 2]):
        alone = explain(small_report, images(1), target)
        np.testing.assert_allclose(together.guided[row], alone.guided[0], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(together.gradients["block"][row], alone.gradients["block"][0], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(together.guided_grad_cam()[row], alone.guided_grad_cam()[0], rtol=1e-4, atol=1e-6)


def test_a_batch_is_each_image_alone(small_report, explain, images):
    together = explain(small_report, images(3), [4, 0, 2])
    for row, target in enumerate([4, 0, 2]):
        alone = explain(small_report, images(3)[row : row + 1], target)
        np.testing.assert_allclose(together.guided[row], alone.guided[0], rtol=1e-4, atol=1e-6)


def test_targets_that_do_not_fit(small_report, explain, images):
    with pytest.raises(TargetError, match="2 targets do not fit 3 images"):
        explain(small_report, images(3), [0, 1])


def test_flat_is_the_same_without_gates(small_report, small_flat, explain, images):
    assert small_flat.metadata.flat
    kinds = {node.op_type for node in every_node(onnx.load(small_flat.path).graph)}
    assert "If" not in kinds
    for target in (-1, [3, 1]):
        gated, flat = (explain(report, images(2), target) for report in (small_report, small_flat))
        np.testing.assert_allclose(flat.scores, gated.scores, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(flat.guided, gated.guided, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(flat.gradients["stem"], gated.gradients["stem"], rtol=1e-4, atol=1e-6)
    assert explain(small_flat, images(1), [0, 1, 2]).guided.shape == (3, 3, 16, 16)


def test_weights_are_stored_once(small_report, plain):
    """Also nothing else of any size is: masks and matrices are computed in the graph."""
    weights = 4 * sum(int(np.prod(tensor.dims)) for tensor in onnx.load(plain).graph.initializer)
    stored = 4 * sum(int(np.prod(tensor.dims)) for tensor in onnx.load(small_report.path).graph.initializer)
    assert stored < weights + 2500  # pooling's matrices of 16 x 8 and 4 x 4, shapes, and single numbers


def test_a_single_class(tmp_path, explain, images):
    module = small(classes=1)
    report = export(module, tmp_path / "m.onnx", input_shape=(3, 16, 16), layers="block")
    got = explain(report, images(2))
    expected = reference.explain(module, images(2), [0, 0], ["block"])
    assert got.scores.shape == (2, 1)
    assert got.class_index.tolist() == [0, 0]
    assert reference.relative_error(got.guided, expected.guided) < 1e-5


def test_the_runtime_finds_all_it_needs_in_the_file(small_report):
    metadata = onnxcam.Explainer(small_report.path.read_bytes()).metadata
    assert [layer.name for layer in metadata.layers] == list(LAYERS)
    assert metadata == small_report.metadata


def every_node(graph: onnx.GraphProto):
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from every_node(attribute.g)


@pytest.mark.parametrize(
    "form", [{"level": 0}, {"level": 2}, {"inputs": "required"}, {"level": 1, "inputs": "required"}]
)
def test_every_form_passes_the_full_check(small_report, form, tmp_path):
    path = tmp_path / "form.onnx"
    path.write_bytes(onnxcam.adapt(small_report.path, **form))
    onnx.checker.check_model(str(path), full_check=True)
