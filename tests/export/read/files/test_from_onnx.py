"""Opening ONNX models: what is refused, in one sentence, and what is read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

import onnxcam
from onnx_text import model, small
from onnxcam.errors import TensorError
from onnxcam_export import ExportError, ScoreError, ShapeError, SourceError, export
from onnxcam_export.read.files.from_onnx import open_model
from onnxcam_export.read.source import read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def broken(file: Path) -> Path:
    data = small().SerializeToString()
    file.write_bytes(data[: len(data) // 2])
    return file


def write(file: Path, content: bytes) -> Path:
    file.write_bytes(content)
    return file


def headless() -> onnx.ModelProto:
    proto = small()
    del proto.graph.node[:]
    return proto


def explainer(folder: Path) -> Path:
    export(small(), folder / "explained.onnx", verify=False)
    return folder / "explained.onnx"


def training() -> onnx.ModelProto:
    return small(
        head="""d = Dropout(f, ratio, training)
                y = Gemm(d, w2, b2)""",
        weights={"ratio": np.array(0.5, np.float32), "training": np.array(True)},
    )


def future() -> onnx.ModelProto:
    proto = small()
    proto.opset_import[0].version = 99
    return proto


def unloadable() -> onnx.ModelProto:
    return small(head="y = NoSuchOperator(f)")


def wrong_type() -> onnx.ModelProto:
    return small(head="y = Gemm(f, w2, b2)", weights={"b2": np.zeros(5, np.float64)})


REFUSALS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "missing": (lambda folder: folder / "no.onnx", "no.onnx does not exist; give the path of an .onnx file"),
    "folder": (lambda folder: folder, "is a folder; give the path of an .onnx file"),
    "empty": (lambda folder: write(folder / "e.onnx", b""), "e.onnx is empty; export or download the model again"),
    "text": (lambda folder: write(folder / "t.onnx", b"hello, this is text"), "t.onnx is not an ONNX model, or is"),
    "zeros": (lambda folder: write(folder / "z.onnx", bytes(64)), "z.onnx is not an ONNX model, or is damaged; export"),
    "truncated": (lambda folder: broken(folder / "b.onnx"), "b.onnx is not an ONNX model, or is damaged; export"),
    "headless": (lambda _: headless(), "g is not an ONNX model: it has no graph, or names no operator set"),
    "explainer": (explainer, "explained.onnx is an explainer model already; give the model it was made from"),
    "training": (lambda _: training(), "was exported in training mode, which its Dropout node"),
    "future": (lambda _: future(), "cannot load g: "),
    "unloadable": (lambda _: unloadable(), "NoSuchOperator"),
    "wrong_type": (lambda _: wrong_type(), "ONNX Runtime cannot load g: "),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_is_no_model_is_refused_in_one_sentence(case: str, tmp_path: Path) -> None:
    make, message = REFUSALS[case]
    source = make(tmp_path)
    with pytest.raises(SourceError) as caught:
        export(source, tmp_path / "out.onnx")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not [file for file in tmp_path.iterdir() if "out.onnx" in file.name]


def test_something_else_altogether_is_refused() -> None:
    with pytest.raises(SourceError, match=r"cannot export a dict; give a torch.nn.Module, .* the path of an .onnx"):
        export({}, "out.onnx")


# External data


def with_external_data(folder: Path, location: str = "weights.bin") -> Path:
    proto = small()
    onnx.save(proto, folder / "m.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    proto = onnx.load(folder / "m.onnx", load_external_data=False)
    for tensor in proto.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    (folder / "m.onnx").write_bytes(proto.SerializeToString())
    return folder / "m.onnx"


def test_external_data_are_read(tmp_path: Path) -> None:
    report = export(with_external_data(tmp_path), tmp_path / "out.onnx")
    assert report.metadata.verification is not None
    assert not (tmp_path / "out.onnx.data").exists()


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/hostname", "inner/../../secret.bin"])
def test_external_data_outside_of_the_folder_are_not_read(location: str, tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(4096))
    folder = tmp_path / "model"
    folder.mkdir()
    with pytest.raises(
        SourceError, match=r"lies in '.*', outside of the model's folder, and is not read; put the file"
    ):
        export(with_external_data(folder, location), tmp_path / "out.onnx")


def test_a_constant_outside_of_the_folder_is_not_read(tmp_path: Path) -> None:
    proto = small(head="k = Constant <value = float[5] {1, 2, 3, 4, 5}> ()\ny = Gemm(f, w2, k)")
    tensor = next(node for node in proto.graph.node if node.op_type == "Constant").attribute[0].t
    tensor.ClearField("float_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret.bin")
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(SourceError, match="outside of the model's folder"):
        export(tmp_path / "m.onnx", tmp_path / "out.onnx")


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(4096))
    folder = tmp_path / "model"
    folder.mkdir()
    path = with_external_data(folder)
    (folder / "weights.bin").unlink()
    (folder / "weights.bin").symlink_to(tmp_path / "secret.bin")
    with pytest.raises(SourceError, match="outside of the model's folder"):
        export(path, tmp_path / "out.onnx")


def test_links_within_one_folder_are_followed(tmp_path: Path) -> None:
    """As model hubs' caches lay files out: named links to blobs that lie together."""
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshot"
    blobs.mkdir()
    snapshot.mkdir()
    with_external_data(blobs)
    (snapshot / "model.onnx").symlink_to(blobs / "m.onnx")
    (snapshot / "weights.bin").symlink_to(blobs / "weights.bin")
    assert export(snapshot / "model.onnx", tmp_path / "out.onnx").metadata.source.name == "model.onnx"


