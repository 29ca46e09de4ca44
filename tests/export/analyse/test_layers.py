"""Which values can be target layers, and which of them is the default, in graphs of every layout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnx.utils
import pytest

from onnx_text import model, small
from onnxcam import Explainer
from onnxcam_export import TargetLayerError, candidates, export

if TYPE_CHECKING:
    from pathlib import Path

    from onnxcam_export.analyse.layers import Candidate

Array = np.ndarray[Any, Any]


def channels_last() -> onnx.ModelProto:
    """A convolution between transposes, an addition in NHWC, and a Transpose in front of Flatten."""
    return model(
        """g (float[N,12,12,3] image) => (float[N,5] y) {
            scaled = Mul(image, two)
            t1 = Transpose <perm = [0, 3, 1, 2]> (scaled)
            c1 = Conv(t1, w1)
            r1 = Relu(c1)
            t2 = Transpose <perm = [0, 2, 3, 1]> (r1)
            moved = Add(t2, shift)
            t3 = Transpose <perm = [0, 3, 1, 2]> (moved)
            c2 = Conv(t3, w2)
            r2 = Relu(c2)
            t4 = Transpose <perm = [0, 2, 3, 1]> (r2)
            f = Flatten(t4)
            y = MatMul(f, w3)
        }""",
        two=(1,),
        w1=(4, 3, 3, 3),
        shift=(4,),
        w2=(6, 4, 3, 3),
        w3=(6 * 8 * 8, 5),
    )


def keras3() -> onnx.ModelProto:
    """As Keras 3 writes it: bias and ReLU in NHWC, after the bare convolution."""
    return model(
        """g (float[N,12,12,3] image) => (float[N,5] y) {
            x = Transpose <perm = [0, 3, 1, 2]> (image)
            c = Conv(x, w1)
            back = Transpose <perm = [0, 2, 3, 1]> (c)
            biased = Add(back, b1)
            last_conv = Relu(biased)
            f = ReduceMean <keepdims = 0> (last_conv, axes)
            y = MatMul(f, w2)
        }""",
        w1=(4, 3, 3, 3),
        b1=(4,),
        w2=(4, 5),
        axes=[1, 2],
    )


def grey(head: str = "p = GlobalAveragePool(r2) f = Flatten(p)", features: int = 6) -> onnx.ModelProto:
    """As tf2onnx writes grey images: a Reshape in place of the Transpose, since no element moves."""
    return model(
        f"""g (float[N,14,10,1] image) => (float[N,5] y) {{
            x = Reshape(image, nchw)
            c1 = Conv(x, w1)
            r1 = LeakyRelu(c1)
            c2 = Conv(r1, w2)
            r2 = Relu(c2)
            {head}
            y = MatMul(f, w3)
        }}""",
        nchw=[-1, 1, 14, 10],
        w1=(4, 1, 3, 3),
        w2=(6, 4, 3, 3),
        w3=(features, 5),
    )


def by_name(proto: onnx.ModelProto) -> dict[str, Candidate]:
    return {layer.name: layer for layer in candidates(proto)}


def default(proto: onnx.ModelProto) -> Candidate:
    (found,) = [layer for layer in candidates(proto) if layer.is_default]
    return found


def test_maps_of_both_layouts_are_offered_each_with_its_view() -> None:
    found = by_name(channels_last())
    last = {"scaled", "t2", "moved", "t4"}
    assert set(found) == {"t1", "c1", "r1", "t3", "c2", "r2"} | last
    assert {name for name, layer in found.items() if layer.view.kind == "channels_last"} == last
    assert found["r2"].shape == found["t4"].shape == (6, 8, 8)
    assert found["scaled"].shape == (3, 12, 12)


def test_the_default_is_the_last_map_and_not_the_same_map_moved() -> None:
    assert default(channels_last()).name == "r2"


def test_the_default_is_the_activation_though_it_has_its_channels_last() -> None:
    found = default(keras3())
    assert (found.name, found.view.kind, found.shape) == ("last_conv", "channels_last", (4, 10, 10))


def test_grey_images_have_their_layout_from_what_reads_them() -> None:
    assert set(by_name(grey())) == {"x", "c1", "r1", "c2", "r2"}
    assert default(grey()).shape == (6, 10, 6)


def test_before_a_flattening_the_map_has_its_channels_where_they_are() -> None:
    flattened = "back = Transpose <perm = [0, 2, 3, 1]> (r2) f = Reshape(back, flat)"
    proto = grey(flattened, 360)
    proto.graph.initializer.add(name="flat", data_type=7, dims=[2], int64_data=[-1, 360])
    assert default(proto).name == "r2"
    assert by_name(proto)["back"].shape == (6, 10, 6)


@pytest.mark.parametrize("width", [1, 3, 4])
def test_an_image_that_is_as_narrow_as_channels_is_read_by_its_convolution(width: int) -> None:
    proto = model(
        f"""g (float[N,2,9,{width}] x) => (float[N,5] y) {{
            c = Conv <pads = [1, 1, 1, 1]> (x, w1)
            p = GlobalAveragePool(c)
            f = Flatten(p)
            y = MatMul(f, w2)
        }}""",
        w1=(4, 2, 3, 3),
        w2=(4, 5),
    )
    assert default(proto).shape == (4, 9, width)
    assert default(proto).view.kind == "channels_first"


def differences(rest: onnx.ModelProto, a: Array, target: int, evaluate: Any) -> Array:
    """How a score rises with each element of one image's activation, [1, ...], by central differences."""
    steps = 0.5 * np.eye(a.size, dtype=np.float32).reshape(a.size, *a.shape[1:])
    above, below = (evaluate(rest, {"a": a + sign * steps})["y"][:, target] for sign in (1, -1))
    return (above - below).reshape(a.shape)


