"""What the export's tests share: small graphs written as ONNX text with their gradients, and small PyTorch networks.

Exports that take seconds are made once for the session.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnx.parser
import onnx.reference
import onnx_ir as ir
import onnx_ir.passes.common as common_passes
import onnxruntime as ort
import pytest

import onnxcam
from onnxcam_export import ExportReport, export
from onnxcam_export.analyse.activations import forward_steps
from onnxcam_export.differentiate.backprop import backprop
from onnxcam_export.differentiate.rule import PLAIN, Rule
from onnxcam_export.graph.builder import Builder
from onnxcam_export.read.files.explicit_padding import make_explicit
from support.models import declare_torchvision_operators
from support.networks import small

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import nn

declare_torchvision_operators()

Array = np.ndarray[Any, Any]
DATA = Path(__file__).parent.parent / "data"


def assignments(text: str) -> str:
    """A single expression as ``y = …``."""
    return text if "=" in re.sub("<.*?>", "", text) else f"y = {text}"


class Graph:
    """A graph ``y = …`` of variables and constants.

    A tensor given as a shape that begins with "N" is a variable; any other shape is a constant drawn at random; lists
    are int64 constants, arrays are constants as they are.
    """

    def __init__(
        self,
        text: str,
        *,
        reference: str | Callable[..., Any] | None = None,
        opset: int = 20,
        positive: bool = False,
        shape: Sequence[int | str] | None = None,
        **tensors: Any,
    ) -> None:
        self.text = assignments(text)
        self.reference_text = assignments(reference) if isinstance(reference, str) else self.text
        self.numpy = reference if callable(reference) else None
        self.opset = opset
        self.shape = shape  # of y, where ONNX does not infer it
        self.positive = positive
        self.rng = np.random.default_rng(0)
        self.shapes = {name: spec for name, spec in tensors.items() if isinstance(spec, tuple) and "N" in spec}
        self.constants = {
            name: self.draw(spec) if isinstance(spec, tuple) else np.asarray(spec)
            for name, spec in tensors.items()
            if name not in self.shapes
        }

    def draw(self, shape: Sequence[int | str], rows: int = 2) -> Array:
        """Random numbers; positive ones keep roots and logarithms away from zero."""
        size = [rows if dim == "N" else dim for dim in shape]
        drawn = self.rng.uniform(0.5, 2.0, size) if self.positive else self.rng.standard_normal(size)
        return np.asarray(drawn, np.float32)

    def variables(self, rows: int) -> dict[str, Array]:
        return {name: self.draw(shape, rows) for name, shape in self.shapes.items()}

    def proto(self, element: type = np.float32, text: str = "") -> onnx.ModelProto:
        kind = {np.float32: "float", np.float64: "double", np.float16: "float16"}[element]
        inputs = ", ".join(f"{kind}[{','.join(map(str, shape))}] {name}" for name, shape in self.shapes.items())
        model = onnx.parser.parse_model(
            f'<ir_version: 10, opset_import: ["": {self.opset}]> g ({inputs}) => ({kind} y) {{ {text or self.text} }}'
        )
        for name, array in self.constants.items():
            typed = array.astype(element) if array.dtype == np.float32 else array
            model.graph.initializer.append(onnx.numpy_helper.from_array(typed, name))
        model.graph.output[0].type.tensor_type.ClearField("shape")
        if self.shape is not None:
            model.graph.output[0].CopyFrom(
                onnx.helper.make_tensor_value_info("y", model.graph.output[0].type.tensor_type.elem_type, self.shape)
            )
        return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)

    def reference(self, variables: Mapping[str, Array]) -> Array:
        """y in float64, by ONNX's reference implementation or by NumPy."""
        wide = {name: x.astype(np.float64) for name, x in variables.items()}
        if self.numpy is not None:
            return np.asarray(self.numpy(**wide, **{name: x.astype(np.float64) for name, x in self.constants.items()}))
        evaluator = onnx.reference.ReferenceEvaluator(self.proto(np.float64, self.reference_text))
        return np.asarray(evaluator.run(None, wide)[0])

    def forward(self, variables: Mapping[str, Array], element: type = np.float32) -> Array:
        """y by ONNX Runtime."""
        return run(self.proto(element), variables)["y"]

    def gradient(
        self, *, rules: Mapping[str, Rule] = PLAIN, of: Sequence[str] | None = None, element: type = np.float32
    ) -> onnx.ModelProto:
        """The model that computes ``d(dy . y)/dx`` for the variables named, as outputs ``dx`` and so on."""
        model = ir.from_proto(self.proto(element))
        graph = model.graph
        make_explicit(graph)
        variables = [value for value in graph.inputs if of is None or value.name in of]
        y = graph.outputs[0]
        assert y.shape is not None
        seed = ir.val("dy", dtype=y.dtype, shape=["M", *list(y.shape)[1:]])
        graph.inputs.append(seed)
        op = Builder(graph, y.dtype or ir.DataType.FLOAT)
        gradients = backprop(op, forward_steps(graph), y, seed, variables, rules=rules)
        graph.outputs.clear()
        for x in variables:
            assert x.shape is not None
            output = op.Identity(gradients[x])
            output.name, output.type = f"d{x.name}", ir.TensorType(x.dtype or ir.DataType.FLOAT)
            output.shape = ir.Shape(["rows", *list(x.shape)[1:]])
            graph.outputs.append(output)
        graph.extend(op.all_nodes)
        common_passes.RemoveUnusedNodesPass()(model)
        proto = ir.to_proto(model)
        onnx.checker.check_model(proto, full_check=True)
        return proto


