"""Raw detection heads of both kinds: the boxes, and the maps of one box against autograd of its entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

import onnxcam
from onnxcam import targets
from onnxcam.detection import found_boxes
from onnxcam.errors import TargetError
from onnxcam_export import ExportError, export

if TYPE_CHECKING:
    from pathlib import Path

LABELS = ["person", "car", "dog"]


class Head(nn.Module):
    """A head of 8 by 8 cells on two convolutions: [7, 64] as YOLOv8 has it, [64, 8] as YOLOv5."""

    def __init__(self, *, objectness: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.objectness = objectness
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.SiLU(), nn.Conv2d(8, 12, 3, 1, 1), nn.SiLU())
        self.sizes = nn.Conv2d(12, 4, 1)
        self.scores = nn.Conv2d(12, 3 + objectness, 1)
        nn.init.normal_(self.scores.weight, std=8)
        rows, columns = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
        self.register_buffer("centres", torch.stack([columns, rows]).flatten(1) * 2.0 + 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        cells = self.features(x)
        boxes = self.sizes(cells).flatten(2)
        centres = self.centres + boxes[:, :2].tanh()
        head = torch.cat([centres, 16 * boxes[:, 2:].sigmoid(), self.scores(cells).flatten(2).sigmoid()], 1)
        return head.transpose(1, 2) if self.objectness else head


@pytest.fixture(scope="module", params=["yolov8", "yolov5"])
def detector(request: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Head, onnxcam.Explainer]:
    path = tmp_path_factory.mktemp("detection") / "head.onnx"
    module = Head(objectness=request.param == "yolov5")
    export(module, path, input_shape=(3, 16, 16), layers=["features"], labels=LABELS, detection=request.param)
    return module, onnxcam.Explainer(path, threads=1)


def plainly_found(rows: np.ndarray, *, objectness: bool, limit: float = 0.45) -> list[tuple[int, int]]:
    """(anchor, class) of the boxes after suppression, by loops over pairs; rows are [A, F]."""
    first = 4 + objectness
    found = []
    for anchor, row in enumerate(rows):
        c = int(row[first:].argmax())
        confidence = row[first + c] * (row[4] if objectness else 1)
        x, y, w, h = row[:4]
        if confidence >= 0.25:
            found.append((confidence, anchor, c, (x - w / 2, y - h / 2, x + w / 2, y + h / 2)))
    kept: list[Any] = []
    for one in sorted(found, reverse=True):
        if all(one[2] != other[2] or overlap(one[3], other[3]) <= limit for other in kept):
            kept.append(one)
    return [(anchor, c) for _, anchor, c, _ in kept]


def overlap(a: Any, b: Any) -> float:
    across = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    down = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return across * down / (area - across * down)


def test_the_boxes_are_those_of_plain_loops(detector, images):
    module, explainer = detector
    explanation = explainer.run(images(1), targets.Detection(), level=0)
    scores = explanation.scores[0].astype(np.float64)
    rows = scores if module.objectness else scores.T
    expected = plainly_found(rows, objectness=module.objectness)
    found = explanation.boxes()
    first = 4 + module.objectness
    anchors = [box.entry if module.objectness else box.entry[::-1] for box in found]
    assert [(anchor, value - first) for anchor, value in anchors] == expected
    assert [box.c for box in found] == [c for _, c in expected]
    assert len(expected) > 5
    assert len(expected) < len(plainly_found(rows, objectness=module.objectness, limit=1))  # some were left out


@pytest.mark.parametrize("target", [targets.Detection(), targets.Detection(2), targets.Detection(1, "dog")])
def test_the_gradient_is_that_of_the_boxs_class_score(detector, images, target):
    module, explainer = detector
    x = torch.from_numpy(images(1))
    explanation = explainer.run(images(1), target)
    boxes = [box for box in explanation.boxes() if target.label is None or LABELS[box.c] == target.label]
    box = boxes[target.rank]
    activation = module.features(x).detach().requires_grad_()
    features, module.features = module.features, nn.Identity()
    y = module(activation)[0][box.entry]
    module.features = features
    (expected,) = torch.autograd.grad(y, activation)
    np.testing.assert_allclose(explanation.gradients["features"], expected.numpy(), rtol=1e-3, atol=1e-7)
    assert explanation.labels == [LABELS[box.c]]
    assert explanation.explained(0).score == pytest.approx(y.item(), rel=1e-4)
    assert explanation.fused_map().shape == (1, 16, 16)


def test_each_image_of_a_batch_has_its_own_box(detector, images):
    _, explainer = detector
    batch = images(2)
    both = explainer.run(batch, targets.Detection())
    for row in range(2):
        alone = explainer.run(batch[row : row + 1], targets.Detection())
        expected = alone.gradients["features"][0]
        np.testing.assert_allclose(both.gradients["features"][row], expected, rtol=1e-4, atol=1e-7)
        assert both.boxes(row)[0].entry == alone.boxes()[0].entry


def test_boxes_are_found_once_for_each_image(detector, images, monkeypatch):
    """Whatever is asked of them: several ranks and classes, their labels, and the picture."""
    _, explainer = detector
    found = []
    monkeypatch.setattr(onnxcam.detection, "found_boxes", lambda *a, **k: found.append(1) or found_boxes(*a, **k))
    ranks = [targets.Detection(), targets.Detection(1), targets.Detection(0, "dog")]
    explanation = explainer.run(images(1), ranks)
    explanation.figure(methods=["layer-cam"])
    assert [explanation.box_of(row) in explanation.boxes() for row in range(3)] == [True] * 3
    assert len(found) == 1
    explainer.run(images(2), targets.Detection()).figure()
    assert len(found) == 3


def test_a_box_below_the_usual_confidence_is_drawn(detector, images):
    _, explainer = detector
    rank = len(explainer.run(images(1), targets.Detection(), level=0).boxes())
    explanation = explainer.run(images(1), targets.Detection(rank, confidence=0.01))
    assert explanation.box_of(0) not in explanation.boxes()
    assert [one.is_explained for one in explanation._outlines(0, (0, 0, 16, 16))] == [False] * rank + [True]


def test_a_description_of_ones_own(tmp_path, images):
    module = Head(objectness=False)
    fields = {"anchors": 1, "boxes": 0, "box": "center", "classes": 4, "count": 2}
    report = export(module, tmp_path / "own.onnx", input_shape=(3, 16, 16), layers=["features"], detection=fields)
    head = report.metadata.detection
    explanation = onnxcam.Explainer(report.path).run(images(1), targets.Detection())
    assert {box.c for box in found_boxes(explanation.scores[0], head)} == {0, 1}


@pytest.mark.parametrize(
    ("detection", "words"),
    [
        ({"anchors": 1}, "detection is no description of a head"),
        ({"anchors": 2, "classes": 4, "count": 3}, "detection is no description of a head"),
        (
            {"anchors": 1, "classes": 4, "count": 4},
            r"not fit the scores \[7, 64\]: detection: 4 classes and a",
        ),
        ({"anchors": 0, "classes": 60}, r"not fit the scores \[7, 64\]: labels: 3 for 4 classes"),
        ({"anchors": 1, "classes": 5}, r"labels: 3 for 2 classes"),
    ],
)
def test_mistaken_descriptions(tmp_path: Path, detection: Any, words: str):
    with pytest.raises(ExportError, match=words):
        export(
            Head(objectness=False),
            tmp_path / "m.onnx",
            input_shape=(3, 16, 16),
            layers=["features"],
            labels=LABELS,
            detection=detection,
        )


def test_scores_without_anchors_are_no_head(tmp_path):
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    with pytest.raises(ExportError, match=r"a detection head is \[A, F\] or \[F, A\], and the scores are \[3\]"):
        export(module, tmp_path / "m.onnx", input_shape=(3, 16, 16), detection="yolov8")


def test_mistaken_detections(detector, images, small_report):
    _, explainer = detector
    x = images(1)
    for target, words in (
        (
            targets.Detection(10_000),
            r"finds \d+ boxes in this image with a confidence of 0\.25 or more, so there",
        ),
        (targets.Detection(0, confidence=2), "the model finds no boxes in this image with a confidence of 2 or more$"),
        (targets.Detection(0, confidence="a"), "the confidence of a detection is a number from 0, not 'a'"),
        (targets.Detection(0, overlap=float("nan")), "the overlap of a detection is a number from 0, not nan"),
        (targets.Detection(-1), "the rank of a detection is a whole number from 0, not -1"),
        (targets.Detection("a"), "the rank of a detection is a whole number from 0, not 'a'"),
        (targets.Detection(0, "zebra"), "there is no class 'zebra'"),
        (targets.Detection(0, 3), "there is no class 3"),
    ):
        with pytest.raises(TargetError, match=words):
            explainer.run(x, target)
    with pytest.raises(TargetError, match="image 0: the model finds no boxes"):
        explainer.run(images(2), targets.Detection(0, confidence=2))
    with pytest.raises(TargetError, match="does not say where its boxes are, so it has no detections; export it with"):
        onnxcam.Explainer(small_report.path).run(x, targets.Detection())


def test_the_picture_has_the_boxes(detector, images):
    """The explained box is the only white one of its panel, where its corners are, in the tensor drawn as an image."""
    _, explainer = detector
    explanation = explainer.run(images(1), targets.Detection(1))
    assert explanation.box_of(0) == explanation.boxes()[1]
    assert explainer.run(images(1), targets.Element(4, 4), level=1).box_of(0) is None
    outlines = explanation._outlines(0, (0, 0, 32, 32))
    assert [one.is_explained for one in outlines] == [False, True] + [False] * (len(outlines) - 2)
    np.testing.assert_allclose(outlines[1].corners, 2 * np.array(explanation.boxes()[1].corners))
    other = explainer.run(images(1), targets.Detection(0))
    first, second = (np.asarray(one.figure(methods=["layer-cam"])) for one in (explanation, other))
    assert first.shape == second.shape
    assert not np.array_equal(first, second)


def test_the_assumed_preprocessing_is_a_letterbox(detector):
    steps = detector[1].metadata.preprocessing
    assert (steps.resize, steps.crop, steps.letterbox, steps.assumed) == (None, (16, 16), 114, True)
    assert (steps.mean, steps.std, steps.scale) == ((0.0,) * 3, (1.0,) * 3, 1 / 255)
