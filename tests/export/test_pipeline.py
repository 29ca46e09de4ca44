from __future__ import annotations

import dataclasses
import math
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

import onnxcam
from onnxcam.errors import OutputError
from onnxcam_export import (
    PLAIN,
    ExportError,
    OperatorError,
    ParityError,
    Preprocessing,
    ScoreError,
    ShapeError,
    SourceError,
    TargetLayerError,
    candidates,
    deconvnet,
    export,
    guided,
    rule,
)
from onnxcam_export.differentiate.tables import InputGradient
from onnxcam_export.pipeline import Plan, run
from onnxcam_export.read.pytorch.from_torch import capture
from support import reference

KINDS = ("activations", "gradients", "grad_cam", "guided_grad_cam")


def test_the_report(small_report):
    metadata = small_report.metadata
    assert small_report.size == small_report.path.stat().st_size
    assert metadata.image.name == "x"
    assert metadata.image.shape == (3, 16, 16)
    assert [(layer.name, layer.shape) for layer in metadata.layers] == [
        ("relu", (12, 4, 4)),
        ("block", (8, 8, 8)),
        ("stem", (8, 16, 16)),
    ]
    assert metadata.cam_layer == "relu"
    assert metadata.source.kind == "torch.nn.Module"
    assert metadata.source.name == "Small"
    assert metadata.verification.reference.startswith("PyTorch")
    errors = metadata.verification.errors
    assert {name for name in errors if name.startswith("onnxcam.")} == {
        "onnxcam.scores",
        "onnxcam.guided_gradients",
        *(f"onnxcam.{kind}/{name}" for kind in KINDS for name in ("relu", "block", "stem")),
    }
    assert max(errors.values()) < 1e-5
    for words in (
        "relu [12, 4, 4]",
        "CAM at relu",
        "verified against PyTorch",
        "onnxcam.guided_gradients",
        "customary",
    ):
        assert words in str(small_report)


def test_the_golden_check_passes(small_report):
    golden = small_report.metadata.golden
    assert golden.layer == "relu"
    assert set(golden.tolerances) == {"scores", "grad_cam", "guided_backprop"}
    explanation = onnxcam.Explainer(small_report.path)
    assert explanation.metadata.golden == golden


def test_the_default_is_the_last_map(small_module, tmp_path, explain, images):
    report = export(small_module, tmp_path / "m.onnx", input_shape=(3, 16, 16))
    assert [layer.name for layer in report.metadata.layers] == ["relu"]
    assert explain(report, images(1)).cam().shape == (1, 4, 4)


def test_class_activation_mapping(small_module, small_report, explain, images):
    """sum_k w_k A^k, with the weights that PyTorch holds."""
    explanation = explain(small_report, images(2), [3, 1])
    weights = small_module.head.weight.detach().numpy()[[3, 1]]
    expected = np.einsum("nk,nkhw->nhw", weights, explanation.activations["relu"])
    np.testing.assert_allclose(explanation.cam(), expected, rtol=1e-4, atol=1e-5)


def test_layers_by_module_value_and_node(small_module, small_report, tmp_path, explain, images):
    value = next(layer.value for layer in small_report.metadata.layers if layer.name == "block")
    nodes = capture(small_module, {"x": (3, 16, 16)}).model.graph
    node = next(node.name for node in nodes if value in [output.name for output in node.outputs])
    report = export(small_module, tmp_path / "m.onnx", input_shape=(3, 16, 16), layers=[value, node, "block"])
    assert [layer.name for layer in report.metadata.layers] == [value, node, "block"]
    got = explain(report, images(2), [3, 1])
    for name in (value, node):
        np.testing.assert_array_equal(got.gradients[name], got.gradients["block"])
    assert reference.relative_error(got.guided, explain(small_report, images(2), [3, 1]).guided) < 1e-6