def test_grad_cam_with_channels_last_is_its_formula_by_central_differences(tmp_path: Path, evaluate: Any) -> None:
    """The original, cut open after the ReLU, tells how the score rises with each of its elements."""
    proto = keras3()
    export(proto, tmp_path / "out.onnx")
    image = np.random.default_rng(0).standard_normal((2, 12, 12, 3)).astype(np.float32)
    got = Explainer(tmp_path / "out.onnx").run(image, [3, 1])
    proto.graph.output.append(onnx.helper.make_tensor_value_info("last_conv", 1, None))
    a = evaluate(proto, {"image": image})["last_conv"]
    rest = onnx.utils.Extractor(proto).extract_model(["last_conv"], ["y"])
    rest.graph.node[0].input[0] = rest.graph.input[0].name = "a"
    g = np.concatenate([differences(rest, a[:1], 3, evaluate), differences(rest, a[1:], 1, evaluate)])
    np.testing.assert_allclose(got.activations["last_conv"], a.transpose(0, 3, 1, 2), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(got.gradients["last_conv"], g.transpose(0, 3, 1, 2), rtol=1e-3, atol=1e-6)
    by_hand = np.maximum((g.mean((1, 2), keepdims=True) * a).sum(3), 0)
    np.testing.assert_allclose(got.grad_cam(), by_hand, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("name", "words"), [("p", "has the shape .*, a single place"), ("f", "and is not spatial")])
def test_what_is_no_map_is_refused(name: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(TargetLayerError, match=rf"the layer '{name}' .*{words}; choose one with a map"):
        export(grey(), tmp_path / "out.onnx", layers=name)


def test_a_layer_may_be_named_by_its_node_or_its_value(tmp_path: Path) -> None:
    proto = small()
    proto.graph.node[0].name = "features/conv"
    report = export(proto, tmp_path / "out.onnx", layers=["features/conv", "r"])
    assert [(layer.name, layer.value) for layer in report.metadata.layers] == [("features/conv", "c"), ("r", "r")]
