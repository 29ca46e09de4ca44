from dataclasses import replace

import numpy as np
import pytest

from onnxcam.evaluation.scorer import Scorer, to_channels_first, to_input
from onnxcam.execution.model import LoadedModel


@pytest.fixture
def images():
    return np.random.default_rng(0).standard_normal((5, 3, 8, 8)).astype(np.float32)


def test_probabilities_are_the_softmax_of_the_scores_whatever_the_batch(pooled, images):
    scores = pooled.run(images, level=0).scores.astype(float)
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    for batch in (1, 2, 16):
        scorer = Scorer(LoadedModel(pooled._opening[1][0], level=0), batch)
        assert scorer(iter(images), 2) == pytest.approx(expected[:, 2], abs=1e-6)
        assert scorer.images == 5
    assert scorer.of_classes(images[1]) == pytest.approx(expected[1], abs=1e-6)
    assert scorer([], 2).shape == (0,)


def test_channels_last_and_integers(flat, pooled, images):
    assert flat.metadata.image.channel_axis == 3
    row = to_input(images[0], flat.metadata)
    assert row.shape == flat.metadata.image.shape
    assert (to_channels_first(row, flat.metadata) == images[0]).all()
    assert (to_channels_first(to_input(images[0], pooled.metadata), pooled.metadata) == images[0]).all()


def test_numbers_are_rounded_for_models_of_bytes(pooled):
    bytes_ = replace(pooled.metadata, image=replace(pooled.metadata.image, dtype="uint8"))
    image = np.full((3, 8, 8), 254.6, np.float32)
    image[0] = -3
    row = to_input(image, bytes_)
    assert row.dtype == np.uint8
    assert (row[0].max(), row[1].min()) == (0, 255)


def test_a_model_of_a_fixed_batch_gets_whole_batches(data, images):
    model = LoadedModel(data / "pooled.onnx", level=0)
    expected = Scorer(model)(iter(images), 2)
    image = replace(model.metadata.image, batch=3)
    model.metadata = replace(model.metadata, image=image)
    sizes = []
    run = model.run
    model.run = lambda inputs, rows, request: sizes.append(len(rows.order)) or run(inputs, rows, request)
    scorer = Scorer(model, 16)
    assert scorer(iter(images), 2) == pytest.approx(expected, abs=1e-6)
    assert sizes == [3, 3]
    assert scorer.of_classes(images[0])[2] == pytest.approx(expected[0], abs=1e-6)
