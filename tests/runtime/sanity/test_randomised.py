"""Permuted weights: forward pass and gradient change alike, in every branch, and the original stays as it is."""

import numpy as np
import pytest

import onnxcam
from onnxcam.artifact import wire
from onnxcam.errors import ModelError
from onnxcam.sanity.randomised import randomised_copy

IMAGE = np.random.default_rng(1).normal(0, 40, (1, 1, 4, 4)).astype(np.float32)


def test_the_original_stays_and_the_copy_goes(data):
    path = data / "pooled.onnx"
    before = path.read_bytes()
    with randomised_copy(path) as copy:
        copy.randomise(2)
        assert copy.path.read_bytes() != before
        assert sorted(copy.path.read_bytes()) == sorted(before)  # every byte has moved, and none is new
    assert path.read_bytes() == before
    assert not copy.path.exists()


def test_layer_by_layer(data):
    image = np.random.default_rng(0).normal(size=(1, 3, 8, 8)).astype(np.float32)
    before = onnxcam.Explainer(data / "pooled.onnx").run(image)
    with randomised_copy(data / "pooled.onnx") as copy:
        copy.randomise(1)
        last = onnxcam.Explainer(copy.path).run(image)
        copy.randomise(2)
        both = onnxcam.Explainer(copy.path).run(image)
    np.testing.assert_array_equal(last.activations["features"], before.activations["features"])
    assert not np.allclose(last.scores, before.scores, rtol=0.01)
    assert not np.allclose(both.activations["features"], before.activations["features"], rtol=0.01)


@pytest.mark.parametrize("depth", [1, 2])
def test_the_gradient_is_that_of_the_permuted_network(data, depth):
    step = np.random.default_rng(2).normal(size=IMAGE.shape).astype(np.float32) * 1e-2
    with randomised_copy(data / "plain.onnx") as copy:
        copy.randomise(depth)
        explainer = onnxcam.Explainer(copy.path)
        gradient = explainer.run(IMAGE, 0).input_gradient()
        up, down = (explainer.run(IMAGE + sign * step, 0).scores[0, 0] for sign in (1, -1))
        original = onnxcam.Explainer(data / "plain.onnx").run(IMAGE, 0).input_gradient()
    assert np.sum(gradient * step) == pytest.approx((up - down) / 2, rel=1e-2)
    assert np.sum(original * step) != pytest.approx((up - down) / 2, rel=1e-1)


def test_the_branches_of_the_default_model_stay_one_network():
    image = np.random.default_rng(0).normal(size=(1, 3, 224, 224)).astype(np.float32)
    with randomised_copy(onnxcam.default_model()) as copy:
        copy.randomise(50)
        explainer = onnxcam.Explainer(copy.path)
        scores = [explainer.run(image, 7, level=level).scores for level in (0, 1, 2)]
        gradient = explainer.run(image, 7).gradients["features"]
        weights = copy.path.read_bytes()
    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_allclose(scores[0], scores[2], rtol=1e-5)
    # The gradient at the last feature map is a row of the permuted classifier, spread over 7 x 7 places.
    row = (gradient[0].mean(axis=(1, 2)) * 49).astype(np.float32)
    original = onnxcam.Explainer().run(image, 7).gradients["features"][0].mean(axis=(1, 2)) * 49
    assert row[:8].round(4).tolist() != original[:8].round(4).tolist()
    ((weight,),) = copy._layers[0].weights
    stored = np.frombuffer(weights, np.float32, 1000 * 1280, weight.start).reshape(1000, 1280)
    np.testing.assert_allclose(row, stored[7], rtol=1e-4, atol=1e-6)


def externalised(whole: bytes, location: str) -> tuple[bytes, bytes]:
    """A model with its convolution's weights in another file, and that file after 8 bytes of something else."""
    weights = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32).tobytes()
    inline = wire.field(9, weights)
    entries = {"location": location, "offset": "8", "length": str(len(weights))}
    external = b"".join(
        wire.field(13, wire.field(1, key.encode()) + wire.field(2, value.encode())) for key, value in entries.items()
    )
    external += wire.number_field(14, 1)
    comment = b" " * (len(inline) - len(external) - 3)
    assert whole.count(inline) == 1
    return whole.replace(inline, external + wire.field(12, comment)), b"8 bytes." + weights


def test_external_data_are_permuted_in_the_copy(data, tmp_path):
    model, weights = externalised((data / "pooled.onnx").read_bytes(), "inner/w.bin")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "w.bin").write_bytes(weights)
    (tmp_path / "m.onnx").write_bytes(model)
    image = np.random.default_rng(0).normal(size=(1, 3, 8, 8)).astype(np.float32)
    with randomised_copy(data / "pooled.onnx") as inline, randomised_copy(tmp_path / "m.onnx") as external:
        inline.randomise(2)
        external.randomise(2)
        expected = onnxcam.Explainer(inline.path).run(image)
        got = onnxcam.Explainer(external.path, level=2).run(image)
        assert (external.path.parent / "inner" / "w.bin").read_bytes()[:8] == b"8 bytes."
    np.testing.assert_array_equal(got.scores, expected.scores)
    np.testing.assert_array_equal(got.guided, expected.guided)
    assert (tmp_path / "inner" / "w.bin").read_bytes() == weights


def test_a_file_that_is_too_short_is_damaged(data, tmp_path):
    model, weights = externalised((data / "pooled.onnx").read_bytes(), "w.bin")
    (tmp_path / "w.bin").write_bytes(weights[:100])
    (tmp_path / "m.onnx").write_bytes(model)
    with pytest.raises(ModelError, match="is damaged"), randomised_copy(tmp_path / "m.onnx"):
        pass


@pytest.mark.parametrize("location", ["../w.bin", "/etc/passwd"])
def test_weights_elsewhere_are_not_copied(data, tmp_path, location):
    (tmp_path / "m.onnx").write_bytes(externalised((data / "pooled.onnx").read_bytes(), location)[0])
    with pytest.raises(ModelError, match="not in the model's folder"), randomised_copy(tmp_path / "m.onnx"):
        pass
