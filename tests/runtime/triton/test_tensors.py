from types import SimpleNamespace

import pytest

from onnxcam import ModelError
from onnxcam.execution.session import open_session
from onnxcam.triton.tensors import Signature, Tensor


def test_inputs_with_defaults_come_last_and_are_optional(data):
    session, _ = open_session(data / "pooled.onnx", threads=1)
    signature = Signature.of(session)
    assert signature.inputs == (
        Tensor("image", "TYPE_FP32", ("N", 3, 8, 8)),
        Tensor("onnxcam.level", "TYPE_INT64", (), optional=True),
        Tensor("onnxcam.target", "TYPE_INT64", ("T",), optional=True),
    )
    assert [tensor.dims for tensor in signature.inputs] == [(-1, 3, 8, 8), (), (-1,)]
    assert signature.outputs[0] == Tensor("probabilities", "TYPE_FP32", ("N", 5))


def test_a_type_that_triton_has_not_is_an_error():
    value = SimpleNamespace(name="boxes", type="seq(tensor(float))", shape=[])
    session = SimpleNamespace(get_inputs=list, get_overridable_initializers=list, get_outputs=lambda: [value])
    with pytest.raises(ModelError, match=r"^Triton has no type for boxes, which is seq\(tensor\(float\)\)"):
        Signature.of(session)