def test_a_layer_inside_what_is_fused_is_kept(small_module, tmp_path, explain, images):
    """The convolution's own output, though batch normalisation is folded into the convolution elsewhere."""
    report = export(small_module, tmp_path / "m.onnx", input_shape=(3, 16, 16), layers=["block.0", "block.1", "stem.0"])
    expected = reference.explain(small_module, images(2), [3, 1], ["block.0", "block.1", "stem.0"])
    got = explain(report, images(2), [3, 1])
    for layer in expected.activations:
        assert reference.relative_error(got.activations[layer], expected.activations[layer]) < 1e-5
        assert reference.relative_error(got.gradients[layer], expected.gradients[layer]) < 1e-5


def test_a_module_that_runs_several_times_is_its_last_run(tmp_path, explain, images):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, padding=1)
            self.relu = nn.ReLU()
            self.head = nn.Linear(3, 5)

        def forward(self, x):
            x = self.relu(self.conv(x))
            x = torch.nn.functional.avg_pool2d(x, 2)
            x = self.relu(self.conv(x))
            return self.head(x.mean((2, 3)))

    torch.manual_seed(0)
    module = Twice()
    report = export(module, tmp_path / "m.onnx", input_shape=(3, 16, 16), layers=["relu", "conv"])
    assert [layer.shape for layer in report.metadata.layers] == [(3, 8, 8)] * 2
    expected = reference.explain(module, images(2), [3, 1], ["relu", "conv"])
    got = explain(report, images(2), [3, 1])
    for layer in ("relu", "conv"):
        assert reference.relative_error(got.activations[layer], expected.activations[layer]) < 1e-5
        assert reference.relative_error(got.gradients[layer], expected.gradients[layer]) < 1e-5
    assert reference.relative_error(got.guided, expected.guided) < 1e-5


def test_two_activations_of_one_value_stay_two(tmp_path, explain, images):
    """The guided rule acts on what reaches each of them, and on the sum where they were merged (NASNet's cells)."""

    class Forked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.left, self.right = (nn.Conv2d(c, 8, 3, padding=1) for c in (3, 8, 8))
            self.act, self.other, self.head = nn.ReLU(), nn.ReLU(), nn.Linear(8, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.stem(x)
            x = self.left(self.act(x)) + self.right(self.other(x))
            return self.head(x.mean((2, 3)))

    torch.manual_seed(0)
    module = Forked().eval()
    got = explain(export(module, tmp_path / "forked.onnx", input_shape=(3, 16, 16)), images(2), [1, 2])
    expected = reference.explain(module, images(2), [1, 2])
    assert reference.relative_error(got.guided, expected.guided) < 1e-5


def test_one_softmax_is_looked_through(small_module, tmp_path, explain, images):
    for last in (nn.Softmax(1), nn.LogSoftmax(1), nn.Sigmoid()):
        report = export(nn.Sequential(small_module, last), tmp_path / "m.onnx", input_shape=(3, 16, 16))
        assert report.metadata.score_activation == ("sigmoid" if isinstance(last, nn.Sigmoid) else "softmax")
        expected = reference.explain(small_module, images(2), [3, 1])
        got = explain(report, images(2), [3, 1])
        assert reference.relative_error(got.scores, expected.scores) < 1e-5
        assert reference.relative_error(got.guided, expected.guided) < 1e-5


def test_one_channel(tmp_path, explain, images):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.LeakyReLU(0.1), nn.Flatten(), nn.Linear(144, 3))
    report = export(module, tmp_path / "m.onnx", input_shape=(1, 8, 8))
    assert report.metadata.preprocessing == Preprocessing(
        (8, 8), None, mean=(0.0,), std=(1.0,), channel_order="L", assumed=True
    )
    expected = reference.explain(module, images(2, 8, 1), [2, 1])
    assert reference.relative_error(explain(report, images(2, 8, 1), [2, 1]).guided, expected.guided) < 1e-5


