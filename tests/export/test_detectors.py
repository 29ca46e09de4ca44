"""Detectors of three scales with the heads of published families: boxes, default layers, and parity with autograd."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnx.reference
import pytest
import torch
from torch import nn

import onnxcam
from onnx_text import model
from onnxcam import targets
from onnxcam.cli import main
from onnxcam.detection import found_boxes
from onnxcam_export import ExportError, export
from onnxcam_export.pipeline import candidates
from support import reference
from support.detectors import BINS, CLASSES, LAYERS, STRIDES, Maps, PicoDet, Ssd, YoloV8, centres

if TYPE_CHECKING:
    from onnxcam_export import ExportReport

SHAPE = (3, 64, 64)
RNG = np.random.default_rng(0)
PRIORS = np.concatenate([RNG.uniform(0.2, 0.8, (84, 2)), RNG.uniform(0.1, 0.4, (84, 2))], 1).astype(np.float32)
OF_PICO = {
    "scores": [f"scores{i}" for i in range(3)],
    "boxes": [f"boxes{i}" for i in range(3)],
    "box": "distances",
    "strides": STRIDES,
}
OF_SSD = {
    "scores": "0",
    "boxes": "1",
    "box": "offsets",
    "unit": "share",
    "priors": PRIORS,
    "activation": "softmax",
    "background": 0,
}
OF_MAPS = {"scores": "0", "boxes": "1", "objectness": "2", "box": "center", "activation": "sigmoid"}
KINDS: dict[str, tuple[type[nn.Module], Any]] = {
    "yolov8": (YoloV8, "yolov8"),
    "picodet": (PicoDet, OF_PICO),
    "ssd": (Ssd, OF_SSD),
    "maps": (Maps, OF_MAPS),
}


class Entries(nn.Module):
    """A detector whose head, [N, A, F], is flattened, so that every entry is a class of its own."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return plainly_joined(self.module, x).flatten(1)


