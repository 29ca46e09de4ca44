"""Models in the manner of their producers, through the whole export: verified, and answering as before."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from onnx_text import model, small
from onnxcam_export import ExportReport, SourceError, export
from onnxcam_export.verify.against_original import QUANTISED_NOTE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def session(model: Any) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    source = model.SerializeToString() if isinstance(model, onnx.ModelProto) else model
    return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def tf2onnx() -> onnx.ModelProto:
    """NHWC with a Transpose behind it, Reshape with constants, MatMul + Add, opset 9 and IR 4."""
    return model(
        """g (float[unk__1,16,16,3] image) => (float[unk__2,5] probabilities) {
            t = Transpose <perm = [0, 3, 1, 2]> (image)
            c1 = Conv <auto_pad = "SAME_UPPER", strides = [2, 2], kernel_shape = [3, 3]> (t, w1, b1)
            r1 = Relu(c1)
            m = MaxPool <auto_pad = "SAME_UPPER", strides = [2, 2], kernel_shape = [3, 3]> (r1)
            c2 = Conv <auto_pad = "SAME_LOWER", kernel_shape = [2, 2]> (m, w2)
            n = BatchNormalization(c2, scale, shift, mean, var)
            r2 = Relu(n)
            a = AveragePool <kernel_shape = [4, 4], strides = [4, 4]> (r2)
            s = Reshape(a, squeezed)
            d = MatMul(s, w3)
            y = Add(d, b3)
            probabilities = Softmax <axis = 1> (y)
        }""",
        opset=9,
        ir_version=4,
        w1=(6, 3, 3, 3),
        b1=(6,),
        w2=(8, 6, 2, 2),
        scale=np.linspace(0.5, 1.5, 8, dtype=np.float32),
        shift=(8,),
        mean=(8,),
        var=np.linspace(0.5, 2, 8, dtype=np.float32),
        squeezed=[-1, 8],
        w3=(8, 5),
        b3=(5,),
    )


def keras2onnx() -> onnx.ModelProto:
    """PRelu with a slope for each channel, a Transpose back to NHWC before Flatten, and an output for boxes."""
    return model(
        """g (float[N,12,12,3] input_1) => (float[N,4] boxes, float[N,2] probabilities) {
            t = Transpose <perm = [0, 3, 1, 2]> (input_1)
            c1 = Conv <kernel_shape = [3, 3]> (t, w1)
            p1 = PRelu(c1, slope)
            c2 = Conv <kernel_shape = [3, 3]> (p1, w2)
            p2 = PRelu(c2, slope)
            back = Transpose <perm = [0, 2, 3, 1]> (p2)
            f = Flatten(back)
            boxes = MatMul(f, w3)
            y = MatMul(f, w4)
            probabilities = Softmax <axis = 1> (y)
        }""",
        opset=12,
        ir_version=7,
        w1=(6, 3, 3, 3),
        w2=(6, 6, 3, 3),
        slope=np.full((6, 1, 1), 0.25, np.float32),
        w3=(384, 4),
        w4=(384, 2),
    )


def paddle() -> onnx.ModelProto:
    """Unfused batch norm, HardSwish written out, a HardSigmoid gate, flattening by Shape, Slice and Concat."""
    return model(
        """g (float[N,3,H,W] x) => (float[N,5] probabilities) {
            c1 = Conv <pads = [1, 1, 1, 1], strides = [2, 2]> (x, w1)
            n1 = BatchNormalization <epsilon = 0.00001> (c1, scale, shift, mean, var)
            three = Constant <value = float {3.0}> ()
            plus = Add(n1, three)
            low = Constant <value = float {0.0}> ()
            high = Constant <value = float {6.0}> ()
            clipped = Clip(plus, low, high)
            product = Mul(n1, clipped)
            h = Div(product, high)
            g1 = GlobalAveragePool(h)
            g2 = Conv(g1, w2, b2)
            g3 = Relu(g2)
            g4 = Conv(g3, w3, b3)
            gate = HardSigmoid <alpha = 0.2, beta = 0.5> (g4)
            gated = Mul(h, gate)
            m = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (gated)
            shape = Shape(m)
            shape32 = Cast <to = 6> (shape)
            zero = Constant <value = int64[1] {0}> ()
            one = Constant <value = int64[1] {1}> ()
            rows = Slice(shape32, zero, one)
            rest = Constant <value = int32[1] {-1}> ()
            joined = Concat <axis = 0> (rows, rest)
            target = Cast <to = 7> (joined)
            f = Reshape(m, target)
            y1 = MatMul(f, w4)
            y = Add(y1, b4)
            soft = Softmax <axis = 1> (y)
            probabilities = Identity(soft)
        }""",
        opset=11,
        ir_version=7,
        w1=(8, 3, 3, 3),
        scale=np.linspace(0.5, 1.5, 8, dtype=np.float32),
        shift=(8,),
        mean=(8,),
        var=np.linspace(0.5, 2, 8, dtype=np.float32),
        w2=(2, 8, 1, 1),
        b2=(2,),
        w3=(8, 2, 1, 1),
        b3=(8,),
        w4=(8 * 4 * 8, 5),
        b4=(5,),
    )


def caffe() -> onnx.ModelProto:
    """LRN, ceil-mode pooling, Dropout with a mask, a batch of one, initializers that are inputs too, IR 3."""
    proto = model(
        """g (float[1,3,17,17] data_0) => (float[1,5] prob_1) {
            c = Conv <strides = [2, 2], kernel_shape = [3, 3]> (data_0, w1, b1)
            r = Relu(c)
            n = LRN <size = 3, alpha = 0.05, beta = 0.75, bias = 1.0> (r)
            m = MaxPool <kernel_shape = [3, 3], strides = [2, 2]> (n)
            q = AveragePool <kernel_shape = [2, 2], pads = [0, 0, 1, 1]> (m)
            s = Reshape(q, flat)
            d, mask = Dropout <ratio = 0.5> (s)
            y = Gemm <transB = 1> (d, w2, b2)
            prob_1 = Softmax <axis = 1> (y)
        }""",
        opset=9,
        ir_version=3,
        w1=(6, 3, 3, 3),
        b1=(6,),
        flat=[1, 6 * 9],
        w2=(5, 6 * 9),
        b2=(5,),
    )
    for tensor in proto.graph.initializer:
        proto.graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    return proto


def caffe_ceil() -> onnx.ModelProto:
    """Ceil-mode max pooling over an odd map, and a score of shape [1, C, 1, 1] behind a convolution."""
    return model(
        """g (float[1,3,16,16] data) => (float[1,5,1,1] prob) {
            c = Conv <kernel_shape = [3, 3]> (data, w1)
            r = Relu(c)
            m = MaxPool <kernel_shape = [3, 3], strides = [2, 2], ceil_mode = 1> (r)
            c2 = Conv <kernel_shape = [1, 1]> (m, w2)
            r2 = Relu(c2)
            y = GlobalAveragePool(r2)
            prob = Softmax <axis = 1> (y)
        }""",
        opset=11,
        w1=(6, 3, 3, 3),
        w2=(5, 6, 1, 1),
    )


def scikit() -> onnx.ModelProto:
    """ArgMax and a ZipMap behind the probabilities."""
    proto = small(
        "float[N,5] probabilities, int64[N] label",
        """y = Gemm(f, w2, b2)
           probabilities = Softmax(y)
           label = ArgMax <axis = 1, keepdims = 0> (probabilities)""",
        opset=15,
        ir_version=8,
        domains=', "ai.onnx.ml": 1',
    )
    proto.graph.node.append(
        onnx.helper.make_node(
            "ZipMap", ["probabilities"], ["maps"], domain="ai.onnx.ml", classlabels_int64s=[0, 1, 2, 3, 4]
        )
    )
    kind = proto.graph.output.add(name="maps").type.sequence_type.elem_type.map_type
    kind.key_type = onnx.TensorProto.INT64
    kind.value_type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    return proto


def sigmoid() -> onnx.ModelProto:
    """A single class, without a class axis."""
    return small(
        "float[N] probability",
        """y = Gemm(f, w2, b2)
           s = Sigmoid(y)
           probability = Squeeze(s, axes)""",
        weights={"w2": (4, 1), "b2": (1,), "axes": [1]},
    )


def pixels() -> onnx.ModelProto:
    """Bytes in NHWC, moved first and cast then."""
    return model(
        """g (uint8[N,12,12,3] image) => (float[N,5] y) {
            t = Transpose <perm = [0, 3, 1, 2]> (image)
            x = Cast <to = 1> (t)
            s = Div(x, scale)
            c = Conv <pads = [1, 1, 1, 1]> (s, w1)
            r = Relu(c)
            p = GlobalAveragePool(r)
            f = Flatten(p)
            y = Gemm(f, w2)
        }""",
        scale=np.array(64, np.float32),
        w1=(4, 3, 3, 3),
        w2=(4, 5),
    )


CASES: dict[Callable[[], onnx.ModelProto], dict[str, Any]] = {
    tf2onnx: {"layer": "r2", "shape": (8, 4, 4), "classes": 5, "activation": "softmax"},
    keras2onnx: {"layer": "p2", "shape": (6, 8, 8), "classes": 2, "activation": "softmax"},
    paddle: {"layer": "m", "shape": (8, 4, 8), "classes": 5, "activation": "softmax", "input_shape": (16, 32)},
    caffe: {"layer": "q", "shape": (6, 3, 3), "classes": 5, "activation": "softmax"},
    caffe_ceil: {"layer": "r2", "shape": (5, 7, 7), "classes": 5, "activation": "softmax"},
    scikit: {"layer": "r", "shape": (4, 12, 12), "classes": 5, "activation": "softmax"},
    sigmoid: {"layer": "r", "shape": (4, 12, 12), "classes": 1, "activation": "sigmoid"},
    pixels: {"layer": "r", "shape": (4, 12, 12), "classes": 5, "activation": None},
}


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_a_model_of_every_producer_is_exported_and_verified(
    make: Callable[[], onnx.ModelProto], tmp_path: Path
) -> None:
    case, proto = CASES[make], make()
    before = proto.SerializeToString()
    report = export(proto, tmp_path / "explained.onnx", input_shape=case.get("input_shape"))
    assert proto.SerializeToString() == before
    (layer,) = report.metadata.layers
    assert (layer.name, layer.shape) == (case["layer"], case["shape"])
    assert (report.metadata.classes, report.metadata.score_activation) == (case["classes"], case["activation"])
    assert_verified(report)
    assert_drop_in(proto, report)


def assert_verified(report: ExportReport) -> None:
    found = report.metadata.verification
    assert found is not None
    assert {"plain gradient at the image", "onnxcam.guided_gradients"} < found.errors.keys()
    assert f"onnxcam.gradients/{report.metadata.layers[0].name}" in found.errors


def assert_drop_in(proto: onnx.ModelProto, report: ExportReport, largest: float = 255) -> None:
    """Same inputs and outputs, in order, and the same answers to the image alone, of values up to the largest."""
    original, artifact = session(proto), session(report.path)
    image = report.metadata.image
    added = len(artifact.get_outputs()) - len(original.get_outputs())
    assert added == 7  # scores, class, activations, gradients, the gradient at the input, and two finished maps
    for before, now in zip(original.get_outputs(), artifact.get_outputs(), strict=False):
        assert (before.name, before.type) == (now.name, now.type)
        assert len(before.shape) == len(now.shape)
    assert [item.name for item in artifact.get_inputs()] == [image.name]
    assert (artifact.get_inputs()[0].shape[0] == 1) == (image.batch == 1)
    pixels = np.random.default_rng(1).uniform(0, largest, (image.batch or 2, *image.shape)).astype(image.dtype)
    names = [item.name for item in original.get_outputs()]
    for expected, got in zip(
        original.run(names, {image.name: pixels}), artifact.run(names, {image.name: pixels}), strict=True
    ):
        if isinstance(expected, list):
            assert [list(item) for item in got] == [list(item) for item in expected]
        else:
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
            assert got.shape == expected.shape


def test_the_guided_gradient_of_pixels_has_the_layout_of_the_input(tmp_path: Path) -> None:
    report = export(pixels(), tmp_path / "explained.onnx")
    image = np.random.default_rng(0).integers(0, 256, (2, 12, 12, 3)).astype(np.uint8)
    feeds = {"image": image, "onnxcam.level": np.array(2), "onnxcam.target": np.asarray([1, 2])}
    (guided,) = session(report.path).run(["onnxcam.guided_gradients"], feeds)
    assert guided.shape == (2, 12, 12, 3)
    assert guided.dtype == np.float32
    assert report.metadata.image.dtype == "uint8"
    assert report.metadata.preprocessing is not None
    assert report.metadata.preprocessing.scale == 1.0


def test_a_fixed_batch_of_one_explains_several_classes_of_the_image(tmp_path: Path) -> None:
    report = export(caffe(), tmp_path / "explained.onnx")
    assert report.metadata.image.batch == 1
    image = np.random.default_rng(0).standard_normal((1, 3, 17, 17)).astype(np.float32)
    run = session(report.path)
    names = ["onnxcam.gradients/q", "onnxcam.guided_gradients"]
    all_rows = run.run(names, {"data_0": image, "onnxcam.level": np.array(2), "onnxcam.target": np.arange(5)})
    assert [rows.shape for rows in all_rows] == [(5, 6, 3, 3), (5, 3, 17, 17)]
    for target in range(5):
        one = run.run(names, {"data_0": image, "onnxcam.level": np.array(2), "onnxcam.target": np.asarray([target])})
        for rows, row in zip(all_rows, one, strict=True):
            np.testing.assert_allclose(rows[target], row[0], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("make", [caffe, caffe_ceil])
def test_a_fixed_batch_becomes_symbolic_when_asked(make: Callable[[], onnx.ModelProto], tmp_path: Path) -> None:
    report = export(make(), tmp_path / "explained.onnx", dynamic_batch=True)
    assert report.metadata.image.batch is None
    run, original = session(report.path), session(make())
    image = np.random.default_rng(0).standard_normal((3, *report.metadata.image.shape)).astype(np.float32)
    name = report.metadata.image.name
    (answers,) = run.run([run.get_outputs()[0].name], {name: image})
    expected = np.concatenate([original.run(None, {name: image[i : i + 1]})[0] for i in range(3)])
    np.testing.assert_allclose(answers, expected, rtol=1e-5, atol=1e-7)
    assert isinstance(run.get_outputs()[0].shape[0], str)


def test_pytorch_s_old_exporter_with_names_of_modules(tmp_path: Path) -> None:
    import torch  # noqa: PLC0415 — seconds, and only here

    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False),
        torch.nn.BatchNorm2d(8),
        torch.nn.ReLU6(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Dropout(),
        torch.nn.Linear(8, 5),
    ).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (torch.randn(1, 3, 16, 16),),
            str(tmp_path / "old.onnx"),
            dynamo=False,
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes={"image": {0: "n"}, "logits": {0: "n"}},
            opset_version=13,
        )
    report = export(tmp_path / "old.onnx", tmp_path / "explained.onnx", layers="/2/Clip")
    assert report.metadata.layers[0].shape == (8, 8, 8)
    assert report.metadata.cam_layer == "/2/Clip"
    assert_drop_in(onnx.load(tmp_path / "old.onnx"), report)


def quantised(proto: onnx.ModelProto, folder: Path, form: str) -> Path:
    """As ONNX Runtime's static quantisation writes it."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static  # noqa: PLC0415

    class Noise(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            rng = np.random.default_rng(0)
            self.batches = iter([{"x": rng.standard_normal((1, 3, 12, 12)).astype(np.float32)} for _ in range(4)])

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.batches, None)

    onnx.save(proto, folder / "float.onnx")
    quantize_static(folder / "float.onnx", folder / "int8.onnx", Noise(), quant_format=QuantFormat[form])
    return folder / "int8.onnx"


def test_onnx_runtime_s_quantised_models_are_exported_but_not_differenced(tmp_path: Path) -> None:
    source = quantised(small(), tmp_path, "QDQ")
    report = export(source, tmp_path / "explained.onnx")
    found = report.metadata.verification
    assert found is not None
    assert found.errors["y"] < 1e-6
    assert found.notes == (QUANTISED_NOTE,)
    # Beyond the calibrated range, sums of 16 bits overflow on processors without kernels for 8-bit integers.
    assert_drop_in(onnx.load(source), report, largest=1)


def test_integer_kernels_are_refused(tmp_path: Path) -> None:
    source = quantised(small(), tmp_path, "QOperator")
    with pytest.raises(
        SourceError, match=r"the model computes in integers \(QLinearConv.*\), which have no gradient; qua"
    ):
        export(source, tmp_path / "explained.onnx")