def test_missing_and_damaged_external_data_are_named(tmp_path: Path) -> None:
    path = with_external_data(tmp_path)
    os.truncate(tmp_path / "weights.bin", 100)
    with pytest.raises(SourceError, match=r"weights are damaged: .*weights.bin ends before 'w1'; copy it again"):
        export(path, tmp_path / "out.onnx")
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(
        SourceError, match=r"weights are missing: .*weights.bin does not exist; put it beside the model"
    ):
        export(path, tmp_path / "out.onnx")


def test_a_proto_whose_weights_are_elsewhere_is_refused(tmp_path: Path) -> None:
    proto = onnx.load(with_external_data(tmp_path), load_external_data=False)
    with pytest.raises(
        SourceError, match="has its weights in other files, and its folder is not known; give the model"
    ):
        export(proto, tmp_path / "out.onnx")


# Inputs


def two_inputs() -> onnx.ModelProto:
    """A detector's: the image, and a scale for the answer."""
    return model(
        """g (float[N,1] scale, float[N,3,12,12] x) => (float[N,5] y) {
            c = Conv(x, w1)
            r = Relu(c)
            p = GlobalAveragePool(r)
            f = Flatten(p)
            s = Gemm(f, w2)
            y = Mul(s, scale)
        }""",
        w1=(4, 3, 3, 3),
        w2=(4, 5),
    )


def two_images() -> onnx.ModelProto:
    return model(
        """g (float[N,3,12,12] left, float[N,3,12,12] right) => (float[N,5] y) {
            d = Sub(left, right)
            c = Conv(d, w1)
            r = Relu(c)
            p = GlobalAveragePool(r)
            f = Flatten(p)
            y = Gemm(f, w2)
        }""",
        w1=(4, 3, 3, 3),
        w2=(4, 5),
    )


def test_the_other_inputs_keep_flowing(tmp_path: Path) -> None:
    report = export(two_inputs(), tmp_path / "out.onnx")
    assert report.metadata.image.name == "x"
    assert report.metadata.golden is None
    proto = onnx.load(report.path)
    assert [value.name for value in proto.graph.input][:2] == ["scale", "x"]
    explainer = onnxcam.Explainer(report.path)
    image = np.random.default_rng(0).standard_normal((2, 3, 12, 12)).astype(np.float32)
    once, twice = (explainer.run(image, 1, inputs={"scale": np.full((2, 1), s, np.float32)}) for s in (1, 2))
    np.testing.assert_allclose(twice.scores, 2 * once.scores, rtol=1e-5)
    np.testing.assert_allclose(twice.guided_backprop(), 2 * once.guided_backprop(), rtol=1e-4, atol=1e-6)
    with pytest.raises(TensorError, match=r"besides the image the model needs scale \['N', 1\]; hand over .* inputs="):
        explainer.run(image)
    with pytest.raises(TensorError, match=r"the model has no input size; it takes scale, x"):
        explainer.run(image, inputs={"scale": np.ones((2, 1), np.float32), "size": image})