def plainly_joined(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The head that the export should make, in PyTorch: boxes in pixels, objectness, classes."""
    head = module(x)
    if isinstance(module, YoloV8):
        return head
    if isinstance(module, Ssd):
        logits, t = head
        p = torch.from_numpy(PRIORS).to(x.dtype)
        boxes = torch.cat([p[:, :2] + 0.1 * t[..., :2] * p[:, 2:], p[:, 2:] * (0.2 * t[..., 2:]).exp()], -1)
        return torch.cat([64 * boxes, logits], -1)
    if isinstance(module, Maps):
        return torch.cat([head[1], head[2], head[0]], 1).flatten(2).transpose(1, 2)
    shares = torch.cat([head[f"boxes{i}"] for i in range(3)], 1).unflatten(2, (4, BINS)).softmax(-1)
    distances = (shares * torch.arange(BINS)).sum(-1)
    x_y, stride = centres()[:2].T * centres()[2:].T, centres()[2:].T
    corners = torch.cat([x_y - stride * distances[..., :2], x_y + stride * distances[..., 2:]], -1)
    return torch.cat([corners, *[torch.cat([head[f"scores{i}"] for i in range(3)], 1)]], -1)


@pytest.fixture(scope="module", params=KINDS)
def made(request: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, ExportReport]:
    kind, detection = KINDS[request.param]
    path = tmp_path_factory.mktemp("detectors") / "detector.onnx"
    return kind(), export(kind(), path, input_shape=SHAPE, detection=detection)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 1, (1, *SHAPE)).astype(np.float32)


def test_the_head_is_that_of_pytorch(made, image):
    module, report = made
    got = onnxcam.Explainer(report.path).run(image, targets.Element(0, 0), level=0)
    with torch.no_grad():
        expected = plainly_joined(module, torch.from_numpy(image)).numpy()
    np.testing.assert_allclose(got.scores, expected, rtol=1e-4, atol=1e-5)


def test_the_default_layers_feed_the_head(made):
    """Each scale has the map that its branches of classes and boxes both read; the report says so."""
    module, report = made
    names = [layer.name for layer in report.metadata.layers]
    assert names == (LAYERS[:1] if isinstance(module, Maps) else LAYERS)
    assert "note    the layers are the maps that feed the detection head, one for each scale" in str(report)


def test_gradients_at_every_layer_and_guided_ones_are_those_of_autograd(made, image):
    module, report = made
    explainer = onnxcam.Explainer(report.path)
    boxes = explainer.run(image, targets.Element(0, 0), level=0).boxes()
    assert len({box.entry for box in boxes}) > 2
    head, shape = report.metadata.detection, report.metadata.shape_of_scores
    assert all(0 <= box.c < head.count and box.c != head.background for box in boxes)
    explanation = explainer.run(image, [targets.Detection(rank) for rank in range(3)])
    entries = [int(np.ravel_multi_index(box.entry, shape)) for box in boxes[:3]]
    layers = [layer.name for layer in report.metadata.layers]
    expected = reference.explain(Entries(module), image, entries, [f"module.{name}" for name in layers])
    for name in layers:
        gradients = expected.gradients[f"module.{name}"]
        np.testing.assert_allclose(
            explanation.gradients[name], gradients, rtol=1e-3, atol=1e-6 * np.abs(gradients).max()
        )
    guided = expected.guided
    np.testing.assert_allclose(explanation.guided_backprop(), guided, rtol=1e-2, atol=1e-4 * np.abs(guided).max())
    for row, entry in enumerate(entries):
        assert explanation.explained(row).score == pytest.approx(float(expected.scores[0][entry]), rel=1e-4)


def test_what_is_drawn_is_fused_over_the_scales(made, image):
    """A box of one scale has no gradient at the layer of another, so the first layer alone would show nothing."""
    _, report = made
    explanation = onnxcam.Explainer(report.path).run(image, [targets.Detection(rank) for rank in range(3)])
    layers = list(explanation.activations)
    assert explanation.layers_of("layer-cam") == layers
    if len(layers) == 1:
        return
    np.testing.assert_array_equal(explanation.compute("layer-cam"), explanation.fused_map("layer-cam"))
    assert (explanation.compute("layer-cam").max(axis=(1, 2)) > 0.9).all()
    assert explanation.layers_of("layer-cam", layers[1]) == layers[1:2]
    np.testing.assert_array_equal(explanation.compute("layer-cam", layers[1]), explanation.map("layer-cam", layers[1]))
    product = explanation.guided_backprop() * explanation.fused_map("grad-cam")[:, None]
    np.testing.assert_allclose(explanation.compute("guided-grad-cam"), product, rtol=1e-5, atol=1e-7)


def confidences(module: nn.Module, scores: np.ndarray) -> np.ndarray:
    """Those of all anchors and classes by the family's own rule, [A, classes without the background]."""
    rows = scores.astype(np.float64)
    if isinstance(module, Ssd):
        e = np.exp(rows[:, 4:])
        return (e / e.sum(1, keepdims=True))[:, 1:]
    if isinstance(module, Maps):
        return 1 / (1 + np.exp(-rows[:, 5:])) / (1 + np.exp(-rows[:, 4:5]))
    return rows.T[:, 4:] if isinstance(module, YoloV8) else rows[:, 4:]


def test_confidences_are_those_of_the_family(made, image):
    """After its sigmoid or softmax, without the background, times the objectness."""
    module, report = made
    head = report.metadata.detection
    scores = onnxcam.Explainer(report.path).run(image, targets.Element(0, 0), level=0).scores[0]
    boxes = found_boxes(scores, head, confidence=0.2, overlap=1)
    expected = confidences(module, scores)
    best = np.sort(expected.max(axis=1))[::-1]
    assert [box.confidence for box in boxes] == pytest.approx([p for p in best if p >= 0.2])
    first = int(head.background == 0)
    assert [box.c - first for box in boxes] == [int(expected[box.entry[head.anchors]].argmax()) for box in boxes]


def test_the_background_is_no_target(made):
    metadata = made[1].metadata
    if metadata.detection.background is None:
        assert targets.Detection(0, 0).bound(metadata).label == 0
        return
    words = "boxes   of 4 classes, in pixels of the input; confidences by softmax; class 0 is the background"
    assert words in str(made[1])
    named = dataclasses.replace(metadata, labels=("nothing", "person", "car", "dog"))
    with pytest.raises(onnxcam.TargetError, match="'nothing' is this model's background, of which there are no boxes"):
        targets.Detection(0, "nothing").bound(named)


def test_a_description_in_a_file(tmp_path, capsys):
    (tmp_path / "head.json").write_text(json.dumps(OF_PICO))
    (tmp_path / "detector.py").write_text("from support.detectors import PicoDet as made")
    source = [f"{tmp_path / 'detector.py'}:made", "--input-size", "3x64x64"]
    arguments = [*source, "--detection", str(tmp_path / "head.json")]
    assert main(["layers", *arguments]) == 0
    assert capsys.readouterr().out.count("default") == 3
    assert main(["export", *arguments, "-o", str(tmp_path / "out.onnx"), "--no-verify"]) == 0
    out = capsys.readouterr().out
    assert "boxes   of 3 classes, in pixels of the input" in out
    assert [layer.shape for layer in onnxcam.Explainer(tmp_path / "out.onnx").metadata.layers] == [
        (8, 8, 8),
        (12, 4, 4),
        (16, 2, 2),
    ]
    for text, words in (("[1]", "detection is 'yolov8', 'yolov5', a mapping"), ("{", "is not JSON")):
        (tmp_path / "head.json").write_text(text)
        assert main(["export", *arguments, "-o", str(tmp_path / "no.onnx")]) == 2
        assert words in capsys.readouterr().err


def test_scores_are_named_once(tmp_path):
    with pytest.raises(ExportError, match="detection names the scores, and score_output too; leave score_output out"):
        export(Ssd(), tmp_path / "m.onnx", input_shape=SHAPE, detection=OF_SSD, score_output=0)


class Selected(YoloV8):
    """The 20 most confident boxes, as detectors with built-in suppression give them."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        head = super().forward(x).transpose(1, 2)
        best = head[..., 4:].amax(-1).topk(20).indices
        return head.gather(1, best[..., None].expand(-1, -1, head.shape[2]))


def test_boxes_that_were_picked_in_the_graph_are_refused(tmp_path):
    with pytest.raises(
        ExportError, match=r"holds boxes that TopK picked in the graph .*, or name the raw head before it"
    ):
        export(Selected(), tmp_path / "m.onnx", input_shape=SHAPE, detection={"anchors": 0, "classes": 4})


def end_to_end() -> onnx.ModelProto:
    """As YOLO26 is exported: a head of corners, [N, 4 + 3, A], from which the graph picks ten boxes, [N, 10, 7]."""
    return model(
        """g (float[N,3,H,W] x) => (float[N,10,7] picked) {
            c = Conv <pads = [1, 1, 1, 1], strides = [4, 4]> (x, w)
            r = Relu(c)
            b = Conv(r, of_boxes)
            s = Conv(r, of_scores)
            sizes = Shape(x)
            n = Slice(sizes, zero, one)
            shape = Concat <axis = 0> (n, flat)
            boxes = Reshape(b, shape)
            logits = Reshape(s, classes)
            scores = Sigmoid(logits)
            head = Concat <axis = 1> (boxes, scores)
            rows = Transpose <perm = [0, 2, 1]> (head)
            best = ReduceMax <keepdims = 0> (scores, one)
            values, indices = TopK <axis = 1> (best, ten)
            column = Unsqueeze(indices, two)
            all = Tile(column, repeats)
            picked = GatherElements <axis = 1> (rows, all)
        }""",
        w=(8, 3, 3, 3),
        of_boxes=(4, 8, 1, 1),
        of_scores=(3, 8, 1, 1),
        zero=[0],
        one=[1],
        two=[2],
        ten=[10],
        flat=[4, 64],
        classes=[0, 3, 64],
        repeats=[1, 1, 7],
    )


@pytest.mark.parametrize("layout", ["one value", "two values"])
def test_the_raw_head_of_an_end_to_end_detector(tmp_path, layout):
    """Nothing reads the head that joins two values of the graph."""
    proto, path = end_to_end(), tmp_path / "m.onnx"
    x = np.random.default_rng(0).standard_normal((1, 3, 32, 32)).astype(np.float32)
    boxes, scores = onnx.reference.ReferenceEvaluator(raw(proto)).run(None, {"x": x})
    if layout == "one value":
        detection: Any = {"anchors": 1, "classes": 4, "box": "corners"}
        export(proto, path, input_shape=(32, 32), detection=detection, score_output="head")
    else:
        detection = {"boxes": "boxes", "scores": "scores", "box": "corners"}
        export(proto, path, input_shape=(32, 32), detection=detection)
    explanation = onnxcam.Explainer(path).run(x, targets.Detection())
    best = int(scores[0].max(axis=0).argmax())
    assert explanation.box_of(0).confidence == pytest.approx(scores[0, :, best].max(), rel=1e-5)
    np.testing.assert_allclose(explanation.box_of(0).corners, boxes[0, :, best], rtol=1e-4)


def raw(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The model up to its boxes and scores, which are the outputs."""
    other = onnx.ModelProto()
    other.CopyFrom(proto)
    del other.graph.node[[node.output[0] for node in other.graph.node].index("scores") + 1 :]
    del other.graph.output[:]
    other.graph.output.extend(onnx.ValueInfoProto(name=name) for name in ("boxes", "scores"))
    return other


def test_of_a_head_that_the_graph_picks_from_corners_are_told_from_centres(tmp_path):
    words = r"TopK picks boxes from the head 'head' in the graph, .*, \"classes\": 4, \"box\": \"corners\"\}"
    with pytest.raises(ExportError, match=words):
        export(end_to_end(), tmp_path / "m.onnx", input_shape=(32, 32), detection="yolov8", score_output="head")


def test_corners_of_other_orders_and_units(tmp_path, image):
    """TensorFlow writes top, left, bottom, right as shares of the image."""

    class Tensorflow(Ssd):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            scores, boxes = super().forward(x)
            return scores, boxes.sigmoid()

    detection = {"scores": "0", "boxes": "1", "box": "corners_yx", "unit": "share", "activation": "sigmoid"}
    report = export(Tensorflow(), tmp_path / "m.onnx", input_shape=(3, 64, 96), detection=detection, level=1)
    wide = np.concatenate([image, image[..., :32]], 3)
    got = onnxcam.Explainer(report.path).run(wide, targets.Element(0, 0), level=0).scores[0]
    with torch.no_grad():
        boxes = Tensorflow()(torch.from_numpy(wide))[1][0].numpy()
    np.testing.assert_allclose(got[:, :4], boxes[:, [1, 0, 3, 2]] * [96, 64, 96, 64], rtol=1e-4)


def test_layers_that_the_user_names_stay(tmp_path):
    report = export(YoloV8(), tmp_path / "m.onnx", input_shape=SHAPE, detection="yolov8", layers=["stem"], level=1)
    assert [layer.name for layer in report.metadata.layers] == ["stem"]
    assert "feed the detection head" not in str(report)
    assert sum(found.is_default for found in candidates(YoloV8(), input_shape=SHAPE, detection="yolov8")) == 3
    assert report.metadata.detection.count == CLASSES