def test_an_input_that_is_not_square(small_module, tmp_path, explain):
    report = export(small_module, tmp_path / "m.onnx", input_shape=(2, 3, 12, 20), layers="block")
    image = np.random.default_rng(0).standard_normal((2, 3, 12, 20)).astype(np.float32)
    expected = reference.explain(small_module, image, [2, 1], ["block"])
    got = explain(report, image, [2, 1])
    assert reference.relative_error(got.guided, expected.guided) < 1e-5
    assert got.guided_grad_cam().shape == (2, 3, 12, 20)
    assert report.metadata.preprocessing.resize == (12, 20)


def test_labels(small_module, tmp_path, explain, images):
    labels = ["cat", "dog", "cow", "owl", "emu"]
    report = export(small_module, tmp_path / "m.onnx", input_shape=(3, 16, 16), labels=labels)
    assert explain(report, images(2), ["owl", "dog"]).class_index.tolist() == [3, 1]
    with pytest.raises(ExportError, match="4 labels were given for 5 classes; give one for each, in order"):
        export(small_module, tmp_path / "other.onnx", input_shape=(3, 16, 16), labels=labels[:4])
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]


def test_preprocessing(small_module, tmp_path, data):
    fields = {"resize": 20, "crop": 16, "scale": 1.0, "mean": (127.0,) * 3, "std": (128.0,) * 3}
    report = export(small_module, tmp_path / "m.onnx", input_shape=(3, 16, 16), preprocessing=fields)
    assert report.metadata.preprocessing == Preprocessing(**fields)
    assert onnxcam.Explainer(report.path).explain(data / "coffee.jpg").scores.shape == (1, 5)
    with pytest.raises(ExportError, match=r"the preprocessing has an unknown field: .*'sale'"):
        export(small_module, tmp_path / "m.onnx", input_shape=(3, 16, 16), preprocessing={"sale": 1.0})


def test_customary_preprocessing_is_said_to_be_assumed(small_report):
    assert small_report.metadata.preprocessing == Preprocessing(18, 16, assumed=True)


def test_unverified(small_module, tmp_path):
    report = export(small_module, tmp_path / "m.onnx", input_shape=(3, 16, 16), verify=False)
    assert report.metadata.verification is report.metadata.golden is None
    assert "not verified" in str(report)


def test_a_name_in_the_report_forges_no_line(small_report):
    forged = dataclasses.replace(small_report, notes=("the value x\nverified\x1b[2K is left out",))
    assert r"note    the value x\nverified\x1b[2K is left out" in str(forged).split("\n")


def test_no_traces_of_the_users_machine(small_report):
    """PyTorch's exporter notes the source lines of every node; module names are all that is wanted."""
    content = small_report.path.read_bytes()
    for trace in (Path(__file__).parent.parent, Path(torch.__file__).parent, Path.home()):
        assert str(trace).encode() not in content
    assert b"stack_trace" not in content
    assert b"networks.py" not in content


def test_two_exports_are_alike(small_module, small_report, tmp_path):
    report = export(small_module, tmp_path / "m.onnx", input_shape=(3, 16, 16), layers=["relu", "block", "stem"])
    first, second = onnx.load(small_report.path), onnx.load(report.path)
    assert first.graph == second.graph


def test_nothing_is_left_behind_by_a_failure(small_module, tmp_path):
    before = tmp_path / "m.onnx"
    before.write_bytes(b"what was there before")
    with pytest.raises(TargetLayerError):
        export(small_module, before, input_shape=(3, 16, 16), layers="nowhere")
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]
    assert before.read_bytes() == b"what was there before"


def test_an_existing_file_is_replaced_with_the_usual_permissions(small_module, tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"before")
    (tmp_path / "usual").write_bytes(b"")
    report = export(small_module, str(tmp_path / "m.onnx"), input_shape=(3, 16, 16), verify=False)
    assert report.path == tmp_path / "m.onnx"
    assert report.path.stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert onnxcam.Explainer(report.path).metadata == report.metadata