def test_of_several_images_one_must_be_named(tmp_path: Path) -> None:
    message = (
        r"several inputs that could be the image; name it with image_input \(--input\): left \[N, 3, 12, 12\], right"
    )
    with pytest.raises(SourceError, match=message):
        export(two_images(), tmp_path / "out.onnx")
    with pytest.raises(SourceError, match="the model has no input 'middle'; it has left"):
        export(two_images(), tmp_path / "out.onnx", image_input="middle")
    report = export(two_images(), tmp_path / "out.onnx", image_input="right")
    assert report.metadata.image.name == "right"
    assert report.metadata.verification is not None


def free_size() -> onnx.ModelProto:
    return model(
        """g (float[N,3,H,W] x) => (float[N,5] y) {
            c = Conv(x, w1)
            r = Relu(c)
            p = GlobalAveragePool(r)
            f = Flatten(p)
            y = Gemm(f, w2)
        }""",
        w1=(4, 3, 3, 3),
        w2=(4, 5),
    )


def test_a_free_size_must_be_given(tmp_path: Path) -> None:
    message = (
        r"the input 'x' has the shape \[N, 3, H, W\], and all but its batch must be fixed at export; give the sizes of "
        r"its axes after the batch with input_shape \(--input-size\), such as --input-size 3x224x224"
    )
    with pytest.raises(ShapeError, match=message):
        export(free_size(), tmp_path / "out.onnx")
    report = export(free_size(), tmp_path / "out.onnx", input_shape=(10, 14))
    assert report.metadata.image.shape == (3, 10, 14)
    assert [layer.shape for layer in report.metadata.layers] == [(4, 8, 12)]


@pytest.mark.parametrize("shape", [(1, 3, 10, 14), (3, 10, 14), (10, 14)])
def test_a_size_may_be_given_with_channels_and_batch_or_without(shape: tuple[int, ...]) -> None:
    opened = open_model(free_size(), input_shape=shape)
    assert list(opened.model.graph.inputs[0].shape or ())[1:] == [3, 10, 14]


@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 12, 12), (16, 16), (12,), (12, 12, 3)])
def test_a_size_that_the_model_cannot_take_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        ShapeError, match=r"the input 'x' has the shape \[N, 3, 12, 12\] and cannot take \[.*; leave it"
    ):
        open_model(small(), input_shape=shape)


@pytest.mark.parametrize("shape", [(1, 3, 10, 14), (3, 10, 14)])
def test_an_input_of_which_the_file_states_no_shape(shape: tuple[int, ...], tmp_path: Path) -> None:
    proto = free_size()
    proto.graph.input[0].type.tensor_type.ClearField("shape")
    with pytest.raises(ShapeError, match=r"states no shape of the input 'x'; give all of it with input_shape"):
        export(proto, tmp_path / "out.onnx")
    with pytest.raises(ShapeError, match=r"states no shape of the input 'x', and \[10, 14\] is not all of it"):
        export(proto, tmp_path / "out.onnx", input_shape=(10, 14))
    report = export(proto, tmp_path / "out.onnx", input_shape=shape)
    assert report.metadata.image.shape == (3, 10, 14)
    assert report.metadata.verification is not None


def test_a_name_that_is_written_twice_is_named(tmp_path: Path) -> None:
    proto = free_size()
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(4, np.float32), "p"))
    with pytest.raises(SourceError, match="g is not a valid ONNX model: Output 'p' is redeclared"):
        export(proto, tmp_path / "out.onnx")


def test_optional_values_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="optional values are not supported, and Optional node '' "):
        export(small(head="o = Optional(f) g = OptionalGetElement(o) y = Gemm(g, w2, b2)"), tmp_path / "out.onnx")


def test_an_original_that_runs_nowhere_is_said_to_be_at_fault(tmp_path: Path) -> None:
    proto = small()
    proto.graph.node[0].attribute[0].CopyFrom(onnx.helper.make_attribute("auto_pad", "SAME_LOWER"))
    proto.graph.node[0].attribute.append(onnx.helper.make_attribute("dilations", [2, 2]))
    with pytest.raises(SourceError, match=r"ONNX Runtime cannot run the original: .*Dilation not supported .*; give a"):
        export(proto, tmp_path / "out.onnx")


