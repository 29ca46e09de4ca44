"""Against slower and plainer computations of the same formulas."""

import numpy as np
import pytest

from onnxcam import cam


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_guided_grad_cam_multiplies_every_channel_with_the_upsampled_map(layout):
    rng = np.random.default_rng(0)
    guided = rng.normal(size=(2, 3, 8, 6)).astype(np.float32)
    maps = rng.uniform(size=(2, 4, 3)).astype(np.float32)
    large = cam.upsample(maps, (8, 6))
    given = guided if layout == "NCHW" else guided.transpose(0, 2, 3, 1)
    product = cam.guided_grad_cam(given, maps, layout=layout)
    product = product if layout == "NCHW" else product.transpose(0, 3, 1, 2)
    for m in range(2):
        for channel in range(3):
            np.testing.assert_allclose(product[m, channel], guided[m, channel] * large[m], rtol=1e-6)
