import numpy as np
import pytest

import onnxcam
from onnxcam.errors import LayerError, MethodError

FORMULAS = {
    "grad-cam": onnxcam.cam.grad_cam,
    "cam": onnxcam.cam.cam,
    "grad-cam++": onnxcam.cam.grad_cam_plus_plus,
    "xgrad-cam": onnxcam.cam.xgrad_cam,
    "hires-cam": onnxcam.cam.hires_cam,
    "layer-cam": onnxcam.cam.layer_cam,
    "eigen-grad-cam": onnxcam.cam.eigen_grad_cam,
}


@pytest.fixture
def explanation(pooled, picture):
    return pooled.explain(picture, [0, 4, -1])


@pytest.mark.parametrize("method", FORMULAS)
def test_a_map_is_its_formula_of_the_layers_arrays(explanation, method):
    arrays = explanation.activations["features"], explanation.gradients["features"]
    for relu in (True, False):
        np.testing.assert_array_equal(explanation.map(method, relu=relu), FORMULAS[method](*arrays, relu=relu))
    if method != "cam":  # whose own form keeps negative values
        np.testing.assert_array_equal(explanation.compute(method), explanation.map(method, "features"))


def test_eigen_cam_has_a_row_for_each_target(pooled, picture):
    assert len(pooled.explain(picture, [0, 1, 2]).map("eigen-cam")) == 3
    other = np.zeros((8, 8, 3), np.uint8)
    other[2:5] = 255
    both = pooled.explain([picture, other], [[0, 1], [2, 3]]).map("eigen-cam")
    alone = np.concatenate([pooled.explain(image, [0, 1]).map("eigen-cam") for image in (picture, other)])
    np.testing.assert_allclose(both, alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", ["grad-cam++", "xgrad-cam", "hires-cam", "layer-cam", "eigen-grad-cam"])
def test_several_targets_of_several_images_have_their_own_activations(pooled, picture, method):
    images = [picture, np.random.default_rng(1).integers(0, 256, (8, 8, 3), np.uint8)]
    both = pooled.explain(images, [[0, 1], [2, 3]]).map(method, relu=False)
    alone = [pooled.explain(images[m // 2], m).map(method, relu=False) for m in range(4)]
    np.testing.assert_allclose(both, np.concatenate(alone), rtol=1e-4, atol=1e-6)


def test_mistaken_maps(explanation, toy, ramp):
    with pytest.raises(MethodError, match=r"there is no map 'guided-backprop'; there are grad-cam, cam, grad-cam\+\+"):
        explanation.map("guided-backprop")
    with pytest.raises(LayerError, match="'conv' was not fetched; this explanation has features"):
        explanation.map("layer-cam", "conv")
    with pytest.raises(LayerError, match="this model has CAM at the layer 'features' alone, not at 'conv'"):
        explanation.map("cam", "conv")
    with pytest.raises(MethodError, match="LayerCAM needs level=1 or 2, and this explanation is of level 0"):
        toy.run(ramp, level=0).map("layer-cam")
    with pytest.raises(MethodError, match="global average pooling"):
        toy.run(ramp).map("cam")


def test_a_fused_map_is_the_largest_of_the_scaled_layers(toy, ramp):
    explanation = toy.run(ramp, [0, 3])
    scaled = [onnxcam.cam.normalise(explanation.map("layer-cam", layer)) for layer in ("relu1", "conv1")]
    expected = np.maximum(*(onnxcam.cam.upsample(one, (4, 4)) for one in scaled))
    np.testing.assert_array_equal(explanation.fused_map(), expected)
    np.testing.assert_array_equal(explanation.fused_map("layer-cam", ["conv1", "relu1"]), expected)
    np.testing.assert_array_equal(
        explanation.fused_map("grad-cam", ["conv1"]),
        onnxcam.cam.upsample(onnxcam.cam.normalise(explanation.map("grad-cam", "conv1")), (4, 4)),
    )
    assert explanation.fused_map().max() <= 1


def test_mistaken_fused_maps(toy, ramp):
    explanation = toy.run(ramp)
    with pytest.raises(LayerError, match="no layer is named; this explanation has relu1, conv1"):
        explanation.fused_map(layers=[])
    with pytest.raises(LayerError, match="'fc' was not fetched"):
        explanation.fused_map(layers=["conv1", "fc"])
    with pytest.raises(MethodError, match="LayerCAM needs level=1 or 2"):
        toy.run(ramp, level=0).fused_map()
    with pytest.raises(MethodError, match="there is no map 'lime'"):
        explanation.fused_map("lime")