def test_an_original_that_fails_like_its_artifact_is_said_to_be_at_fault(tmp_path: Path) -> None:
    proto = small(head="g = Gather <axis = 1> (f, ninth) y = Gemm(g, w3)", weights={"ninth": [8], "w3": (1, 5)})
    with pytest.raises(SourceError, match=r"cannot run the original: .*out of data bounds.*; give a model"):
        export(proto, tmp_path / "out.onnx")


@pytest.mark.parametrize("outputs", ["string[N] label", "string[N] label, float[N,5] y"])
def test_labels_as_strings(outputs: str, tmp_path: Path) -> None:
    proto = small(outputs, "y = Gemm(f, w2, b2) i = ArgMax <axis = 1, keepdims = 0> (y) label = Gather(names, i)")
    proto.graph.initializer.append(onnx.helper.make_tensor("names", onnx.TensorProto.STRING, [5], list("abcde")))
    report = export(proto, tmp_path / "out.onnx", score_output="y")
    assert report.metadata.verification is not None
    assert report.metadata.verification.errors["label"] == 0


def test_a_file_in_float64(tmp_path: Path) -> None:
    """ONNX Runtime has no convolutions in float64."""
    proto = model(
        """g (double[N,3,12,12] x) => (double[N,5] y) {
            half = Mul(x, k)
            c = MatMul(half, w1)
            r = Tanh(c)
            f = ReduceMean <keepdims = 0> (r, axes)
            y = MatMul(f, w2)
        }""",
        w1=np.random.default_rng(0).standard_normal((12, 12)),
        w2=np.random.default_rng(1).standard_normal((3, 5)),
        axes=[2, 3],
        k=np.array(0.5),
    )
    report = export(proto, tmp_path / "out.onnx", input_gradient="plain")
    w1, w2 = (onnx.numpy_helper.to_array(weight) for weight in proto.graph.initializer[:2])
    image = np.random.default_rng(2).standard_normal((2, 3, 12, 12))
    found = onnxcam.Explainer(report.path).run(image, [1, 4])
    expected = (w2.T[[1, 4], :, None, None] / 144 * (1 - np.tanh(image / 2 @ w1) ** 2)) @ w1.T
    np.testing.assert_allclose(found.gradients["half"], expected, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(found.input_gradient(), expected / 2, rtol=1e-5, atol=1e-8)


def test_an_input_that_is_no_image_is_refused() -> None:
    text = "g (float[8] x) => (float[5] y) { y = MatMul(x, w) }"
    with pytest.raises(
        ShapeError, match=r"the input 'x' has the shape \[8\]; a signal, an image .* choose another input"
    ):
        open_model(model(text, w=(8, 5)))


def test_of_a_free_size_the_form_to_give_it_in_is_said() -> None:
    for shape, size in (("N,T", "16000"), ("N,2,T", "2x500"), ("N,T,2", "1x2"), ("N,1,H,64", "1x224x64")):
        with pytest.raises(ShapeError, match=f"--input-size {size}$"):
            open_model(model(f"g (float[{shape}] x) => (float[{shape}] y) {{ y = Relu(x) }}"))
    with pytest.raises(
        ShapeError, match=r"'x' has the shape \[N, 2, T\] and cannot take \[3, 9\] .*; give it as --input-"
    ):
        open_model(model("g (float[N,2,T] x) => (float[N,2,T] y) { y = Relu(x) }"), input_shape=(3, 9))


def test_maps_of_a_single_place_grow_with_the_input_if_its_size_is_free(tmp_path: Path) -> None:
    text = "g (float[N,3,{}] x) => (float[N,4] y) {{ c = Conv <strides = [8, 8]> (x, w) y = Flatten(c) }}"
    for size, advice in (("8,8", "the model fixes this size, so export the"), ("H,W", "give a larger input_shape")):
        with pytest.raises(ScoreError, match=f"no feature map with more than one place .*; {advice}"):
            export(model(text.format(size), w=(4, 3, 8, 8)), tmp_path / "out.onnx", input_shape=(8, 8))


def test_an_operator_without_a_gradient_is_named_where_there_are_no_maps(tmp_path: Path) -> None:
    text = """g (float[batch,8] x) => (float[batch,8] y) {
        s = ai.onnx.ml.Normalizer <norm = "MAX"> (x)
        y = Relu(s)
    }"""
    with pytest.raises(
        ScoreError, match=r"are not supported; ai.onnx.ml::Normalizer node '.*' \(x -> s\) is not supported"
    ):
        export(model(text, domains=', "ai.onnx.ml": 3'), tmp_path / "out.onnx")


def test_an_input_without_places_has_no_maps(tmp_path: Path) -> None:
    text = "g (float[N,8] x) => (float[N,5] y) { y = MatMul(x, w) }"
    with pytest.raises(ScoreError, match=r"no feature map lies between the input 'x' \[batch, 8\] and the score, only"):
        export(model(text, w=(8, 5)), tmp_path / "out.onnx")


def test_integers_used_as_integers_have_no_gradient(tmp_path: Path) -> None:
    proto = model(
        """g (uint8[N,3,12,12] x) => (float[N,5] y) {
            h = Div(x, two)
            z = Cast <to = 1> (h)
            c = Conv(z, w1)
            r = Relu(c)
            p = GlobalAveragePool(r)
            f = Flatten(p)
            y = Gemm(f, w2)
        }""",
        two=np.array(2, np.uint8),
        w1=(4, 3, 3, 3),
        w2=(4, 5),
    )
    with pytest.raises(
        ScoreError, match=r"the input 'x' is UINT8 and Div node .* uses it as such, so the score has no"
    ):
        export(proto, tmp_path / "out.onnx")


# Outputs, and what survives


def test_an_output_may_be_named_by_its_index() -> None:
    original = read(small("float[N,5] y, float[N,4] f", "y = Gemm(f, w2, b2)"), None)
    assert [original.output_name(wanted) for wanted in (None, "f", 1, "0", -1)] == [None, "f", "f", "y", "f"]
    with pytest.raises(ScoreError, match="the model has no output 2; score_output can be one of y, f"):
        original.output_name(2)


def test_metadata_and_documentation_survive(tmp_path: Path) -> None:
    proto = small()
    proto.metadata_props.add(key="names", value="{0: 'cat'}")
    proto.doc_string = "trained on cats"
    proto.producer_name, proto.producer_version = "keras2onnx", "1.7.0"
    report = export(proto, tmp_path / "out.onnx", verify=False)
    written = onnx.load(report.path)
    assert {entry.key: entry.value for entry in written.metadata_props}["names"] == "{0: 'cat'}"
    assert written.doc_string == "trained on cats"
    assert "keras2onnx 1.7.0" in report.metadata.source.exporter
    assert (report.metadata.source.kind, report.metadata.source.name) == ("onnx.ModelProto", "g")


def test_a_pytorch_module_has_the_inputs_of_its_arguments(tmp_path: Path) -> None:
    import torch  # noqa: PLC0415

    with pytest.raises(ExportError, match=r"the module has no input \'x\'; image_input \(--input\) can be input"):
        export(torch.nn.Identity(), tmp_path / "out.onnx", image_input="x")


def test_nodes_may_stand_in_any_order(tmp_path: Path) -> None:
    proto = small()
    nodes = list(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend(reversed(nodes))
    assert export(proto, tmp_path / "out.onnx").metadata.verification is not None


def test_a_bfloat16_file_becomes_float32_with_a_note(tmp_path: Path) -> None:
    wide = small()
    half = onnx.ModelProto.FromString(wide.SerializeToString())
    for value in (*half.graph.input, *half.graph.output):
        value.type.tensor_type.elem_type = onnx.TensorProto.BFLOAT16
    for proto in (half, wide):  # to the same weights
        for tensor in proto.graph.initializer:
            bits = onnx.numpy_helper.to_array(tensor).view(np.uint32) & np.uint32(0xFFFF0000)
            if proto is wide:
                tensor.CopyFrom(onnx.numpy_helper.from_array(bits.view(np.float32), tensor.name))
            else:
                raw = (bits >> 16).astype(np.uint16).tobytes()
                shape = list(tensor.dims)
                tensor.CopyFrom(onnx.helper.make_tensor(tensor.name, onnx.TensorProto.BFLOAT16, shape, raw, raw=True))
    report, expected = export(half, tmp_path / "half.onnx"), export(wide, tmp_path / "wide.onnx")
    assert "what the model has in bfloat16 was made float32" in str(report)
    image = np.random.default_rng(0).standard_normal((2, 3, 12, 12)).astype(np.float32)
    got, wanted = (onnxcam.Explainer(item.path).run(image, [3, 1]) for item in (report, expected))
    np.testing.assert_array_equal(got.guided_backprop(), wanted.guided_backprop())
