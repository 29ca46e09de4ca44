import numpy as np
import pytest

from onnxcam.errors import ModelError
from onnxcam.execution.output_check import check_finite, check_shapes


def outputs(images: int = 1, rows: int = 1) -> dict[str, np.ndarray]:
    return {
        "onnxcam.scores": np.zeros((images, 5), np.float32),
        "onnxcam.class_index": np.zeros(rows, np.int64),
        "onnxcam.activations/features": np.zeros((images, 4, 8, 8), np.float32),
        "onnxcam.gradients/features": np.zeros((rows, 4, 8, 8), np.float32),
        "onnxcam.guided_gradients": np.zeros((rows, 3, 8, 8), np.float32),
    }


@pytest.mark.parametrize(("images", "rows"), [(1, 1), (1, 3), (3, 3)])
def test_what_is_promised_passes(pooled, images, rows):
    check_shapes(outputs(images, rows), pooled.metadata, images, rows)


@pytest.mark.parametrize("name", list(outputs()))
def test_another_shape_is_said(pooled, name):
    got = outputs() | {name: outputs()[name][None]}
    with pytest.raises(ModelError, match=f"the model gave {name} as .*, where its metadata promises"):
        check_shapes(got, pooled.metadata, 1, 1)
    with pytest.raises(ModelError, match="where its metadata promises"):
        check_shapes(outputs(2, 2) | {name: outputs()[name]}, pooled.metadata, 2, 2)


@pytest.mark.parametrize("index", [-1, 5, 2**62])
def test_a_class_that_does_not_exist_is_said(pooled, index):
    got = outputs() | {"onnxcam.class_index": np.array([index])}
    with pytest.raises(ModelError, match="named a class that it does not have"):
        check_shapes(got, pooled.metadata, 1, 1)


@pytest.mark.parametrize("name", [name for name in outputs() if name != "onnxcam.class_index"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_said(name, value):
    got = outputs()
    check_finite(got)
    got[name].flat[-1] = value
    with pytest.raises(ModelError, match=f"the model's {name} holds NaN or infinity for this input") as caught:
        check_finite(got)
    assert ("level=0" in str(caught.value)) == (name != "onnxcam.scores")
