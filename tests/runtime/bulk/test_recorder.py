import hashlib
import io

import numpy as np
import pytest
from PIL import Image

import onnxcam
from onnxcam import LayerError, MethodError, ModelError, TargetError
from onnxcam.bulk.recorder import Recorder, check
from onnxcam.bulk.rows import ImageFile, Wish


def image_file(path, seed=0, size=(60, 40)):
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    content = stream.getvalue()
    return ImageFile(path, content, hashlib.sha256(content).hexdigest())


BAD = ImageFile("bad.jpg", b"no image")
LOST = ImageFile("lost.jpg", None, error="lost.jpg does not exist")


def unpacked(content, height, width, peak):
    return np.frombuffer(content, "<f2").reshape(height, width).astype(np.float32) * peak


def test_a_row_has_what_the_explanation_has(pooled):
    file = image_file("a.png")
    (row,) = Recorder(pooled, Wish(), model="abc").rows([file])
    explanation = pooled.explain(file.content, level=1)
    (grad_cam,) = explanation.grad_cam()
    top = explanation.top(1)[0]
    assert (row.path, row.hash, row.error) == ("a.png", file.hash, None)
    assert (row.class_index, row.label) == (top.index, top.label)
    assert row.score == pytest.approx(top.score)
    assert row.probability == pytest.approx(top.probability)
    assert (row.method, row.layer) == ("grad-cam", "features")
    np.testing.assert_allclose(
        unpacked(row.map, row.map_height, row.map_width, row.peak), grad_cam, rtol=2e-3, atol=1e-3 * row.peak
    )
    assert row.peak == pytest.approx(grad_cam.max())
    assert row.energy == pytest.approx(grad_cam.sum())
    assert (row.pixels, row.pixels_peak) == (None, None)
    assert (row.model, row.onnxcam) == ("abc", onnxcam.__version__)


def test_the_peak_is_in_pixels_of_the_image(pooled):
    file = image_file("a.png", size=(120, 80))
    (row,) = Recorder(pooled, Wish()).rows([file])
    explanation = pooled.explain(file.content, level=1)
    (grad_cam,) = explanation.grad_cam()
    y, x = np.unravel_index(grad_cam.argmax(), grad_cam.shape)
    (placed,) = explanation.photographs
    left, top, right, bottom = placed.geometry.box_on((120, 80))
    assert row.peak_x == pytest.approx(left + (right - left) * (x + 0.5) / grad_cam.shape[1])
    assert row.peak_y == pytest.approx(top + (bottom - top) * (y + 0.5) / grad_cam.shape[0])


@pytest.mark.parametrize("level", [0, 1, 2])
def test_the_levels(pooled, level):
    (row,) = Recorder(pooled, Wish(level=level)).rows([image_file("a.png")])
    assert (row.map is not None, row.pixels is not None) == (level > 0, level > 1)
    assert row.score is not None


def test_pixels_are_guided_grad_cam_at_the_loudest_channel(pooled):
    file = image_file("a.png")
    (row,) = Recorder(pooled, Wish(level=2)).rows([file])
    (guided,) = pooled.explain(file.content, level=2).guided_grad_cam()
    loudest = np.take_along_axis(guided, np.abs(guided).argmax(0)[None], 0)[0]
    pixels = unpacked(row.pixels, row.pixels_height, row.pixels_width, row.pixels_peak)
    assert np.abs(loudest).max() > 0
    np.testing.assert_allclose(pixels, loudest, rtol=2e-3, atol=1e-3 * row.pixels_peak)


def test_channels_may_be_last(flat):
    file = image_file("a.png")
    (row,) = Recorder(flat, Wish(level=2)).rows([file])
    assert (row.pixels_height, row.pixels_width) == flat.metadata.image.places


def test_each_target_is_a_row(pooled):
    wish = Wish((1, -1, -2))
    files = [image_file("a.png", 0), BAD, image_file("b.png", 1)]
    rows = Recorder(pooled, wish).rows(files)
    assert [row.path for row in rows] == ["a.png"] * 3 + ["bad.jpg"] + ["b.png"] * 3
    for first, file in ((0, files[0]), (4, files[2])):
        explanation = pooled.explain(file.content, list(wish.targets), level=1)
        assert [row.class_index for row in rows[first : first + 3]] == explanation.class_index.tolist()
        assert [row.label for row in rows[first : first + 3]] == explanation.labels
        np.testing.assert_allclose([row.energy for row in rows[first : first + 3]], explanation.grad_cam().sum((1, 2)))


def test_a_batch_gives_what_each_image_gives_alone(pooled):
    files = [image_file(f"{seed}.png", seed) for seed in range(5)]
    together = Recorder(pooled, Wish(level=2)).rows(files)
    alone = [row for file in files for row in Recorder(pooled, Wish(level=2)).rows([file])]
    for a, b in zip(together, alone, strict=True):
        assert (a.path, a.class_index) == (b.path, b.class_index)
        assert a.energy == pytest.approx(b.energy, rel=1e-4)


def test_images_that_fail_are_rows_with_the_reason(pooled):
    good = image_file("good.png")
    rows = Recorder(pooled, Wish(), threads=2).rows([BAD, good, LOST, ImageFile("empty.png", b"")])
    assert [row.path for row in rows] == ["bad.jpg", "good.png", "lost.jpg", "empty.png"]
    assert "bad.jpg is not an image" in rows[0].error
    assert (rows[1].error, rows[2].error, rows[3].error) == (None, "lost.jpg does not exist", "empty.png is empty")
    assert all(row.map is None and row.class_index is None for row in (rows[0], rows[2], rows[3]))


def test_no_image_at_all(pooled):
    assert Recorder(pooled, Wish()).rows([]) == []
    assert [row.error for row in Recorder(pooled, Wish()).rows([LOST])] == ["lost.jpg does not exist"]


def test_only_the_culprit_of_a_batch_fails(pooled):
    class Failing:
        """Fails for every batch that holds the second image, as a model does whose scores become infinite."""

        metadata = pooled.metadata

        def run(self, tensor, *arguments, **options):
            if any((row == culprit).all() for row in tensor):
                raise ModelError("the model's outputs hold infinity")
            return pooled.run(tensor, *arguments, **options)

    files = [image_file(f"{seed}.png", seed) for seed in range(3)]
    culprit = pooled.explain(files[1].content, level=0).tensor[0]
    rows = Recorder(Failing(), Wish()).rows(files)
    assert [row.error for row in rows] == [None, "the model's outputs hold infinity", None]


def test_check_finds_what_every_image_would_fail_of(pooled, toy):
    check(pooled, Wish((1, -1), level=2))
    for wish, error in [
        (Wish((99,)), TargetError),
        (Wish(layer="nothing"), LayerError),
        (Wish(method="nothing"), MethodError),
    ]:
        with pytest.raises(error):
            check(pooled, wish)
    with pytest.raises(ModelError, match="without preprocessing"):
        check(toy, Wish())
