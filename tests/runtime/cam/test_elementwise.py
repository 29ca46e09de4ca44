import numpy as np
import pytest

from onnxcam import cam


@pytest.mark.parametrize(("images", "rows"), [(1, 1), (3, 3), (1, 4)])
def test_a_weight_for_each_place(images, rows):
    rng = np.random.default_rng(0)
    activations = rng.normal(size=(images, 5, 3, 4)).astype(np.float32)
    gradients = rng.normal(size=(rows, 5, 3, 4)).astype(np.float32)
    hires = cam.hires_cam(activations, gradients, relu=False)
    layer = cam.layer_cam(activations, gradients, relu=False)
    for m in range(rows):
        image = activations[m if images == rows else 0]
        for i, j in np.ndindex(3, 4):
            g, a = gradients[m, :, i, j].astype(np.float64), image[:, i, j]
            assert hires[m, i, j] == pytest.approx(sum(g[k] * a[k] for k in range(5)), rel=1e-4, abs=1e-5)
            assert layer[m, i, j] == pytest.approx(sum(max(g[k], 0) * a[k] for k in range(5)), rel=1e-4, abs=1e-5)


def test_half_precision_is_summed_in_single():
    activations, gradients = np.full((1, 16, 1, 1), 100, np.float16), np.full((1, 16, 1, 1), 100, np.float16)
    assert cam.hires_cam(activations, gradients) == pytest.approx(160_000)  # beyond float16
    assert cam.layer_cam(activations, gradients) == pytest.approx(160_000)
