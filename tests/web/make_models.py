"""Writes the small explainer models of the npm package's tests: ``python tests/web/make_models.py``.

``toy.onnx`` is captum's toy network, whose explanations are published numbers, and ``plain.onnx`` the same with the
plain gradient at its input. ``pooled.onnx`` has labels, preprocessing and a CAM; ``flat.onnx`` is the same network
without gates and with the channels last. ``detector.onnx`` is a raw detection head with letterboxed images, and
``dense.onnx`` has scores for places. Needs onnxcam-export; the tests do not.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper, parser

from onnxcam.contract import METADATA_KEY
from onnxcam.metadata import Metadata
from onnxcam_export import export

DATA = Path(__file__).parent / "data"

TOY = """
toy (float[N,1,4,4] input) => (float[N,4] output) {
    conv1 = Conv(input, conv_weight, conv_bias)
    relu1 = Relu(conv1)
    flat = Flatten(relu1)
    fc1 = Gemm<transB = 1>(flat, fc_weight)
    output = Relu(fc1)
}
"""
POOLED = """
pooled (float[N,3,8,8] image) => (float[N,5] probabilities) {
    conv = Conv<pads = [1,1,1,1]>(image, conv_weight)
    features = Relu(conv)
    pool = GlobalAveragePool(features)
    flat = Flatten(pool)
    logits = Gemm<transB = 1>(flat, fc_weight, fc_bias)
    probabilities = Softmax<axis = 1>(logits)
}
"""
FLAT = POOLED.replace("[N,3,8,8]", "[N,8,8,3]").replace(
    "conv = Conv<pads = [1,1,1,1]>(image, conv_weight)",
    "first = Transpose<perm = [0,3,1,2]>(image)\nconv = Conv<pads = [1,1,1,1]>(first, conv_weight)",
)
# 8 by 8 cells of 2 pixels: a box around each cell's centre, and the scores of three classes.
DETECTOR = """
detector (float[N,3,16,16] image) => (float[N,7,64] head) {
    conv = Conv<pads = [1,1,1,1], strides = [2,2]>(image, conv_weight)
    features = Relu(conv)
    raw = Conv(features, box_weight)
    raw_boxes = Reshape(raw, box_shape)
    raw_sizes = Sigmoid(raw_boxes)
    sizes = Mul(raw_sizes, sixteen)
    logits = Conv(features, class_weight)
    raw_scores = Reshape(logits, class_shape)
    scores = Sigmoid(raw_scores)
    zeros = Mul(sizes, zero)
    places = Add(zeros, centres)
    head = Concat<axis = 1>(places, sizes, scores)
}
"""
DENSE = """
dense (float[N,3,8,8] image) => (float[N,3,8,8] scores) {
    conv = Conv<pads = [1,1,1,1]>(image, conv_weight)
    features = Relu(conv)
    scores = Conv(features, class_weight)
}
"""
LABELS = ["tabby, tabby cat", "tiger cat", "crane", "crane", "tiger, Panthera tigris"]
EIGHT = {"resize": 10, "crop": 8, "mean": (0.5,) * 3, "std": (0.25,) * 3}
SIXTEEN = {"resize": None, "crop": 16, "mean": (0.0,) * 3, "std": (1.0,) * 3, "letterbox": 114}


def weights() -> dict[str, np.ndarray[Any, Any]]:
    """As in captum's ``BasicModel_ConvNet_One_Conv``."""
    return {
        "conv_weight": np.ones((2, 1, 3, 3), np.float32),
        "conv_bias": np.array([-50, -75], np.float32),
        "fc_weight": np.tile(np.array([1, 1, 1, 1, 1, -1, -1, -1], np.float32), (4, 1)),
    }


def pooled_weights() -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    return {
        "conv_weight": rng.normal(size=(4, 3, 3, 3)).astype(np.float32),
        "fc_weight": (4 * rng.normal(size=(5, 4))).astype(np.float32),
        "fc_bias": rng.normal(size=5).astype(np.float32),
    }


def detector_weights() -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    cells = 2 * np.stack(np.meshgrid(np.arange(8), np.arange(8))).reshape(1, 2, 64) + 1
    return {
        "conv_weight": rng.normal(size=(6, 3, 3, 3)).astype(np.float32),
        "box_weight": rng.normal(size=(2, 6, 1, 1)).astype(np.float32),
        "class_weight": rng.normal(size=(3, 6, 1, 1)).astype(np.float32),
        "box_shape": np.array([-1, 2, 64]),
        "class_shape": np.array([-1, 3, 64]),
        "centres": cells.astype(np.float32),
        "sixteen": np.float32(16).reshape(()),
        "zero": np.float32(0).reshape(()),
    }


def dense_weights() -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    sizes = {"conv_weight": (4, 3, 3, 3), "class_weight": (3, 4, 1, 1)}
    return {name: rng.normal(size=size).astype(np.float32) for name, size in sizes.items()}


def write(name: str, text: str, arrays: dict[str, np.ndarray[Any, Any]], **options: Any) -> None:
    model = parser.parse_model(f'<ir_version: 10, opset_import: ["" : 20]> {text}')
    model.graph.initializer.extend(numpy_helper.from_array(value, key) for key, value in arrays.items())
    onnx.checker.check_model(model, full_check=True)
    export(model, DATA / f"{name}.onnx", **options)


def without_preprocessing(path: Path) -> None:
    """The export assumes the usual preprocessing of an image; this takes it out again."""
    model = onnx.load(path)
    (entry,) = (item for item in model.metadata_props if item.key == METADATA_KEY)
    entry.value = dataclasses.replace(Metadata.from_json(entry.value), preprocessing=None).to_json()
    onnx.save(model, path)


if __name__ == "__main__":
    DATA.mkdir(exist_ok=True)
    write("toy", TOY, weights(), layers=["relu1", "conv1"])
    without_preprocessing(DATA / "toy.onnx")
    write("plain", TOY, weights(), layers=["relu1", "conv1"], input_gradient="plain")
    pooled = {"layers": ["features"], "labels": LABELS, "preprocessing": EIGHT}
    write("pooled", POOLED, pooled_weights(), **pooled)
    write("flat", FLAT, pooled_weights(), **pooled, flat=True)
    layered = {"layers": ["features"], "labels": ["person", "car", "dog"]}
    write("detector", DETECTOR, detector_weights(), **layered, preprocessing=SIXTEEN, detection="yolov8")
    write("dense", DENSE, dense_weights(), **layered, preprocessing=EIGHT, score_output="scores")
