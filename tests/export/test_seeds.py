"""Seeds, rows and finished maps of artifacts, against PyTorch's autograd of ``<v, scores>``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 — the name everybody gives it
from torch import nn

import onnxcam
from onnxcam import Explainer, cam, targets
from onnxcam_export import ExportError, export
from support import reference
from support.models import randomised
from support.networks import small

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from onnxcam_export import ExportReport

Array = np.ndarray[Any, Any]


class Anchors(nn.Module):
    """A raw detection head: [N, A, 5 + C] of a map of cells, as YOLO has it."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.SiLU(), nn.Conv2d(8, 12, 3, 2, 1), nn.SiLU())
        self.head = nn.Conv2d(12, 2 * 7, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        cells = self.head(self.features(x))
        return cells.view(-1, 2, 7, cells.shape[2] * cells.shape[3]).permute(0, 1, 3, 2).flatten(1, 2)


class Segmentation(nn.Module):
    """Scores for every pixel, upsampled from a smaller map, as FCN and LR-ASPP have them."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, 1, 1))
        self.head = nn.Conv2d(8, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = self.head(self.features(x).relu())
        return F.interpolate(scores, size=x.shape[2:], mode="bilinear", align_corners=False)


class Embedding(nn.Module):
    """An embedding of unit length, without labels."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.PReLU(), nn.Conv2d(8, 8, 3, 1, 1), nn.PReLU())
        self.head = nn.Linear(8 * 64, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.normalize(self.head(self.features(x).flatten(1)))


@dataclass(frozen=True)
class Case:
    """A network, and the shape of its scores."""

    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    layer: str


CASES = {
    "classifier": Case(small, (5,), "block"),
    "segmentation": Case(Segmentation, (4, 16, 16), "features"),
    "detection": Case(Anchors, (32, 7), "features"),
    "embedding": Case(Embedding, (16,), "features"),
}


@pytest.fixture(scope="module", params=CASES)
def case(request: Any, tmp_path_factory: Any) -> tuple[Case, nn.Module, ExportReport]:
    torch.manual_seed(0)
    found = CASES[request.param]
    module = randomised(found.make())
    dense = {"score_output": 0} if len(found.shape) > 1 else {}
    path = tmp_path_factory.mktemp("seeds") / "out.onnx"
    return found, module, export(module, path, input_shape=(3, 16, 16), layers=[found.layer], **dense)


def images(count: int) -> Array:
    return np.random.default_rng(0).standard_normal((count, 3, 16, 16)).astype(np.float32)


def autograd(module: nn.Module, layer: str, image: Array, v: Array) -> tuple[Array, Array, Array]:
    """Activations, dy/dA, and the guided gradient of ``<v, scores>``; image and v have one row each."""
    found: dict[str, torch.Tensor] = {}
    hook = module.get_submodule(layer).register_forward_hook(lambda _m, _i, y: found.update(a=y))
    x, weights = torch.from_numpy(image).requires_grad_(), torch.from_numpy(v)
    (gradient,) = torch.autograd.grad((module(x) * weights).sum(), found["a"])
    activation = found["a"].detach().numpy()
    hook.remove()
    with reference.GuidedBackpropagation():
        (guided,) = torch.autograd.grad((module(x) * weights).sum(), x)
    return activation, gradient.numpy(), guided.numpy()


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (1, 3), (3, 3)])
def test_the_gradients_of_random_seeds(case: Any, count: int, rows: int) -> None:
    found, module, report = case
    v = np.random.default_rng(1).standard_normal((rows, *found.shape)).astype(np.float32)
    batch = images(count)
    got = Explainer(report.path).run(batch, [targets.Linear(row) for row in v])
    assert got.class_index.tolist() == [-1] * rows
    for row in range(rows):
        image = batch[row : row + 1] if count > 1 else batch
        a, g, guided = autograd(module, found.layer, image, v[row : row + 1])
        assert reference.relative_error(got.activations[found.layer][row if count > 1 else 0][None], a) < 1e-5
        assert reference.relative_error(got.gradients[found.layer][row : row + 1], g) < 1e-4
        assert reference.relative_error(got.guided_backprop()[row : row + 1], guided) < 1e-4
        y = (module(torch.from_numpy(image))[0] * torch.from_numpy(v[row])).sum().item()
        assert got.explained(row).score == pytest.approx(y, rel=1e-4, abs=1e-5)