def run(model: onnx.ModelProto, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """All outputs by name, computed by ONNX Runtime."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = {value.name for value in [*session.get_inputs(), *session.get_overridable_initializers()]}
    results = session.run(None, {name: array for name, array in inputs.items() if name in names})
    return dict(zip([value.name for value in session.get_outputs()], results, strict=True))


@pytest.fixture
def graph() -> type[Graph]:
    return Graph


@pytest.fixture
def evaluate() -> Any:
    return run


@pytest.fixture(scope="session")
def data() -> Path:
    return DATA


@pytest.fixture
def small_module() -> nn.Module:
    """A new small network, 3 x 16 x 16, five classes; its weights are always the same."""
    return small()


@pytest.fixture(scope="session")
def small_report(tmp_path_factory) -> ExportReport:
    """The small network, exported with three layers."""
    path = tmp_path_factory.mktemp("small") / "small.onnx"
    return export(small(), path, input_shape=(3, 16, 16), layers=["relu", "block", "stem"])


@pytest.fixture(scope="session")
def small_flat(tmp_path_factory) -> ExportReport:
    path = tmp_path_factory.mktemp("small") / "flat.onnx"
    return export(small(), path, input_shape=(3, 16, 16), layers=["relu", "block", "stem"], flat=True)


@pytest.fixture
def images() -> Callable[..., Array]:
    """``images(2)``: a batch for the small network; ``images(2, 32)`` of another size."""

    def make(count: int, size: int = 16, channels: int = 3) -> Array:
        return np.random.default_rng(0).standard_normal((count, channels, size, size)).astype(np.float32)

    return make


@pytest.fixture(name="run")
def run_by_name() -> Callable[..., dict[str, Array]]:
    """``run(path, x=…, **{"onnxcam.level": 1})``: all outputs of a model by name, with no help from the product."""

    def run_model(path: Path, **feeds: Any) -> dict[str, Array]:
        types = {"onnxcam.level": np.int64, "onnxcam.target": np.int64}
        return run(onnx.load(path), {name: np.asarray(value, types.get(name)) for name, value in feeds.items()})

    return run_model


@pytest.fixture
def explain() -> Callable[..., onnxcam.Explanation]:
    """``explain(report, images, target)``: the artifact's answers through the runtime."""

    def run_explainer(report: ExportReport, image: Array, target: Any = -1, **options: Any) -> onnxcam.Explanation:
        return onnxcam.Explainer(report.path).run(image, target, **options)

    return run_explainer
