from __future__ import annotations

import pytest

from onnxcam.metadata import ImageInput, Preprocessing
from onnxcam_export.read.preprocessing.given import checked_preprocessing
from support.preprocessed import image_input


@pytest.mark.parametrize(
    ("image", "steps", "words"),
    [
        (image_input(3, 224), Preprocessing(256, 224, assumed=True), "the customary ImageNet values were written"),
        (image_input(3, 16, 20), Preprocessing((16, 20), None, assumed=True), "ImageNet"),
        (
            image_input(1, 16),
            Preprocessing((16, 16), None, mean=(0.0,), std=(1.0,), channel_order="L", assumed=True),
            "an image becomes grey, its pixels from 0 to 1",
        ),
        (
            image_input(3, 16, dtype="uint8"),
            Preprocessing(18, 16, scale=1.0, mean=(0.0,) * 3, std=(1.0,) * 3, assumed=True),
            "pixels are given as they are, from 0 to 255",
        ),
        (image_input(4, 16), None, "the model has 4 channels, so it takes tensors and no images"),
        (ImageInput("x", "NCL", 1, 1, 50), None, "the model takes a signal, so it takes tensors and no images"),
    ],
)
def test_what_is_taken_is_said(image, steps, words):
    checked = checked_preprocessing(None, image)
    assert checked.steps == steps
    (note,) = checked.notes
    assert words in note
    assert ("ImageNet" in note) == (steps is not None and steps.mean == (0.485, 0.456, 0.406))