def test_what_is_not_of_classes_has_no_target_input(case: Any) -> None:
    found, _, report = case
    graph = onnx.load(report.path).graph
    dense = len(found.shape) > 1
    assert ("onnxcam.target" in {value.name for value in graph.input}) != dense
    assert ("onnxcam.class_index" in {value.name for value in graph.output}) != dense
    assert report.metadata.shape_of_scores == found.shape
    assert report.metadata.verification is not None
    assert max(report.metadata.verification.errors.values()) < 1e-3


def test_the_default_layer_comes_before_the_scores_of_every_pixel(tmp_path: Path) -> None:
    report = export(randomised(Segmentation()), tmp_path / "out.onnx", input_shape=(3, 16, 16), score_output=0)
    assert report.metadata.layers[0].shape == (8, 8, 8)


def run(report: ExportReport, level: int, **feeds: Array) -> dict[str, Array]:
    """The outputs in a bare session; inputs by the last parts of their names."""
    session = onnxruntime.InferenceSession(report.path, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    image = report.metadata.image.name
    given = {image: feeds.pop("image"), **{f"onnxcam.{name}": value for name, value in feeds.items()}}
    return dict(zip(names, session.run(names, {**given, "onnxcam.level": np.array(level)}), strict=True))


def test_targets_come_before_seeds(small_report: ExportReport) -> None:
    v = np.random.default_rng(1).standard_normal((2, 5)).astype(np.float32)
    v[1] = [0, 0, 1, 0, 0]
    got = run(small_report, 2, image=images(1), target=np.array([2, -1]), seed=v)
    top = int(got["onnxcam.scores"].argmax())
    assert got["onnxcam.class_index"].tolist() == [2, top, -1, -1]
    for name in ("gradients/block", "grad_cam/block", "guided_gradients", "guided_grad_cam/block"):
        values = got[f"onnxcam.{name}"]
        assert len(values) == 4
        np.testing.assert_allclose(values[0], values[3], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("count", [1, 3])
def test_an_empty_target_leaves_the_seeds(small_report: ExportReport, count: int) -> None:
    one = np.eye(5, dtype=np.float32)[[3] * count]
    seeded = run(small_report, 2, image=images(count), target=np.zeros(0, np.int64), seed=one)
    named = run(small_report, 2, image=images(count), target=np.array([3] * count))
    assert seeded["onnxcam.class_index"].tolist() == [-1] * count
    for name, value in named.items():
        if name != "onnxcam.class_index":
            np.testing.assert_allclose(seeded[name], value, rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_level_has_the_rows_of_its_outputs(small_report: ExportReport, level: int) -> None:
    got = run(small_report, level, image=images(1), target=np.array([0, 1]), seed=np.ones((1, 5), np.float32))
    for name, value in got.items():
        lowest = 2 if "guided" in name else 1
        explains = name.startswith(("onnxcam.act", "onnxcam.grad", "onnxcam.guided"))
        rows = 1 if name.startswith("onnxcam.act") else 3
        assert not explains or len(value) == (rows if level >= lowest else 0), name


@pytest.mark.parametrize(("count", "target"), [(1, [0, 1, -1]), (2, [3]), (2, [-1, 2])])
def test_finished_maps_are_those_of_numpy(small_report: ExportReport, count: int, target: list[int]) -> None:
    got = run(small_report, 2, image=images(count), target=np.array(target))
    for layer in ("relu", "block", "stem"):
        maps = cam.grad_cam(got[f"onnxcam.activations/{layer}"], got[f"onnxcam.gradients/{layer}"])
        assert reference.relative_error(got[f"onnxcam.grad_cam/{layer}"], maps) < 1e-5
        product = cam.guided_grad_cam(got["onnxcam.guided_gradients"], maps)
        assert reference.relative_error(got[f"onnxcam.guided_grad_cam/{layer}"], product) < 1e-5


MIXED = ["2", "weighted scores", "0 - 4", "probability of 1", "not 3"]


def test_targets_of_all_kinds_keep_their_order(small_report: ExportReport) -> None:
    module, explainer, image = small(), Explainer(small_report.path), images(1)
    v = np.array([1, -1, 0.5, 0, 2], np.float32)
    scalars = [2, targets.Linear(v), targets.Contrast(0, 4), targets.Probability(1), targets.Negative(3)]
    got = explainer.run(image, scalars)
    assert got.labels == MIXED
    s = module(torch.from_numpy(image))[0].detach()
    p = s.softmax(0)
    rows = [
        *(np.eye(5)[2], v, np.eye(5)[0] - np.eye(5)[4]),
        *((p[1] * (torch.eye(5)[1] - p)).numpy(), -np.eye(5)[3]),
    ]
    for row, weights in enumerate(rows):
        _, g, guided = autograd(module, "block", image, weights[None].astype(np.float32))
        assert reference.relative_error(got.gradients["block"][row : row + 1], g) < 1e-4
        assert reference.relative_error(got.guided_backprop()[row : row + 1], guided) < 1e-4


def test_several_images_take_scalars_and_ranks(small_report: ExportReport) -> None:
    explainer, batch = Explainer(small_report.path), images(3)
    got = explainer.run(batch, [-1, targets.Contrast(1, 2), 4])
    alone = [explainer.run(batch[row : row + 1], target) for row, target in enumerate((-1, targets.Contrast(1, 2), 4))]
    assert got.class_index.tolist() == [alone[0].class_index[0], -1, 4]
    for row, expected in enumerate(alone):
        np.testing.assert_allclose(got.guided_backprop()[row], expected.guided_backprop()[0], rtol=1e-3, atol=1e-6)
    each = explainer.run(batch[:2], [[0, targets.Negative(0)], [1, targets.Negative(1)]])
    np.testing.assert_allclose(each.gradients["block"][0], -each.gradients["block"][1], rtol=1e-5, atol=1e-8)


FORMS: dict[str, dict[str, Any]] = {
    "drop-in": {},
    "required": {"inputs": "required"},
    "ceiling": {"level": 1},
    "flat": {"flat": True},
    "flat ceiling, required": {"flat": True, "level": 1, "inputs": "required"},
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same(form: str, small_report: ExportReport, tmp_path: Path) -> None:
    report = export(small(), tmp_path / "form.onnx", input_shape=(3, 16, 16), layers=["block"], **FORMS[form])
    onnx.checker.check_model(str(report.path), full_check=True)
    highest = FORMS[form].get("level", 2)
    target = [1, targets.Linear([0, 1, 0, 0, -1])]
    got, expected = (
        Explainer(r.path).run(images(1), target, layer="block", level=highest) for r in (report, small_report)
    )
    np.testing.assert_allclose(got.scores, expected.scores, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(got.grad_cam(), expected.grad_cam(), rtol=1e-4, atol=1e-6)
    outputs = {value.name for value in onnx.load(report.path).graph.output}
    assert any("guided" in name for name in outputs) == (highest == 2)
    defaults = {tensor.name for tensor in onnx.load(report.path).graph.initializer} & {"onnxcam.target", "onnxcam.seed"}
    assert len(defaults) == (0 if "required" in form else 2)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_adapting_changes_no_answer(small_report: ExportReport, level: int) -> None:
    original = Explainer(small_report.path)
    fixed = Explainer(onnxcam.adapt(small_report.path, inputs="required", level=level))
    target = [1, targets.Linear([0, 1, 0, 0, -1]), -1]
    got, expected = (explainer.run(images(1), target, level=level) for explainer in (fixed, original))
    np.testing.assert_array_equal(got.scores, expected.scores)
    np.testing.assert_array_equal(got.class_index, expected.class_index)
    for layer, values in expected.gradients.items():
        np.testing.assert_allclose(got.gradients[layer], values, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"inputs": "none"}, "inputs is 'none'; it must be 'optional' or 'required'"),
        ({"level": 0}, "the level is 0; it must be 2, or 1 to leave out the gradient at the input"),
        ({"level": True}, "the level is True"),
    ],
)
def test_a_form_that_does_not_exist_is_said(options: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=words):
        export(small(), tmp_path / "m.onnx", input_shape=(3, 16, 16), **options)


def test_one_score_with_two_labels(tmp_path: Path) -> None:
    report = export(small(1), tmp_path / "m.onnx", input_shape=(3, 16, 16), labels=["healthy", "ill"])
    explainer = Explainer(report.path)
    got = explainer.run(images(1), ["ill", "healthy", 1, 0, -1])
    top = "ill" if got.scores[0, 0] > 0 else "healthy"
    assert got.labels == ["ill", "healthy", "ill", "healthy", top]
    layer = report.metadata.layers[0].name
    np.testing.assert_allclose(got.gradients[layer][0], -got.gradients[layer][1], rtol=1e-5)
    assert got.explained(1).score == -got.explained(0).score
    assert [item.label for item in got.top()] == [top, "healthy" if top == "ill" else "ill"]