def test_paths_that_cannot_be_written(small_module, tmp_path):
    with pytest.raises(OutputError, match="missing"):
        export(small_module, tmp_path / "missing" / "m.onnx", input_shape=(3, 16, 16))
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(OutputError, match=r"folder\.onnx"):
        export(small_module, tmp_path / "folder.onnx", input_shape=(3, 16, 16))
    assert [path.name for path in tmp_path.iterdir()] == ["folder.onnx"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser can write anywhere")
def test_a_folder_that_cannot_be_written(small_module, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot write"):
        export(small_module, tmp_path / "m.onnx", input_shape=(3, 16, 16))
    tmp_path.chmod(0o700)


def test_layers_that_cannot_be_explained(small_module, tmp_path):
    def refused(layer):
        with pytest.raises(TargetLayerError) as caught:
            export(small_module, tmp_path / "m.onnx", input_shape=(3, 16, 16), layers=layer)
        return str(caught.value)

    assert "no layer 'blok'" in refused("blok")
    assert "did you mean block" in refused("blok")
    assert "candidates() in Python; from the last on: relu, down, " in refused("blok")
    assert "and is not spatial; choose one with a map, [N, K, h, w]" in refused("head")
    assert "a layer is a name or a PyTorch module, not 3; give names such as 'layer4'" in refused([3])
    assert "the layer of class ReLU is no module inside the source" in refused(nn.ReLU())


def test_layers_given_as_modules(small_module, tmp_path):
    """Also those of a wrapper, which is exported without it."""
    wanted = [small_module.block, small_module.stem[0]]
    for source in (small_module, nn.DataParallel(small_module)):
        report = export(source, tmp_path / "m.onnx", input_shape=(3, 16, 16), layers=wanted, verify=False)
        assert [layer.name for layer in report.metadata.layers] == ["block", "stem.0"]
    report = export(small_module, tmp_path / "m.onnx", input_shape=(3, 16, 16), layers=wanted[0], verify=False)
    assert [layer.name for layer in report.metadata.layers] == ["block"]
    report = export(
        small_module, tmp_path / "m.onnx", input_shape=(3, 16, 16), layers={"mine": wanted[0]}, verify=False
    )
    assert [layer.name for layer in report.metadata.layers] == ["mine"]


def test_swapped_arguments(small_module):
    with pytest.raises(SourceError, match=r"the path is a Small; give the model first: export\(model, 'm.onnx'\)"):
        export("m.onnx", small_module)
    with pytest.raises(SourceError, match="the path is None; give the file to write"):
        export(small_module, None)


def test_the_report_shows_what_becomes_of_images(small_module, tmp_path):
    labels = {0: "cat", 1: "d\nog", 2: "cow", 3: "owl", 4: "emu"}
    steps = {"resize": 20, "crop": 16, "scale": 1.0, "mean": (127.0,) * 3, "std": (128.0,) * 3}
    text = str(
        export(
            small_module,
            tmp_path / "m.onnx",
            input_shape=(3, 16, 16),
            labels=labels,
            preprocessing={**steps, "scale": 1 / 255},
            verify=False,
        )
    )
    assert "images  resize 20 bilinear, crop 16, RGB, scale 0.003922, mean 127 127 127, std 128 128 128\n" in text
    assert "labels  cat, d\\nog, cow, owl, emu\n" in text
    assert "note    mean (127.0, 127.0, 127.0) and std (128.0, 128.0, 128.0) look like those of pixels from 0" in text


def test_the_report_and_the_metadata_are_one_line_each(small_report):
    words = "float32 [N, 3, 16, 16], 5 classes, layers relu, block, stem"
    assert repr(small_report) == f"<ExportReport {small_report.path}: {words}, verified>"
    assert repr(small_report.metadata) == f"<Metadata of Small: {words}>"


def test_two_labels_for_one_score(tmp_path, explain, images):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(784, 1), nn.Sigmoid())
    report = export(module, tmp_path / "m.onnx", input_shape=(3, 16, 16), labels=["cat", "dog"])
    assert "note    the model has one score, taken to be that of 'dog'" in str(report)
    expected = reference.explain(module[:-1], images(1), [0])
    assert reference.relative_error(explain(report, images(1), "dog").guided, expected.guided) < 1e-5


def test_a_size_that_nobody_stated_is_noted(small_module, tmp_path):
    report = export(small_module, tmp_path / "m.onnx", verify=False)
    assert report.metadata.image.shape == (3, 224, 224)
    assert "note    the module states no input size, so 3 x 224 x 224 was taken" in str(report)
    small_module.pretrained_cfg = {"input_size": (3, 16, 20)}
    report = export(small_module, tmp_path / "m.onnx", verify=False)
    assert report.metadata.image.shape == (3, 16, 20)
    assert "input size" not in str(report)


def test_a_module_that_never_runs(small_module, tmp_path):
    small_module.unused = nn.Conv2d(3, 3, 3)
    with pytest.raises(TargetLayerError, match="no layer 'unused', or it never runs"):
        export(small_module, tmp_path / "m.onnx", input_shape=(3, 16, 16), layers="unused")


def test_no_map_to_explain(tmp_path):
    module = nn.Sequential(nn.Flatten(), nn.Linear(192, 5))
    with pytest.raises(ScoreError, match=r"no feature map .*, only values without places, and such networks"):
        export(module, tmp_path / "m.onnx", input_shape=(3, 8, 8))


def test_a_score_that_does_not_depend_on_the_layer(tmp_path):
    class Beside(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.beside = nn.Conv2d(3, 5, 3), nn.Conv2d(3, 5, 3)

        def forward(self, x):
            return self.used(x).mean((2, 3)), self.beside(x)

    with pytest.raises(
        ScoreError, match="does not depend on 'conv2d_1' in a differentiable way; choose a layer on the way"
    ):
        export(Beside(), tmp_path / "m.onnx", input_shape=(3, 8, 8), layers="beside")


def test_a_score_that_does_not_depend_on_the_image(tmp_path):
    class Constant(nn.Module):
        def forward(self, x):
            return torch.ones_like(x).mean((2, 3))

    with pytest.raises(ScoreError, match="does not depend on the input 'x' in a differentiable way"):
        export(Constant(), tmp_path / "m.onnx", input_shape=(3, 8, 8))


def test_a_network_inside_a_branch_is_refused_as_such(tmp_path):
    branch = onnx.parser.parse_graph("b () => (float[N,4] s) { p = GlobalAveragePool(x)\ns = Flatten(p) }")
    gate = onnx.helper.make_node("If", ["c"], ["t"], "the gate", then_branch=branch, else_branch=branch)
    proto = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["": 17]>
        g (float[N,4,6,6] x) => (float[N,4] y) {
            l = ReduceMax <keepdims = 0> (x)
            c = Greater(l, l)
            y = Identity(t)
        }"""
    )
    proto.graph.node.insert(2, gate)
    with pytest.raises(ScoreError, match="is computed by the If node 'the gate', and a network inside an If, L"):
        export(proto, tmp_path / "m.onnx")


def test_no_output_has_the_shape_of_scores(tmp_path):
    with pytest.raises(ScoreError, match=r"no output has the shape of class scores, \[N, C\]; name the one"):
        export(nn.Conv2d(3, 5, 3), tmp_path / "m.onnx", input_shape=(3, 8, 8))


def test_an_operator_without_a_rule(tmp_path):
    class Determinant(nn.Module):
        def forward(self, x):
            return torch.linalg.det(x.relu())

    with pytest.raises(OperatorError, match=r"no gradient rule for Det.* node .* -> .*onnxcam_export\.rule"):
        export(Determinant(), tmp_path / "m.onnx", input_shape=(3, 8, 8))


def test_a_source_of_another_kind(tmp_path):
    with pytest.raises(SourceError, match=r"cannot export a dict; give a torch\.nn\.Module"):
        export({}, tmp_path / "m.onnx")


def test_height_and_width_must_be_fixed(small_module, tmp_path):
    side = torch.export.Dim("side", min=1, max=64)
    program = torch.export.export(
        small_module, (torch.zeros(2, 3, 16, 24),), dynamic_shapes=({0: torch.export.Dim("n"), 2: 4 * side},)
    )
    with pytest.raises(ShapeError, match=r"'x' has the shape .*input_shape \(--input-size\)"):
        export(program, tmp_path / "m.onnx")


@pytest.fixture
def without_sinh():
    """The table of rules as it would be without one for Sinh."""
    known = PLAIN.pop("Sinh")
    yield
    PLAIN["Sinh"] = known


@pytest.mark.usefixtures("without_sinh")
def test_a_users_rule(tmp_path, explain, images):
    """An operator has none; a rule in the user's own script is enough."""

    class Sinh(nn.Module):
        def forward(self, x):
            return torch.sinh(x.abs()).mean((2, 3))

    with pytest.raises(OperatorError, match="no gradient rule for Sinh"):
        export(Sinh(), tmp_path / "m.onnx", input_shape=(3, 8, 8), layers=None)

    @rule(op_type="Sinh")
    def sinh(op, node, dy):
        """``dx = dy cosh(x)``."""
        return [op.Mul(dy, op.Cosh(node.x))]

    report = export(Sinh(), tmp_path / "m.onnx", input_shape=(3, 8, 8))
    expected = np.zeros((1, 3, 8, 8), np.float32)
    x = images(1, 8)[:, 2]
    expected[:, 2] = np.cosh(x) * np.sign(x) / 64
    np.testing.assert_allclose(explain(report, images(1, 8), 2).guided, expected, rtol=1e-5)


def off_by_five_percent(table, op_type):
    right = table[op_type]

    def wrong(op, step, dy):
        dx, *others = right.formula(op, step, dy)
        return [op.Mul(dx, 1.05), *others]

    return {**table, op_type: dataclasses.replace(right, formula=wrong)}


@pytest.mark.parametrize(
    ("op_type", "output"),
    [
        ("Relu", "onnxcam.gradients/block"),
        ("Conv", "onnxcam.gradients/block"),
        ("MaxPool", "onnxcam.gradients/stem"),
    ],
)
def test_verification_catches_a_wrong_rule(small_module, tmp_path, op_type, output):
    rules = off_by_five_percent(PLAIN, op_type)
    plan = Plan(InputGradient("guided", guided(rules)), rules)
    refused(plan, small_module, tmp_path, output)


@pytest.mark.parametrize("op_type", ["Relu", "Clip"])
def test_verification_catches_a_wrong_guided_rule(small_module, tmp_path, op_type):
    plan = Plan(InputGradient("guided", off_by_five_percent(guided(PLAIN), op_type)), PLAIN)
    refused(plan, small_module, tmp_path, "onnxcam.guided_gradients")


def refused(plan, module, folder, output):
    with pytest.raises(ParityError, match=rf"^{output} differs from PyTorch .* \(relative L2\), more than the"):
        run(plan, module, folder / "m.onnx", input_shape=(3, 16, 16), layers=["relu", "block", "stem"])
    assert not list(folder.iterdir())


@pytest.mark.parametrize(("name", "table"), [("guided", guided), ("deconvnet", deconvnet)])
def test_verification_catches_plain_in_place_of_another_rule(small_module, tmp_path, name, table):
    plan = Plan(InputGradient(name, {**table(PLAIN), "Relu": PLAIN["Relu"]}), PLAIN)
    with pytest.raises(ParityError, match=rf"^{plan.input_gradient.output} differs"):
        run(plan, small_module, tmp_path / "m.onnx", input_shape=(3, 16, 16))


def test_candidates(small_module):
    found = candidates(small_module, input_shape=(3, 16, 16))
    assert [candidate.name for candidate in found if candidate.is_default] == ["relu"]
    by_name = {candidate.name: candidate for candidate in found}
    assert by_name["block"].shape == (8, 8, 8)
    assert by_name["stem"].kind == "Sequential"
    assert by_name["down"].kind == "Conv2d"
    assert math.prod(by_name["pool"].shape) == 8 * 8 * 8
