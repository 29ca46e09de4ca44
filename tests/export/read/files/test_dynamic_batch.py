"""A fixed batch made symbolic, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir
import pytest

from onnx_text import model
from onnxcam_export import ParityError, ShapeError, export
from onnxcam_export.read.files.upgrade import to_standard_form
from onnxcam_export.verify import verify

if TYPE_CHECKING:
    from pathlib import Path

    import onnx


def network(head: str, output: str = "float[1,5] y") -> onnx.ModelProto:
    return model(
        f"""g (float[1,3,12,12] x) => ({output}) {{
            c = Conv(x, w1)
            r = Relu(c)
            p = GlobalAveragePool(r)
            {head}
        }}""",
        w1=(4, 3, 3, 3),
        flat=[1, 4],
        row=[1, -1],
        lost=[4],
        extra=(1, 2),
        w2=(4, 5),
        w3=(6, 5),
    )


@pytest.mark.parametrize("shape", ["flat", "row"])
def test_reshapes_keep_the_batch(shape: str) -> None:
    loaded = ir.from_proto(network(f"f = Reshape(p, {shape})\ny = Gemm(f, w2)"))
    to_standard_form(loaded, dynamic_batch=True)
    (y,) = loaded.graph.outputs
    assert [str(dim) for dim in y.shape or ()] == ["batch", "5"]


def test_a_batch_that_is_lost_on_the_way_is_refused() -> None:
    proto = network("f = Reshape(p, lost)\ny = MatMul(f, w2)", "float[5] y")
    with pytest.raises(ShapeError, match=r"the batch cannot be made symbolic: the output 'y' stays \[5\], because the"):
        to_standard_form(ir.from_proto(proto), dynamic_batch=True)


def test_a_batch_that_is_built_into_a_weight_is_refused(tmp_path: Path) -> None:
    proto = network("f = Flatten(p)\nk = Concat <axis = 1> (f, extra)\ny = Gemm(k, w3)")
    with pytest.raises(ShapeError, match=r"the output 'y' stays \[1, 5\], because the model has the number built in"):
        export(proto, tmp_path / "out.onnx", dynamic_batch=True)
    assert export(proto, tmp_path / "out.onnx").metadata.image.batch == 1


def test_a_fixed_batch_of_several_is_compared_in_batches_of_its_own(tmp_path: Path) -> None:
    proto = network("f = Flatten(p)\ny = Gemm(f, w2)")
    for value in (proto.graph.input[0], proto.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_value = 4
    report = export(proto, tmp_path / "out.onnx", dynamic_batch=True)
    assert report.metadata.image.batch is None
    assert report.metadata.verification is not None
    assert report.metadata.verification.errors["y"] < 1e-6


def test_an_artifact_that_does_not_run_is_a_failed_verification() -> None:
    class Broken:
        def run(self, *_: object) -> None:
            raise RuntimeError("Concat:\ndimensions must match")

    message = r"the artifact does not run on x \[2, 3\]: Concat: dimensions must match; if the original does"
    with pytest.raises(ParityError, match=message):
        verify._run(Broken(), ["y"], {"x": np.zeros((2, 3))})


def test_a_symbolic_batch_stays_and_a_fixed_one_of_more_explains_each_image(tmp_path: Path) -> None:
    proto = network("f = Flatten(p)\ny = Gemm(f, w2)")
    for value in (proto.graph.input[0], proto.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_value = 3
    report = export(proto, tmp_path / "out.onnx")
    assert report.metadata.image.batch == 3
    assert report.metadata.verification is not None
