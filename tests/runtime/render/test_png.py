import io

import numpy as np
import pytest
from PIL import Image

from onnxcam.render import png
from onnxcam.render.png import encode_png

WITH_ISAL = pytest.param(png.isal_zlib, marks=pytest.mark.skipif(png.isal_zlib is None, reason="isal is an extra"))


@pytest.fixture(autouse=True, params=[WITH_ISAL, None], ids=["isal", "zlib"])
def _compression(request, monkeypatch):
    monkeypatch.setattr(png, "isal_zlib", request.param)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (33, 20), (300, 200)])
def test_pillow_reads_the_same_pixels(size):
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    content = encode_png(Image.fromarray(pixels))
    with Image.open(io.BytesIO(content)) as image:
        image.verify()  # checks the sums of the chunks
    with Image.open(io.BytesIO(content)) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        np.testing.assert_array_equal(np.asarray(image), pixels)


def test_even_surfaces_take_next_to_nothing():
    assert len(encode_png(Image.new("RGB", (1000, 1000), "teal"))) < 30_000
